"""Gated convolutions: what is in a hole is not seen, the whole picture is, and any fitting size is taken."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from imaginable.networks.gated import GatedConvolution, GatedGenerator, SpectralPatchCritic
from imaginable.nn.holes import smoothly_filled


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 44)])
def test_any_multiple_of_four_is_filled(refine: bool, height: int, width: int) -> None:
    made = GatedGenerator(3, 4, 2, refine)(torch.randn(2, 3, height, width), torch.ones(2, 1, height, width))
    assert [one.shape for one in made] == [(2, 3, height, width)] * (1 + refine)


@pytest.mark.parametrize("refine", [False, True])
def test_what_is_in_the_hole_is_not_seen_and_the_hole_is(refine: bool) -> None:
    network, x = generator(1, refine), torch.randn(1, 3, 32, 32)
    hole, other = torch.zeros(2, 1, 1, 32, 32)
    hole[..., 8:20, 8:20], other[..., 8:20, 8:24] = 1, 1
    changed = torch.where(hole > 0, torch.randn(1), x)
    assert torch.equal(network(x, hole)[-1], network(changed, hole)[-1])
    assert not torch.equal(network(x, hole)[-1], network(x, other)[-1])


def generator(dilations: int, refine: bool) -> GatedGenerator:
    """One that no longer only gives the smooth fill."""
    torch.manual_seed(0)
    network = GatedGenerator(3, 4, dilations, refine)
    for stage in network.stages:
        nn.init.normal_(stage.get_parameter("last.weight"))
    return network


def test_it_begins_with_the_smooth_fill() -> None:
    x, hole = torch.randn(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    hole[..., 8:20, 8:20] = 1
    for made in GatedGenerator(3, 4, 1, refine=True)(x, hole):
        torch.testing.assert_close(made, smoothly_filled(x, hole))


def test_dilations_reach_across_the_picture() -> None:
    """The middle of a hole sees the corners."""
    x = torch.randn(1, 3, 64, 64, requires_grad=True)
    made = generator(3, refine=False)(x, torch.zeros(1, 1, 64, 64))[-1]
    made[0, :, 32, 32].sum().backward()
    assert x.grad is not None
    corners = x.grad[0].abs().sum(0)[[2, 2, -3, -3], [2, -3, 2, -3]]
    assert float(corners.min()) > 0


def test_a_gate_that_is_shut_lets_nothing_through() -> None:
    layer, x = GatedConvolution(3, 5), torch.randn(2, 3, 8, 8)
    assert layer.both.bias is not None
    with torch.no_grad():
        layer.both.bias[5:] = -100.0
    assert float(layer(x).detach().abs().max()) < 1e-20
    with torch.no_grad():
        layer.both.bias[5:] = 100.0
    features = nn.functional.conv2d(x, layer.both.weight[:5], layer.both.bias[:5], padding=1)
    torch.testing.assert_close(layer(x), nn.functional.elu(features))


def test_the_critic_answers_for_every_feature_and_place_and_sees_the_hole() -> None:
    torch.manual_seed(0)
    critic, x = SpectralPatchCritic(3, (8, 16, 16)).eval(), torch.randn(2, 3, 32, 32)
    none, all_of_it = torch.zeros(2, 1, 32, 32), torch.ones(2, 1, 32, 32)
    assert critic(x, none).shape == (2, 16, 4, 4)
    assert not torch.equal(critic(x, none), critic(x, all_of_it))
    torch.testing.assert_close(critic(x, none)[:1], critic(x[:1], none[:1]))
    convolutions = [layer for layer in critic.layers if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 3
    assert all(parametrize.is_parametrized(layer, "weight") for layer in convolutions)
