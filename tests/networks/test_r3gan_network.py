"""R3GAN's networks: shapes, what they start as, and the paper's size."""

import pytest
import torch
from torch import nn

from imaginable.networks.r3gan import GAIN, Block, ClassCodes, R3ganDiscriminator, R3ganGenerator

RECIPE = {"width": 8, "blocks": 2, "expansion": 2, "group": 4}


def pair(size: int = 32, channels: int = 3, classes: int = 0) -> tuple[R3ganGenerator, R3ganDiscriminator]:
    torch.manual_seed(0)
    shape = (channels, size, size)
    return R3ganGenerator(6, shape, **RECIPE, classes=classes), R3ganDiscriminator(shape, **RECIPE, classes=classes)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_shapes(size: int, channels: int) -> None:
    generator, discriminator = pair(size, channels, classes=2)
    label = torch.tensor([0, -1])
    with torch.no_grad():
        fake = generator(torch.randn(2, 6), label)
        logits = discriminator(fake, label)
    assert fake.shape == (2, channels, size, size)
    assert logits.shape == (2,)


def test_the_output_at_the_start_does_not_depend_on_the_inner_convolutions() -> None:
    generator, discriminator = pair()
    z, x = torch.randn(2, 6), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        before = generator(z), discriminator(x)
        blocks = [block for net in (generator, discriminator) for block in net.modules() if isinstance(block, Block)]
        assert len(blocks) == 2 * 2 * 4
        for block in blocks:
            for layer in (block.expand, block.mix):
                nn.init.normal_(layer.weight)
                nn.init.normal_(layer.bias)  # type: ignore[arg-type]
        assert torch.equal(generator(z), before[0])
        assert torch.equal(discriminator(x), before[1])
        nn.init.normal_(blocks[0].project.weight)
        assert not torch.equal(generator(z), before[0]), "otherwise the blocks are not used at all"


def test_inner_weights_are_scaled_by_the_depth() -> None:
    torch.manual_seed(0)
    block = Block(64, expansion=2, group=16, branches=16)
    assert float(block.expand.weight.detach().std()) == pytest.approx(GAIN / 2 / 64**0.5, rel=0.03)  # 16^(-1/4) = 1/2
    assert float(block.mix.weight.detach().std()) == pytest.approx(GAIN / 2 / (16 * 9) ** 0.5, rel=0.03)


def test_at_the_start_pictures_and_logits_are_of_the_order_of_one() -> None:
    generator, discriminator = pair()
    coarse = torch.randn(64, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)  # survives the way to 4 x 4
    with torch.no_grad():
        assert 0.3 < float(generator(torch.randn(64, 6)).std()) < 2
        assert 0.3 < float(discriminator(coarse).std()) < 2


def test_a_group_that_does_not_divide_the_width_is_the_greatest_common_divisor() -> None:
    assert Block(10, expansion=2, group=16, branches=1).mix.groups == 5  # groups of 4
    assert Block(8, expansion=2, group=16, branches=1).mix.groups == 1


def test_the_papers_preset_has_the_papers_widths_at_256_pixels() -> None:
    with torch.device("meta"):
        network = R3ganDiscriminator((3, 256, 256), width=96, blocks=2, expansion=2, group=16)
    mixing = [stage[0].mix for stage in network.stages]  # type: ignore[index,union-attr]
    assert [mix.in_channels // 2 for mix in mixing] == [96, 192, 384, 768, 768, 768, 768]
    assert [mix.groups for mix in mixing] == [12, 24, 48, 96, 96, 96, 96]


def test_an_unknown_class_has_the_mean_code() -> None:
    codes = ClassCodes(3, 5)
    known = codes(torch.tensor([2, 0, -1]), 3)
    torch.testing.assert_close(known[:2], codes.codes[[2, 0]])
    torch.testing.assert_close(known[2], codes.codes.mean(0))
    torch.testing.assert_close(codes(None, 2), codes.codes.mean(0).expand(2, -1))


def test_float32_whatever_the_precision_inside() -> None:
    generator, discriminator = pair(classes=2)
    with torch.autocast("cpu", torch.bfloat16):
        fake = generator(torch.randn(2, 6))
        assert fake.dtype == torch.float32
        assert discriminator(fake).dtype == torch.float32
