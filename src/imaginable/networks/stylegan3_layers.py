"""The layers of Karras et al. 2021 (StyleGAN3), arXiv:2106.12423: sine waves, modulated convolutions, no aliases."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.filtered import GAIN, SLOPE, Band, FilteredLeakyReLU

MARGIN = 10
"""pixels around the picture on every side, so that its border tells no layer where it is"""
CRITICAL = 2
"""layers at the end whose cutoff is as high as the pixels allow: detail counts there, aliases hardly do"""
FORGETS = 20_000
"""images after which a running average has forgotten half"""


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


class EqualisedLinear(nn.Module):
    """x Wᵀ rate / √inputs + rate b, (n, inputs) -> (n, outputs), with W of N(0, 1 / rate²): every weight learns at
    the same speed, `rate` times the optimiser's (Karras et al. 2018, arXiv:1710.10196, section 4.1)."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * (self.rate / math.sqrt(self.weight.shape[1])), self.bias * self.rate)


class Waves(nn.Module):
    """(n, styles) -> (n, channels, size, size): sine waves of fixed random frequencies and phases, turned and shifted
    by what w says, then mixed (section 3).

    transform: a buffer, (3, 3), identity: a rotation and a shift of the picture in homogeneous coordinates, for the one
    who uses the model; frequencies that are turned beyond what pixels hold fade out.
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

    def forward(self, w: Tensor) -> Tensor:
        transform = self._placed(w) @ self.transform  # (n, 3, 3)
        freqs = self.freqs @ transform[:, :2, :2]  # (n, channels, 2)
        phases = self.phases + (self.freqs @ transform[:, :2, 2:]).squeeze(2)
        highest = self.stage.rate / 2
        fades = (freqs.square().sum(2).sqrt() - self.stage.cutoff) / (highest - self.stage.cutoff)
        place = (torch.arange(self.stage.size, device=w.device) - (self.stage.size - 1) / 2) / self.stage.rate
        across, along = (freqs[:, :, axis, None] * place for axis in (0, 1))  # (n, channels, size)
        turns = across[:, :, None, :] + along[:, :, :, None] + phases[:, :, None, None]
        waves = torch.sin(2 * math.pi * turns) * (1 - fades).clamp(0, 1)[:, :, None, None]
        return F.conv2d(waves, (self.weight / math.sqrt(len(self.weight)))[:, :, None, None])

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

    magnitude_ema: a buffer, the running mean of x², 1 at first, by whose root x is divided (section 3); moved only by
    `track`.
    """

    def __init__(self, before: int, after: int, kernel: int, styles: int, demodulated: bool) -> None:
        super().__init__()
        self.affine = EqualisedLinear(styles, before, bias=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after))
        self.demodulated = demodulated
        self.magnitude_ema: Tensor
        self.register_buffer("magnitude_ema", torch.ones(()))

    def forward(self, x: Tensor, w: Tensor, track: bool) -> Tensor:
        if track:
            follow(self.magnitude_ema, x.detach().to(torch.float32).square().mean(), len(x))
        style: Tensor = self.affine(w).to(torch.float32)
        weight: Tensor = self.weight
        if self.demodulated:
            weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
            style = style * style.square().mean(1, keepdim=True).rsqrt()
            after = (style.square() @ weight.square().sum((2, 3)).T + 1e-8).rsqrt()  # (n, out)
        else:
            weight = weight / math.sqrt(weight[0].numel())
        x = x * (style * self.magnitude_ema.rsqrt())[:, :, None, None]
        x = F.conv2d(x, weight, padding=weight.shape[-1] - 1)
        bias = self.bias[:, None, None]
        return torch.addcmul(bias, x, after[:, :, None, None]) if self.demodulated else x + bias


class SynthesisLayer(nn.Module):
    """(n, before.channels, before.size, ...) and w (n, styles) -> (n, after.channels, after.size, ...), float32."""

    def __init__(self, styles: int, before: Stage, after: Stage, kernel: int, radial: bool) -> None:
        super().__init__()
        self.convolution = ModulatedConvolution(before.channels, after.channels, kernel, styles, True)
        radial = radial and not after.critical
        self.activation = FilteredLeakyReLU(before.size + kernel - 1, before, after, radial)

    def forward(self, x: Tensor, w: Tensor, track: bool = False) -> Tensor:
        active: Tensor = self.activation(self.convolution(x, w, track))
        return active


class Mapping(nn.Module):
    """z (n, latents), with classes also labels (n,), int64, -1 or None unknown -> w (n, styles).

    w_avg: a buffer, the running mean of w; moved only by `track`.
    """

    def __init__(self, latents: int, styles: int, layers: int, classes: int = 0) -> None:
        super().__init__()
        self.classes = classes
        self.embed = EqualisedLinear(classes, styles) if classes else None
        sizes = [latents + styles if classes else latents, *[styles] * layers]
        self.layers = nn.ModuleList(EqualisedLinear(*two, rate=0.01) for two in itertools.pairwise(sizes))
        self.w_avg: Tensor
        self.register_buffer("w_avg", torch.zeros(styles))

    def forward(self, z: Tensor, label: Tensor | None = None, track: bool = False) -> Tensor:
        x = _of_unit_mean_square(z)
        if self.embed is not None:
            x = torch.cat([x, _of_unit_mean_square(self.embed(self._shares(label, z)))], dim=1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE) * GAIN
        if track:
            follow(self.w_avg, x.detach().to(torch.float32).mean(0), len(x))
        return x

    def _shares(self, label: Tensor | None, z: Tensor) -> Tensor:
        """1 at the class, the same everywhere for an unknown one: (n, classes)."""
        shares = z.new_full((len(z), self.classes), 1 / self.classes)
        if label is None:
            return shares
        label = label.to(z.device)
        return torch.where((label >= 0)[:, None], F.one_hot(label.clamp(min=0), self.classes).to(z), shares)


@torch.no_grad()
def follow(average: Tensor, now: Tensor, images: int) -> None:
    """Moves a running average in place, by so much that half is forgotten after FORGETS images."""
    average.lerp_(now, 1 - 0.5 ** (images / FORGETS))


def _of_unit_mean_square(x: Tensor) -> Tensor:
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()
