"""Layers whose weights are all of size 1 and are scaled when they are used, so that all learn at the same rate.

Karras, Aila, Laine & Lehtinen 2018, "Progressive Growing of GANs" (ProGAN), arXiv:1710.10196, section 4.1.

Adam's steps do not depend on the size of the gradient: weights that are drawn small change, in proportion, faster than
ones that are drawn large. So they are drawn from N(0, 1), and He et al.'s constant is a factor at run time.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.convolution import Geometry, convolved

SLOPE = 0.2
"""of the leaky ReLU below 0"""
GAIN = math.sqrt(2)
"""gain of a layer that a leaky ReLU follows: it keeps the signal's size. A leaky ReLU passes positive factors through,
so that the layer before may have them, where they cost nothing"""


def activated(x: Tensor) -> Tensor:
    """Leaky ReLU of what a layer with `GAIN` gave, which is overwritten."""
    return F.leaky_relu(x, SLOPE, inplace=True)


class EqualisedLinear(nn.Module):
    """gain (rate W x / √before + rate b), (n, before) -> (n, after).

    rate: of learning, relative to other layers: W is drawn from N(0, 1 / rate²), so that a step changes less of it.
    start: what rate b is at the start.
    """

    def __init__(self, before: int, after: int, gain: float = 1.0, rate: float = 1.0, start: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), start / rate))
        self.weight_gain, self.bias_gain = gain * rate / math.sqrt(before), gain * rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class EqualisedConvolution(nn.Module):
    """gain (W * x / √fan-in + b), (n, before, h, w) -> (n, after, h, w), or with stride 2 and so on smaller.

    padding: zeros on every side; by default so many that the size stays. Quick as `Convolution`, and with the second
    derivatives that it has.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        bias: bool = True,
        gain: float = 1.0,
        stride: int = 1,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.weight_gain, self.bias_gain = gain / math.sqrt(before * kernel**2), gain
        around = kernel // 2 if padding is None else padding
        self.geometry = Geometry((stride, stride), (around, around), 1)

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias * self.bias_gain
        return convolved(x, self.weight * self.weight_gain, bias, self.geometry)

    @torch.no_grad()
    def fold(self) -> None:
        """Multiplies the scales into weight and bias for good, for use only: the same map."""
        self.weight.mul_(self.weight_gain)
        if self.bias is not None:
            self.bias.mul_(self.bias_gain)
        self.weight_gain = self.bias_gain = 1.0
