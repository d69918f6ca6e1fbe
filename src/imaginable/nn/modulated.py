"""Convolutions whose weights every item scales for itself, and noise, the layers of StyleGAN2's generator.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958, section 2.2.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.convolution import Geometry, convolved
from imaginable.nn.equalised import EqualisedLinear
from imaginable.nn.resample import blurred

_LEAST = 1e-8
"""ε of equation 3"""
_VECTOR = 32
"""channels: fewer are scaled in float32, because a CPU takes ten times as long number by number in bfloat16"""

NoiseKind = Literal["random", "constant", "none"]
"""random: drawn anew for every item. constant: the layer's own, the same for all items. none: left out."""


def demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """1 / ‖w'‖ of equation 3, where w'_ijk = s_i w_ijk: weight (out, in, k, k) and style (n, in) -> (n, out).

    The sum over i, j, k is a product of squares, so that no item needs weights of its own.
    """
    return torch.rsqrt(style.square() @ weight.square().sum((2, 3)).T + _LEAST)


class ModulatedConvolution(nn.Module):
    """gain (w''(s) * x + b), (n, before, h, w) and codes (n, styles) -> (n, after, h, w), with `up` twice as large.

    s = A(code) scales the input channels of the weight (equation 1), and with `demodulate` every output channel's
    weights are then brought to norm 1 (equation 3). The same numbers as from weights of the item's own, but x is scaled
    by s, convolved with the weights that all share, and the result scaled by the norms: a grouped convolution with
    weights for every item is slower. With `up`, zeros are put between the values of x and the result is low-pass
    filtered. A kernel of 1 has weights of the item's own all the same. Styles and norms are worked out in float32.

    Without `demodulate` the weights only have He et al.'s constant (`equalised`). b is 0 at the start, s is 1 for codes
    of 0; x of variance 1 then gives a variance of gain² either way.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        styles: int,
        demodulate: bool = True,
        up: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after))
        self.affine = EqualisedLinear(styles, before, start=1.0)
        self.weight_gain = 1 / math.sqrt(before * kernel**2)
        self.demodulate, self.up, self.gain = demodulate, up, gain

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        before, after = self._scales(code)
        weight, bias = self.weight * self.weight_gain, self.bias * self.gain
        if weight.shape[-1] == 1:
            return _pointwise(x, after[..., None] * weight.flatten(1) * before[:, None], bias)
        x = _convolved(x * before.to(x.dtype)[..., None, None], weight, self.up)
        if x.shape[1] < _VECTOR and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            x = x.to(torch.float32)
        return torch.addcmul(bias.to(x.dtype)[:, None, None], x, after.to(x.dtype)[..., None, None])

    def for_use(self) -> ModulatedForUse:
        return ModulatedForUse(self)

    def _scales(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """What input channels are multiplied by, (n, before), and what output channels are, (n or 1, after)."""
        with torch.autocast(code.device.type, enabled=False):
            style = self.affine(code.to(self.affine.weight.dtype))
            if not self.demodulate:
                return style, style.new_full((1, len(self.bias)), self.gain)
            return style, demodulation(self.weight * self.weight_gain, style) * self.gain


class ModulatedForUse(nn.Module):
    """The same layer for use only: products in bfloat16, all else in float32, gains multiplied in beforehand."""

    weight: Tensor
    squares: Tensor
    bias: Tensor
    affine: Tensor
    start: Tensor

    def __init__(self, layer: ModulatedConvolution) -> None:
        super().__init__()
        weight = (layer.weight * layer.weight_gain).detach()
        self.kernel, self.up, self.gain, self.demodulate = weight.shape[-1], layer.up, layer.gain, layer.demodulate
        made = {
            "weight": weight.flatten(1) if self.kernel == 1 else weight.to(torch.bfloat16),
            "squares": weight.square().sum((2, 3)).T,
            "bias": (layer.bias * layer.gain).detach(),
            "affine": (layer.affine.weight * layer.affine.weight_gain).detach(),
            "start": (layer.affine.bias * layer.affine.bias_gain).detach(),
        }
        for name, value in made.items():
            self.register_buffer(name, value)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        with torch.autocast(code.device.type, enabled=False):
            style = F.linear(code.float(), self.affine, self.start)
            after = style.new_full((1, 1), self.gain)
            if self.demodulate:
                after = torch.rsqrt(style.square() @ self.squares + _LEAST) * self.gain
            if self.kernel == 1:
                return _pointwise(x, after[..., None] * self.weight * style[:, None], self.bias)
            x = _convolved((x * style[..., None, None]).to(torch.bfloat16), self.weight, self.up)
            return torch.addcmul(self.bias[:, None, None], x.float(), after[..., None, None])


def _convolved(x: Tensor, weight: Tensor, up: bool) -> Tensor:
    """w * x of the same size, or twice as large."""
    if not up:
        around = weight.shape[-1] // 2
        return convolved(x, weight, None, Geometry((1, 1), (around, around), 1))
    # 2 h + 1 values, and one 0 on either side for a filter of four
    return blurred(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1, gain=4.0)


def _pointwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A kernel of 1 with weights of every item's own, (n, after, before): so few that this is the quick way."""
    out = torch.baddbmm(bias[:, None].to(x.dtype), weight.to(x.dtype), x.flatten(2))
    return out.view(*out.shape[:2], *x.shape[2:])


class Noise(nn.Module):
    """x + gain · strength · noise, one value for every pixel of (n, c, size, size), the same for all channels.

    strength starts at 0. channels: so many have a strength each, as in StyleGAN (Karras et al. 2019); None for one that
    all share. Random noise is drawn from torch's global generator, or from the given one.
    """

    def __init__(self, size: int, gain: float = 1.0, channels: int | None = None) -> None:
        super().__init__()
        self.constant: Tensor
        self.register_buffer("constant", torch.randn(size, size))
        self.strength = nn.Parameter(torch.zeros(() if channels is None else channels))
        self.gain = gain

    def forward(self, x: Tensor, kind: NoiseKind, generator: torch.Generator | None = None) -> Tensor:
        if kind == "none":
            return x
        noise = self.constant
        if kind == "random":
            device = x.device if generator is None else generator.device
            noise = torch.randn(len(x), 1, *noise.shape, generator=generator, device=device).to(noise.device)
        strength = self.strength * self.gain
        if strength.ndim == 0:
            return x + (noise * strength).to(x.dtype)
        # as a product of matrices its channels come last in memory, as those of x do: adding is several times as quick
        column = noise.to(x.dtype).view(-1, *noise.shape[-2:], 1)
        return x + F.linear(column, strength.to(x.dtype)[:, None]).movedim(-1, 1)
