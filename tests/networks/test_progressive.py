"""Networks that grow: neither jumps when a resolution is added, none of it learns before, and the layers are exact."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.progressive import (
    DoublingConvolution,
    Finer,
    HalvingConvolution,
    ProgressiveDiscriminator,
    ProgressiveGenerator,
    at_level,
    doubled,
    parted,
)

SHAPE = (3, 32, 32)
LEVELS = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
"""whole ones, where a resolution is added or has been faded in, and half ones"""
Networks = tuple[ProgressiveGenerator, ProgressiveDiscriminator]


@pytest.fixture
def networks() -> Networks:
    torch.manual_seed(0)
    built = ProgressiveGenerator(8, SHAPE, 4, 16), ProgressiveDiscriminator(SHAPE, 4, 16)
    for network in built:
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):  # zeros hide errors
                nn.init.normal_(parameter)
    return built


def of_size(made: Tensor) -> Tensor:
    """Pictures of any size as large as the data's."""
    return F.interpolate(made, SHAPE[-1])


def picture(networks: Networks) -> Callable[[float], Tensor]:
    z = torch.randn(4, 8)

    def at(level: float) -> Tensor:
        networks[0].level.fill_(level)
        return of_size(networks[0](z))

    return at


def logit(networks: Networks) -> Callable[[float], Tensor]:
    x = torch.rand(4, *SHAPE) * 2 - 1

    def at(level: float) -> Tensor:
        networks[1].level.fill_(level)
        logits: Tensor = networks[1](at_level(x, networks[1].level))
        return logits

    return at


def real(networks: Networks) -> Callable[[float], Tensor]:
    x = torch.rand(4, *SHAPE) * 2 - 1
    return lambda level: of_size(at_level(x, level))


@torch.no_grad()
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", [picture, logit, real])
def test_nothing_jumps_at_any_level(
    kind: Callable[[Networks], Callable[[float], Tensor]], level: float, networks: Networks
) -> None:
    at = kind(networks)
    here, most = at(level), len(networks[0].blocks)
    for other in (level - 1e-6, level + 1e-6):
        if 0 <= other <= most:
            assert float((at(other) - here).abs().max()) < 1e-5
    far = level + 0.25 if level < most else level - 0.25
    assert float((at(far) - here).abs().max()) > 1e-2, "it does depend on the level"


@torch.no_grad()
@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_fade_is_a_mixture_of_what_two_resolutions_show(whole: int, networks: Networks) -> None:
    for kind in (picture, real):
        at = kind(networks)
        expected = 0.7 * at(whole) + 0.3 * at(whole + 1)
        torch.testing.assert_close(at(whole + 0.3), expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_sizes_double_when_a_fade_begins(networks: Networks) -> None:
    generator, discriminator = networks
    sizes = []
    for level in (0.0, 1e-3, 1.0, 1.001, 3.0):
        generator.level.fill_(level)
        discriminator.level.fill_(level)
        made = generator(torch.randn(2, 8))
        assert made.shape == at_level(torch.zeros(2, *SHAPE), level).shape
        assert discriminator(made).shape == (2,)
        assert made.dtype == torch.float32
        sizes.append(made.shape[-1])
    assert sizes == [4, 8, 8, 16, 32]


def test_a_level_is_a_resolution_and_a_share_of_the_next() -> None:
    assert parted(torch.tensor(2.25)) == (2, 0.25)
    assert parted(3.0) == (3, 0.0)
    x = torch.arange(16.0).view(1, 1, 4, 4).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(at_level(x, 0.0), torch.arange(16.0).view(1, 1, 4, 4)), "means of 2 x 2"
    assert torch.equal(at_level(x, 0.5), x), "nothing is lost where there is nothing finer"


@pytest.mark.parametrize(
    ("level", "blocks", "pictures"), [(0.0, 0, {0}), (0.4, 1, {0, 1}), (1.0, 1, {1}), (1.7, 2, {1, 2}), (3.0, 3, {3})]
)
def test_only_layers_of_the_level_get_a_gradient(
    level: float, blocks: int, pictures: set[int], networks: Networks
) -> None:
    for network, x in zip(networks, (torch.randn(4, 8), at_level(torch.randn(4, *SHAPE), level)), strict=True):
        network.level.fill_(level)
        network(x).square().sum().backward()
        learns = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
        assert {int(name.split(".")[1]) for name in learns if name.startswith("blocks")} == set(range(blocks))
        assert {int(name.split(".")[1]) for name in learns if name.startswith("pictures")} == pictures
        rest = {name for name, _ in network.named_parameters() if not name.startswith(("blocks", "pictures"))}
        assert rest <= learns


def test_a_convolution_with_a_change_of_size_is_one_after_the_other() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 6, 6)
    doubling, halving = DoublingConvolution(5, 3), HalvingConvolution(5, 3)
    for layer in (doubling, halving):
        nn.init.normal_(layer.convolution.bias)
    torch.testing.assert_close(doubling(x), doubling.convolution(doubled(x)))
    torch.testing.assert_close(halving(x), F.avg_pool2d(halving.convolution(x), 2))


def test_every_pixel_of_the_generators_maps_has_mean_square_one(networks: Networks) -> None:
    out = Finer(16, 8)(torch.randn(2, 16, 4, 4))
    torch.testing.assert_close(out.square().mean(1), torch.ones(2, 8, 8), atol=1e-4, rtol=0)
    generator, z = networks[0], torch.randn(3, 8)
    torch.testing.assert_close(generator(z), generator(7 * z), msg="latents, too")


def test_weights_are_drawn_of_size_one_and_biases_are_zero() -> None:
    torch.manual_seed(0)
    for network in (ProgressiveGenerator(64, SHAPE, 16, 64), ProgressiveDiscriminator(SHAPE, 16, 64)):
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                assert not parameter.any()
            elif parameter.numel() > 1000:
                assert float(parameter.detach().std()) == pytest.approx(1, abs=0.05), name


def test_the_signal_keeps_its_size_through_a_fresh_discriminator() -> None:
    """He et al.'s constant at run time. The mean of 2 x 2 loses some of it, from layer to layer."""
    torch.manual_seed(0)
    network = ProgressiveDiscriminator(SHAPE, 32, 64)
    network.level.fill_(0.0)
    logits = network(torch.randn(256, 3, 4, 4))
    assert 0.5 < float(logits.detach().std()) < 2


def test_an_items_logit_depends_on_its_group_alone(networks: Networks) -> None:
    discriminator = networks[1]
    discriminator.level.fill_(1.0)
    x = torch.randn(8, 3, 8, 8)
    with torch.no_grad():
        logits = discriminator(x)
        same, other = x.clone(), x.clone()
        same[1::2] = 5.0  # the groups are 0, 2, 4, 6 and 1, 3, 5, 7
        other[2] = 5.0
        torch.testing.assert_close(discriminator(same)[::2], logits[::2])
        assert float((discriminator(other)[0] - logits[0]).abs()) > 1e-3


def test_the_papers_networks_have_the_papers_size() -> None:
    """Table 2: 23.1 million parameters each, with one layer to or from pictures; here there is one for each size."""
    with torch.device("meta"):
        built = (
            ProgressiveGenerator(512, (3, 1024, 1024), 16, 512),
            ProgressiveDiscriminator((3, 1024, 1024), 16, 512),
        )
    for network in built:
        others = [p.numel() for layer in list(network.pictures)[:-1] for p in layer.parameters()]
        count = sum(p.numel() for p in network.parameters())
        assert (count - sum(others)) / 1e6 == pytest.approx(23.1, abs=0.06)
        assert math.log2(1024 / 4) == network.doublings
