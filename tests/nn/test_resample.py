"""Filtered doubling and halving against scipy's, on what is known, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import upfirdn
from torch import Tensor

from imaginable.nn import resample
from imaginable.nn.resample import BINOMIAL, blurred, double_size, half_size, smoothed

TAPS = [BINOMIAL, (1, 1), (1, 5, 10, 10, 5, 1)]
LAYERS: list[Callable[[Tensor], Tensor]] = [lambda x: blurred(x, 2), half_size, double_size]


def expected(x: Tensor, taps: tuple[float, ...], up: int, down: int, padding: int, length: int) -> Tensor:
    """By scipy, one direction after the other."""
    values, line = x.numpy(), up * np.array(taps) / sum(taps)
    for axis in (2, 3):
        long = upfirdn(line, values, up, axis=axis)  # with a whole filter's zeros around
        start = len(taps) - 1 - padding
        values = np.take(long, range(start, start + down * length, down), axis=axis)
    return torch.from_numpy(values)


def maps() -> Tensor:
    return torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("taps", TAPS)
def test_halving_is_scipys(taps: tuple[float, ...]) -> None:
    torch.testing.assert_close(half_size(maps(), taps), expected(maps(), taps, 1, 2, len(taps) // 2 - 1, 4))


@pytest.mark.parametrize("few", [resample._FEW, 0])
@pytest.mark.parametrize("taps", TAPS)
def test_doubling_is_scipys(taps: tuple[float, ...], few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resample, "_FEW", few)  # by matrices, and as a convolution
    x = maps()[..., :6]
    found = double_size(x, taps)
    wide = expected(maps(), taps, 2, 1, len(taps) // 2, 16)
    assert found.shape == (2, 3, 16, 12)
    torch.testing.assert_close(found[..., :9], wide[..., :9])
    torch.testing.assert_close(double_size(maps(), taps), wide)


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_filtering_is_scipys(padding: int) -> None:
    found = blurred(maps(), padding, gain=3.0)
    torch.testing.assert_close(found, 3 * expected(maps(), BINOMIAL, 1, 1, padding, 8 + 2 * padding - 3))


def test_a_map_that_is_the_same_everywhere_stays_so_but_at_the_edge() -> None:
    x = torch.ones(1, 1, 8, 8)
    for found in (half_size(x), double_size(x)):
        torch.testing.assert_close(found[..., 1:-1, 1:-1], torch.ones_like(found[..., 1:-1, 1:-1]))
        assert float(found[0, 0, 0, 0]) < 1


def test_doubling_is_bilinear_inside() -> None:
    bilinear = F.interpolate(maps(), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(double_size(maps())[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1])


@pytest.mark.parametrize("layer", LAYERS)
def test_first_and_second_derivatives_are_those_of_differences(layer: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_precision_stays_that_of_the_maps(layer: Callable[[Tensor], Tensor]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.ones(1, 1, 4, 4)).dtype == torch.float32
        assert layer(torch.ones(1, 1, 4, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_smoothing_is_a_gaussians_with_rows_of_sum_one() -> None:
    x = torch.zeros(1, 1, 33, 33)
    x[..., 16, 16] = 1
    found = smoothed(x, 2.0)[0, 0]
    place = torch.arange(33) - 16
    line = torch.exp(-0.5 * (place / 2) ** 2) / torch.exp(-0.5 * (torch.arange(-99, 100) / 2) ** 2).sum()
    torch.testing.assert_close(found[8:25, 8:25], torch.outer(line, line)[8:25, 8:25], rtol=0, atol=1e-5)
    torch.testing.assert_close(smoothed(torch.ones(2, 3, 8, 8), 3.0), torch.ones(2, 3, 8, 8))
    assert smoothed(x, 0.0) is x
    torch.testing.assert_close(smoothed(x, 0.05), x)
