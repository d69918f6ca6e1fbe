"""SNGAN's networks: shapes, the papers' sizes, and the projection as the sum it stands for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imaginable.networks.resnet import ResnetDiscriminator, ResnetGenerator, attention_size
from imaginable.nn.attention import SelfAttention
from imaginable.nn.normalization import ConditionalBatchNorm2d
from imaginable.nn.spectral import SpectralNormalisation


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes_and_range(size: int, attention: bool) -> None:
    shape, label = (3, size, size), torch.tensor([1, -1])
    with torch.no_grad():
        fake = ResnetGenerator(10, shape, 8, 3, spectral=attention, attention=attention)(
            100 * torch.randn(2, 10), label
        )
        logits = ResnetDiscriminator(shape, 8, 3, attention=attention)(fake, label)
    assert fake.shape == (2, *shape)
    assert float(fake.abs().max()) <= 1
    assert logits.shape == (2,)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts_at_32_pixels_are_the_papers_architecture() -> None:
    with torch.device("meta"):
        generator, discriminator = ResnetGenerator(128, (3, 32, 32), 256), ResnetDiscriminator((3, 32, 32), 128)
    block = 2 * 9 * 256**2 + 256**2 + 2 * 2 * 256  # convolutions without bias, the shortcut, two batch norms
    assert parameters(generator) == 129 * 16 * 256 + 3 * block + 2 * 256 + (9 * 256 * 3 + 3)
    square = 9 * 128**2 + 128
    first = (9 * 3 * 128 + 128) + square + (3 * 128 + 128)
    assert parameters(discriminator) == first + (2 * square + 128**2 + 128) + 2 * 2 * square + 128


def test_channels_at_128_pixels_are_the_papers_from_32_pixels_up() -> None:
    with torch.device("meta"):
        generator, discriminator = ResnetGenerator(128, (3, 128, 128), 256), ResnetDiscriminator((3, 128, 128), 256)
    assert [block.second.out_channels for block in generator.blocks] == [256, 256, 256, 128, 64]
    wide = [block.second.parametrizations.weight.original.shape[0] for block in discriminator.blocks]
    assert wide == [64, 128, 256, 256, 256, 256]


def test_the_logit_is_the_judgement_plus_the_explicit_projection() -> None:
    torch.manual_seed(0)
    network = ResnetDiscriminator((1, 32, 32), 4, classes=3).eval()
    x, label = torch.randn(4, 1, 32, 32), torch.tensor([0, 2, -1, 1])
    with torch.no_grad():
        features = torch.relu(network.blocks(x)).sum((2, 3))
        vectors, judge = network.projection.weight, network.judge.weight[0]
        for item, logit, own in zip(features, network(x, label), label, strict=True):
            vector = vectors.mean(0) if own < 0 else vectors[own]
            expected = sum(float(one * (a + b)) for one, a, b in zip(item, judge, vector, strict=True))
            assert float(logit) == pytest.approx(expected, rel=1e-4, abs=1e-5)
        assert torch.equal(network(x), network(x, torch.full((4,), -1)))


def test_every_weight_of_the_discriminator_is_normalised_and_the_generators_where_asked() -> None:
    def used(network: nn.Module) -> list[torch.Tensor]:
        return [m.weight for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]

    torch.manual_seed(0)
    discriminator = ResnetDiscriminator((3, 32, 32), 8, 2, attention=True)
    generator = ResnetGenerator(8, (3, 32, 32), 8, 2, spectral=True, attention=True)
    plain = ResnetGenerator(8, (3, 32, 32), 8, 2)
    for weight in [*used(discriminator), discriminator.projection.weight, *used(generator)]:
        assert float(torch.linalg.svdvals(weight.detach().flatten(1))[0]) == pytest.approx(1.0, abs=0.1)
    assert not any(isinstance(module, SpectralNormalisation) for module in plain.modules())


def test_items_are_independent_in_the_discriminator() -> None:
    torch.manual_seed(0)
    network, x = ResnetDiscriminator((3, 32, 32), 8, 2, attention=True).requires_grad_(False), torch.randn(4, 3, 32, 32)
    label = torch.tensor([0, 1, 1, 0])
    torch.testing.assert_close(network(x[1:2], label[1:2]), network(x, label)[1:2])


@pytest.mark.parametrize(("size", "attends"), [(32, 16), (64, 32), (128, 32)])
def test_attention_is_at_the_papers_32_or_half_the_picture(size: int, attends: int) -> None:
    assert attention_size(size) == attends
    seen = []
    networks = [
        ResnetGenerator(4, (3, size, size), 8, attention=True),
        ResnetDiscriminator((3, size, size), 8, attention=True),
    ]
    for network in networks:
        (block,) = (module for module in network.modules() if isinstance(module, SelfAttention))
        block.register_forward_hook(lambda _module, _inputs, out: seen.append(out.shape[-1]))
    with torch.no_grad():
        networks[1](networks[0](torch.randn(2, 4)))
    assert seen == [attends, attends]


def test_without_classes_labels_are_ignored() -> None:
    torch.manual_seed(0)
    generator, discriminator = ResnetGenerator(4, (1, 32, 32), 4).eval(), ResnetDiscriminator((1, 32, 32), 4).eval()
    assert not any(isinstance(module, ConditionalBatchNorm2d) for module in generator.modules())
    z, label = torch.randn(2, 4), torch.tensor([0, -1])
    assert torch.equal(generator(z), generator(z, label))
    assert torch.equal(discriminator(generator(z)), discriminator(generator(z), label))


def test_outputs_are_float32_whatever_the_precision_inside() -> None:
    label = torch.tensor([0, -1])
    with torch.autocast("cpu", torch.bfloat16):
        fake = ResnetGenerator(4, (1, 32, 32), 4, 2, True, True)(torch.randn(2, 4), label)
        assert fake.dtype == torch.float32
        assert ResnetDiscriminator((1, 32, 32), 4, 2, True)(fake, label).dtype == torch.float32
