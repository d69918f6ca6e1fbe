"""The layers of Karras et al. 2021 (StyleGAN3), arXiv:2106.12423: sine waves, modulated convolutions, no aliases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.equalised import EqualisedLinear
from imaginable.nn.filtered import Band, FilteredLeakyReLU

MARGIN = 10
"""pixels around the picture on every side, so that its border tells no layer where it is"""
CRITICAL = 2
"""layers at the end whose cutoff is as high as the pixels allow: detail counts there, aliases hardly do"""


@dataclass(frozen=True)
class Stage(Band):
    """What one layer puts out."""

    channels: int
    critical: bool
    """whether its cutoff is half the rate"""


def stages(size: int, layers: int, width: int, most: int) -> list[Stage]:
    """Outputs of `layers` layers, the last of them as large as the picture (section 3).

    Cutoffs and stopbands grow geometrically, from 2 and 2^2.1 to half the size and 2^0.3 times that. width: channels
    times cutoff, at most `most` channels.
    """
    cutoffs, stopbands = (2.0, size / 2), (2**2.1, size / 2 * 2**0.3)
    made = []
    for index in range(layers):
        part = min(index / (layers - CRITICAL), 1)
        cutoff, stopband = (first * (last / first) ** part for first, last in (cutoffs, stopbands))
        rate = round(2 ** math.ceil(math.log2(min(2 * stopband, size))))
        grid = size if index == layers - 1 else rate + 2 * MARGIN
        half_width = max(stopband, rate / 2) - cutoff
        channels = round(min(width / cutoff, most))
        made.append(Stage(grid, rate, cutoff, half_width, channels, index >= layers - CRITICAL))
    return made


class Waves(nn.Module):
    """(n, styles) -> (n, channels, size, size): sine waves of fixed random frequencies and phases, turned and shifted
    by what w says, then mixed (section 3).

    transform: a buffer, (3, 3), identity: where the place that a picture has at a point is looked up, in homogeneous
    coordinates whose unit is the picture's side; so the user moves the picture. Frequencies beyond what pixels hold
    fade out.
    """

    def __init__(self, styles: int, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        freqs = torch.randn(stage.channels, 2)
        radii = freqs.square().sum(1, keepdim=True).sqrt()
        freqs = freqs / (radii * radii.square().exp().pow(0.25))  # uniform in the disc of radius 1, nearly
        self.freqs: Tensor
        self.phases: Tensor
        self.transform: Tensor
        self.register_buffer("freqs", freqs * stage.cutoff)
        self.register_buffer("phases", torch.rand(stage.channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))
        self.weight = nn.Parameter(torch.randn(stage.channels, stage.channels))
        self.affine = EqualisedLinear(styles, 4)
        with torch.no_grad():  # for every w the same at first: neither turned nor shifted
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, w: Tensor, transform: Tensor | None = None) -> Tensor:
        """transform: (3, 3), or (n, 3, 3) for one each, in place of the buffer."""
        with torch.autocast(w.device.type, enabled=False):  # a place of eight bits would be off by pixels
            waves = self._waves(
                self._placed(w.to(self.weight.dtype)) @ (self.transform if transform is None else transform)
            )
        return F.conv2d(waves, (self.weight / math.sqrt(len(self.weight)))[:, :, None, None])

    def _waves(self, transform: Tensor) -> Tensor:
        """(n, 3, 3) -> (n, channels, size, size)"""
        freqs = self.freqs @ transform[:, :2, :2]  # (n, channels, 2)
        phases = self.phases + (self.freqs @ transform[:, :2, 2:]).squeeze(2)
        highest = self.stage.rate / 2
        fades = (freqs.square().sum(2).sqrt() - self.stage.cutoff) / (highest - self.stage.cutoff)
        place = torch.arange(self.stage.size, device=freqs.device) - (self.stage.size - 1) / 2
        across, along = (freqs[:, :, axis, None] * (place / self.stage.rate) for axis in (0, 1))  # (n, channels, size)
        turns = across[:, :, None, :] + along[:, :, :, None] + phases[:, :, None, None]
        return torch.sin(2 * math.pi * turns) * (1 - fades).clamp(0, 1)[:, :, None, None]

    def _placed(self, w: Tensor) -> Tensor:
        """The rotation and the shift that w asks for, (n, 3, 3)."""
        turn = self.affine(w)
        cos, sin, right, down = (turn / turn[:, :2].square().sum(1, keepdim=True).sqrt()).unbind(1)
        none, one = torch.zeros_like(cos), torch.ones_like(cos)
        rotated = torch.stack([cos, -sin, none, sin, cos, none, none, none, one], 1).view(-1, 3, 3)
        shifted = torch.stack([one, none, -right, none, one, -down, none, none, one], 1).view(-1, 3, 3)
        return rotated @ shifted


class ModulatedConvolution(nn.Module):
    """x's channels weighted by styles made of w, convolved; (n, in, h, w) -> (n, out, h + kernel - 1, ...).

    Activations are scaled in place of weights, before and after: the same numbers, and one convolution for the whole
    batch (Karras et al. 2020, arXiv:1912.04958, section 2.2). Demodulation divides by the deviation that the
    output would have for x of independent unit-variance pixels.

    magnitude_ema: a buffer, the running mean of x², 1 at first, by whose root x is divided (section 3). track: how far
    it moves to that of this x; 0 leaves it.
    """

    def __init__(self, before: int, after: int, kernel: int, styles: int, demodulated: bool) -> None:
        super().__init__()
        self.affine = EqualisedLinear(styles, before, start=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after))
        self.demodulated = demodulated
        self.magnitude_ema: Tensor
        self.register_buffer("magnitude_ema", torch.ones(()))

    def forward(self, x: Tensor, w: Tensor, track: float) -> Tensor:
        if track:
            follow(self.magnitude_ema, x.detach().to(torch.float32).square().mean(), track)
        with torch.autocast(x.device.type, enabled=False):
            weight, style, after = self._weighted(self.affine(w.to(self.weight.dtype)))
        x = x * (style * self.magnitude_ema.rsqrt())[:, :, None, None]
        x = F.conv2d(x, weight, padding=weight.shape[-1] - 1)
        bias = self.bias[:, None, None]
        return x + bias if after is None else torch.addcmul(bias, x, after[:, :, None, None])

    def _weighted(self, style: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """The weight, what input channels are multiplied by, (n, in), and what output channels are, (n, out)."""
        weight: Tensor = self.weight
        if not self.demodulated:
            return weight / math.sqrt(weight[0].numel()), style, None
        weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
        style = style * style.square().mean(1, keepdim=True).rsqrt()
        return weight, style, (style.square() @ weight.square().sum((2, 3)).T + 1e-8).rsqrt()


class SynthesisLayer(nn.Module):
    """(n, before.channels, before.size, ...) and w (n, styles) -> (n, after.channels, after.size, ...), float32."""

    def __init__(self, styles: int, before: Stage, after: Stage, kernel: int, radial: bool) -> None:
        super().__init__()
        self.convolution = ModulatedConvolution(before.channels, after.channels, kernel, styles, True)
        radial = radial and not after.critical
        self.activation = FilteredLeakyReLU(before.size + kernel - 1, before, after, radial)

    def forward(self, x: Tensor, w: Tensor, track: float = 0.0) -> Tensor:
        active: Tensor = self.activation(self.convolution(x, w, track))
        return active


@torch.no_grad()
def follow(average: Tensor, now: Tensor, share: float) -> None:
    """Moves a running average in place, by this share of the way."""
    average.lerp_(now, share)
