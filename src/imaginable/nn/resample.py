"""Halving and doubling of maps through a low-pass filter, so that what they show does not depend on where it lies.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (StyleGAN2), arXiv:1912.04958, section 3;
filters before them: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486.

As depthwise convolutions with the whole two-dimensional filter: on a CPU quicker than one direction after the other,
than shifted sums and, but where few small maps are doubled, than banded matrices. Maps count as 0 beyond their edges.
All are linear, differentiate as often as wished, and keep the precision of what they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.nn.convolution import Geometry, convolved
from imaginable.nn.low_pass import banded

BINOMIAL = (1, 3, 3, 1)
"""the filter of StyleGAN2, in one direction; its sum is brought to 1"""
_SMALL, _FEW = 64, 4
"""sides and channels of maps up to which a CPU doubles them by two products of matrices, four times as quick: of
pictures, not of features"""


def blurred(x: Tensor, padding: int, gain: float = 1.0, taps: Sequence[float] = BINOMIAL, stride: int = 1) -> Tensor:
    """x through the filter, (n, c, h, w) -> (n, c, h + 2 padding - k + 1, ...) for k taps.

    padding: zeros on every side. gain: what the result is multiplied by. stride: 2 for every second value only.
    """
    with torch.autocast(x.device.type, enabled=False):
        # torch's own second derivatives would work out the filter's as well, group by group
        geometry = Geometry((stride, stride), (padding, padding), x.shape[1])
        return convolved(x, _kernel(x, gain, taps), None, geometry)


def half_size(x: Tensor, taps: Sequence[float] = BINOMIAL) -> Tensor:
    """Every second value of x through the filter, (n, c, h, w) -> (n, c, h / 2, w / 2). An even number of taps."""
    return blurred(x, len(taps) // 2 - 1, taps=taps, stride=2)


def double_size(x: Tensor, taps: Sequence[float] = BINOMIAL) -> Tensor:
    """x with zeros between its values, through the filter: (n, c, h, w) -> (n, c, 2 h, 2 w). An even number of taps.

    The filter is four times as strong, since a quarter of the values is left. With `BINOMIAL` it is bilinear
    interpolation.
    """
    with torch.autocast(x.device.type, enabled=False):
        if x.device.type == "cpu" and x.shape[1] <= _FEW and max(x.shape[2:]) <= _SMALL:
            down, across = (torch.from_numpy(_doubling(size, tuple(taps))).to(x) for size in x.shape[2:])
            return down @ (x @ across.T)
        kernel = _kernel(x, 4.0, taps)
        return F.conv_transpose2d(x, kernel, stride=2, padding=len(taps) // 2 - 1, groups=x.shape[1])


@cache
def _doubling(size: int, taps: tuple[float, ...]) -> np.ndarray:
    """(2 size, size). As an array: a tensor that is kept would be of the mode in which it was made."""
    line = np.array(taps)
    return banded(2 * line / line.sum(), 2 * size, size, up=2, shift=len(taps) // 2)


def _kernel(x: Tensor, gain: float, taps: Sequence[float]) -> Tensor:
    """(c, 1, k, k) in the precision of x. Symmetric taps, for a convolution is a correlation here."""
    line = torch.tensor(taps, dtype=torch.float64)
    square = gain * torch.outer(line, line) / line.sum() ** 2
    return square.to(x).expand(x.shape[1], 1, -1, -1)


def smoothed(x: Tensor, deviation: float) -> Tensor:
    """Pictures (n, c, size, size) through a Gaussian of this deviation in pixels; x itself where it is 0 or less.

    A product with one matrix along either axis, whose rows have sum 1: at the edges the rest counts for more.
    """
    if deviation <= 0:
        return x
    with torch.autocast(x.device.type, enabled=False):
        place = torch.arange(x.shape[-1], device=x.device, dtype=torch.float32)
        weight = (-0.5 * ((place - place[:, None]) / deviation).square()).softmax(1).to(x)
        return weight @ x @ weight.T
