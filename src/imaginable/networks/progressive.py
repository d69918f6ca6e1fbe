"""The networks of Karras, Aila, Laine & Lehtinen 2018 (ProGAN), "Progressive Growing of GANs for Improved Quality,
Stability, and Variation", arXiv:1710.10196: they begin at 4 x 4 pixels and are doubled while they learn.

Both have a `level`, a buffer that the method moves: its whole part is the resolution, 4 · 2^level pixels, its fraction
how far the next one is faded in (figure 2). At a fraction of 0 the next one is not touched, and its layers get no
gradient, so that no optimiser moves them. Neither output jumps when the level does not.

As in the authors' code the convolution beside a change of size is one with it: doubling and the convolution after it, a
convolution and the mean after it. In G that is the same map; in D the leaky ReLU so comes after the mean, which
the authors have from 128 pixels on. Differs from the code: biases have the gain of their weights, √2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.stylegan2 import normalised, widths
from imaginable.nn.convolution import Geometry, convolved
from imaginable.nn.equalised import GAIN, EqualisedConvolution, EqualisedLinear, activated
from imaginable.nn.minibatch import MinibatchDeviation


def parted(level: Tensor | float) -> tuple[int, float]:
    """The resolution that is shown in whole, 0 being 4 x 4, and the share α of the next one, in [0, 1)."""
    fraction, whole = math.modf(float(level))
    return int(whole), fraction


def at_level(x: Tensor, level: Tensor | float) -> Tensor:
    """Pictures (n, c, size, size) as the networks see and make them at this level: (n, c, s, s), s = 4 · 2^⌈level⌉.

    While a resolution is faded in they are mixed with what the one before can show of them (section 2).
    """
    whole, share = parted(level)
    small = F.adaptive_avg_pool2d(x, 4 * 2 ** (whole + (share > 0)))
    return torch.lerp(doubled(halved(small)), small, share) if share else small


def doubled(x: Tensor) -> Tensor:
    """Every value four times, (n, c, h, w) -> (n, c, 2 h, 2 w)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def halved(x: Tensor) -> Tensor:
    """Means of 2 x 2, (n, c, h, w) -> (n, c, h / 2, w / 2)."""
    return F.avg_pool2d(x, 2)


class DoublingConvolution(nn.Module):
    """A 3 x 3 convolution of the doubled maps, (n, before, h, w) -> (n, after, 2 h, 2 w).

    Every value of the small maps is met through a kernel of 4 x 4, sums of the 3 x 3's: 4/9 of the products.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = EqualisedConvolution(before, after, 3, gain=GAIN)

    def forward(self, x: Tensor) -> Tensor:
        layer = self.convolution
        assert layer.bias is not None, "by default there is one"
        kernel = 4 * F.avg_pool2d(layer.weight * layer.weight_gain, 2, stride=1, padding=1)
        return F.conv_transpose2d(
            x, kernel.flip(2, 3).transpose(0, 1), layer.bias * layer.bias_gain, stride=2, padding=1
        )


class HalvingConvolution(nn.Module):
    """Means of 2 x 2 of a 3 x 3 convolution, (n, before, h, w) -> (n, after, h / 2, w / 2), as one of 4 x 4."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = EqualisedConvolution(before, after, 3, gain=GAIN)

    def forward(self, x: Tensor) -> Tensor:
        layer = self.convolution
        assert layer.bias is not None, "by default there is one"
        kernel = F.avg_pool2d(layer.weight * layer.weight_gain, 2, stride=1, padding=1)
        return convolved(x, kernel, layer.bias * layer.bias_gain, Geometry((2, 2), (1, 1), 1))


class Finer(nn.Module):
    """A resolution of G, (n, before, h, w) -> (n, after, 2 h, 2 w); of mean square 1 at every pixel (section 4.2)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = DoublingConvolution(before, after)
        self.second = EqualisedConvolution(after, after, 3, gain=GAIN)

    def forward(self, x: Tensor) -> Tensor:
        x = normalised(activated(self.first(x)))
        return normalised(activated(self.second(x)))


class Coarser(nn.Module):
    """A resolution of D, (n, before, h, w) -> (n, after, h / 2, w / 2)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = EqualisedConvolution(before, before, 3, gain=GAIN)
        self.second = HalvingConvolution(before, after)

    def forward(self, x: Tensor) -> Tensor:
        return activated(self.second(activated(self.first(x))))


class ProgressiveGenerator(nn.Module):
    """(n, latents) -> pictures (n, c, s, s) as large as its level is, float32, linear at the end; `size` when grown.

    Latents are normalised, and so is every pixel of every layer's maps. width, most: channels beside the picture,
    doubled at every halving of the size up to `most`. doublings: from 4 pixels to all; the highest level.
    """

    def __init__(self, latents: int, shape: Sequence[int], width: int, most: int) -> None:
        super().__init__()
        wides = widths(width, most, shape[-1])[::-1]
        self.size, self.doublings = shape[-1], len(wides) - 1
        self.level: Tensor
        self.register_buffer("level", torch.zeros(()))
        # as the convolution of a single pixel that it is in the paper, it would have 4 x 4 latents an output
        self.start = EqualisedLinear(latents, 16 * wides[0], gain=GAIN / 4)
        self.first = EqualisedConvolution(wides[0], wides[0], 3, gain=GAIN)
        self.blocks = nn.ModuleList(itertools.starmap(Finer, itertools.pairwise(wides)))
        self.pictures = nn.ModuleList(EqualisedConvolution(wide, shape[0], 1) for wide in wides)

    def forward(self, z: Tensor) -> Tensor:
        whole, share = parted(self.level)
        x = self.start(normalised(z)).view(len(z), -1, 4, 4).contiguous(memory_format=torch.channels_last)
        x = normalised(activated(self.first(normalised(activated(x)))))
        for number in range(whole):
            x = self.blocks[number](x)
        picture: Tensor = self.pictures[whole](x).to(torch.float32)
        if share:
            finer = self.pictures[whole + 1](self.blocks[whole](x)).to(torch.float32)
            picture = torch.lerp(doubled(picture), finer, share)
        return picture


class ProgressiveDiscriminator(nn.Module):
    """Pictures (n, c, s, s) as large as its level is -> logits (n,), float32: the generator's mirror image.

    At 4 x 4 it is told how much the items of a group vary, so items influence each other. group: their number.
    """

    def __init__(self, shape: Sequence[int], width: int, most: int, group: int = 4) -> None:
        super().__init__()
        wides = widths(width, most, shape[-1])[::-1]
        wide = wides[0]
        self.doublings = len(wides) - 1
        self.level: Tensor
        self.register_buffer("level", torch.zeros(()))
        self.pictures = nn.ModuleList(EqualisedConvolution(shape[0], wide, 1, gain=GAIN) for wide in wides)
        self.blocks = nn.ModuleList(Coarser(before, after) for after, before in itertools.pairwise(wides))
        self.deviation = MinibatchDeviation(group)
        self.last = EqualisedConvolution(wide + 1, wide, 3, gain=GAIN)
        self.hidden = EqualisedLinear(16 * wide, wide, gain=GAIN)
        self.logit = EqualisedLinear(wide, 1)

    def forward(self, x: Tensor) -> Tensor:
        whole, share = parted(self.level)
        x = x.contiguous(memory_format=torch.channels_last)
        if share:
            coarse = activated(self.pictures[whole](halved(x)))
            fine = self.blocks[whole](activated(self.pictures[whole + 1](x)))
            x = torch.lerp(coarse, fine, share)
        else:
            x = activated(self.pictures[whole](x))
        for number in reversed(range(whole)):
            x = self.blocks[number](x)
        x = activated(self.last(self.deviation(x)))
        logits: Tensor = self.logit(activated(self.hidden(x.flatten(1))))
        return logits.to(torch.float32).flatten()
