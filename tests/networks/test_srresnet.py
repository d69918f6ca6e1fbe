"""SRResNet: the paper's size, any height and width, and what the light layout begins with."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imaginable.networks.srresnet import Layout, SrganDiscriminator, SrResNet, SubPixel
from imaginable.nn.degrade import larger

every_layout = pytest.mark.parametrize("layout", ["light", "paper"])


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_papers_generator_has_its_number_of_parameters() -> None:
    with torch.device("meta"):
        assert round(parameters(SrResNet(3, 64, 16, 4, "paper")) / 1e6, 3) == 1.547
    assert parameters(SrResNet(3, 64, 16, 4, "paper")) == 1_547_350


@every_layout
@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 13), (1, 5)])
def test_any_height_and_width_are_enlarged(layout: Layout, factor: int, height: int, width: int) -> None:
    made = SrResNet(3, 8, 2, factor, layout).eval()(torch.rand(2, 3, height, width))
    assert made.shape == (2, 3, factor * height, factor * width)
    assert made.dtype == torch.float32


def test_the_light_layout_begins_with_the_bicubic_enlargement() -> None:
    x = torch.rand(2, 3, 8, 8) * 2 - 1
    torch.testing.assert_close(SrResNet(3, 8, 2, 4, "light")(x), larger(x, 4))


def test_the_light_layouts_items_do_not_influence_each_other() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 3, 32, 32)
    for network in (SrResNet(3, 8, 2, 2, "light"), SrganDiscriminator(3, 32, 4, "light").eval()):
        torch.testing.assert_close(network(x)[1:2], network(x[1:2]))


@every_layout
@pytest.mark.parametrize("size", [32, 96])
def test_the_discriminator_gives_a_logit_each(layout: Layout, size: int) -> None:
    assert SrganDiscriminator(3, size, 4, layout)(torch.randn(3, 3, size, size)).shape == (3,)


def test_the_papers_discriminator_has_its_layers() -> None:
    with torch.device("meta"):
        network = SrganDiscriminator(3, 96, 64, "paper")
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.stride[0] for layer in convolutions] == [1, 2] * 4
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(512 * 36, 1024), (1024, 1)]


@pytest.mark.parametrize("factor", [2, 4])
def test_the_sub_pixel_layer_is_that_of_torch_in_either_order_of_memory(factor: int) -> None:
    x = torch.randn(2, 3 * factor**2, 5, 7)
    results = []
    for layer, order in ((SubPixel(factor), torch.channels_last), (nn.PixelShuffle(factor), torch.contiguous_format)):
        seen = x.contiguous(memory_format=order).requires_grad_(True)
        made = layer(seen)
        (made * torch.arange(made.numel()).view(made.shape)).sum().backward()
        results.append((made, seen.grad))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
