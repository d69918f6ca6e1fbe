"""Layers with equalised learning rates: sizes at the start, the factors, and what a step changes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from imaginable.nn.equalised import GAIN, EqualisedConvolution, EqualisedLinear, activated


def drawn(layer: nn.Module) -> nn.Module:
    """The layer with biases that are not 0, since zeros hide errors."""
    torch.manual_seed(0)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def test_a_linear_layer_is_its_formula() -> None:
    layer, x = drawn(EqualisedLinear(9, 4, gain=2.0, rate=0.1)), torch.randn(3, 9)
    weight, bias = layer.weight, layer.bias
    torch.testing.assert_close(layer(x), 2 * (0.1 * x @ weight.T / 3 + 0.1 * bias))


@pytest.mark.parametrize(("stride", "padding", "side"), [(1, None, 8), (2, 0, 3)])
def test_a_convolution_is_its_formula(stride: int, padding: int | None, side: int) -> None:
    layer = drawn(EqualisedConvolution(4, 5, 3, gain=2.0, stride=stride, padding=padding))
    x = torch.randn(2, 4, 8, 8)
    around = 1 if padding is None else padding
    expected = 2 * F.conv2d(x, layer.weight / 6, layer.bias, stride, around)  # 36 weights for every output
    assert expected.shape[-1] == side
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_a_leaky_relu_after_it_keeps_the_size_whatever_the_rate(rate: float) -> None:
    torch.manual_seed(0)
    x = torch.randn(256, 512)
    with torch.no_grad():
        for _ in range(4):
            x = activated(EqualisedLinear(512, 512, GAIN, rate)(x))
    assert float(x.square().mean()) == pytest.approx(1.04**4, rel=0.15)  # 2 (1 + 0.2²) / 2 a layer


def test_the_rate_is_how_much_of_a_weight_adam_changes() -> None:
    """And of what the bias does: the same layer at the start, with a hundredth of the step."""

    def moved(rate: float) -> tuple[float, float]:
        torch.manual_seed(0)
        layer = EqualisedLinear(16, 8, rate=rate, start=1.0)
        optimizer, before = torch.optim.Adam(layer.parameters(), 1e-3), layer(x).detach()
        (layer(x) - 3).square().sum().backward()
        optimizer.step()
        return float(before.mean()), float((layer(x) - before).detach().abs().mean())

    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(1))
    (mean, fast), (same, slow) = moved(1.0), moved(0.01)
    assert same == pytest.approx(mean, abs=1e-5)
    assert slow == pytest.approx(fast / 100, rel=0.02)


def test_a_bias_starts_where_it_is_told() -> None:
    torch.testing.assert_close(EqualisedLinear(3, 2, rate=0.5, start=1.0)(torch.zeros(1, 3)), torch.ones(1, 2))


def test_weights_are_scaled_in_float32_and_used_in_the_precision_around() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert EqualisedLinear(3, 2)(torch.ones(1, 3)).dtype == torch.bfloat16
        assert EqualisedConvolution(3, 2, 3)(torch.ones(1, 3, 4, 4)).dtype == torch.bfloat16
