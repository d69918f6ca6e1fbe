"""The networks of Huang et al. 2024 (R3GAN): residual, of grouped convolutions, without any normalisation.

Depth is kept trainable by the initial weights alone, as in Fixup (Zhang, Dauphin & Ma 2019, arXiv:1901.09321): the
last layer of every residual branch starts at zero, its other m - 1 layers are scaled down by L^(-1 / (2m - 2)), with
m = 3 layers a branch and L branches a network.
"""

import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.convolution import Convolution

SLOPE = 0.2
"""of the leaky ReLU below 0"""
GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""what a layer's weights are scaled by, so that a leaky ReLU after it keeps the variance (He et al. 2015)"""
JUDGED = 64
"""numbers that a discriminator compares with the code of a class"""

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def initialised(layer: Layer, gain: float = 1.0) -> Layer:
    """Weights from N(0, gain² / fan-in), biases 0."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def pointwise(before: int, after: int, bias: bool = False) -> nn.Conv2d:
    return initialised(Convolution(before, after, 1, bias=bias))


class Block(nn.Module):
    """x + project(act(mix(act(expand(x))))), (n, c, h, w) -> the same: an inverted bottleneck, as in ConvNeXt.

    expansion: times wider inside. group: channels that the 3 x 3 convolution mixes; where the width cannot be
    divided by it, their greatest common divisor. branches: L of the module's docstring.
    """

    def __init__(self, channels: int, expansion: int, group: int, branches: int) -> None:
        super().__init__()
        wide, gain = channels * expansion, GAIN * branches**-0.25
        groups = wide // math.gcd(wide, group)
        self.expand = initialised(Convolution(channels, wide, 1), gain)
        self.mix = initialised(Convolution(wide, wide, 3, padding=1, groups=groups), gain)
        self.project = initialised(Convolution(wide, channels, 1, bias=False), 0.0)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.expand(x), SLOPE)
        hidden = F.leaky_relu(self.mix(hidden), SLOPE)
        branch: Tensor = self.project(hidden)
        return x + branch


class ClassCodes(nn.Module):
    """A learned code of every class, (n,) -> (n, dimensions); for an unknown one (-1, or no label) their mean."""

    def __init__(self, classes: int, dimensions: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.randn(classes, dimensions))

    def forward(self, label: Tensor | None, n: int) -> Tensor:
        unknown = self.codes.mean(0).expand(n, -1)
        if label is None:
            return unknown
        label = label.to(self.codes.device)
        return torch.where((label >= 0)[:, None], F.embedding(label.clamp(min=0), self.codes), unknown)


def stages(size: int) -> int:
    """Resolutions from 4 to `size`, a power of two."""
    return (size // 4).bit_length()


def widths(width: int, size: int) -> list[int]:
    """Channels of every resolution from the picture's down to 4: doubled each time, at most eight times the first."""
    return [width * min(2**level, 8) for level in range(stages(size))]


class R3ganGenerator(nn.Module):
    """(n, latents), with classes also labels (n,) -> (n, c, size, size), float32, linear in its last layer.

    A learned 4 x 4 picture, its channels weighted by the latent; at every resolution residual blocks; in between
    bilinear upsampling. classes: 0 for a network that is told none.
    """

    def __init__(
        self,
        latents: int,
        shape: Sequence[int],
        width: int,
        blocks: int,
        expansion: int,
        group: int,
        classes: int = 0,
    ) -> None:
        super().__init__()
        wides = widths(width, shape[-1])[::-1]
        self.classes = classes
        self.codes = ClassCodes(classes, latents) if classes else None
        self.basis = nn.Parameter(torch.randn(wides[0], 4, 4))
        self.weigh = initialised(nn.Linear(2 * latents if classes else latents, wides[0], bias=False))
        branches = blocks * len(wides)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(wide, expansion, group, branches) for _ in range(blocks))) for wide in wides
        )
        self.narrow = nn.ModuleList(itertools.starmap(_change, itertools.pairwise(wides)))
        self.last = pointwise(wides[-1], shape[0], bias=True)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if self.codes is not None:
            z = torch.cat([z, self.codes(label, len(z))], dim=1)
        x = self.basis * self.weigh(z)[:, :, None, None]
        x = self.stages[0](x.contiguous(memory_format=torch.channels_last))
        for narrow, stage in zip(self.narrow, self.stages[1:], strict=True):
            # the narrower, the cheaper to enlarge
            x = stage(F.interpolate(narrow(x), scale_factor=2, mode="bilinear"))
        out: Tensor = self.last(x)
        return out.to(torch.float32)


class R3ganDiscriminator(nn.Module):
    """(n, c, size, size), with classes also labels (n,) -> logits (n,), float32.

    The generator's mirror image: residual blocks, means of 2 x 2 pixels between the resolutions, at 4 x 4 a
    weighted sum of every channel (a depthwise convolution as large as the picture) and a linear layer. With classes
    the logit is <features, code of the class> / √dimensions (Miyato & Koyama 2018, arXiv:1802.05637).

    No bias at the end: the relativistic loss sees differences of logits only.
    """

    def __init__(
        self, shape: Sequence[int], width: int, blocks: int, expansion: int, group: int, classes: int = 0
    ) -> None:
        super().__init__()
        wides = widths(width, shape[-1])
        branches = blocks * len(wides)
        self.first = pointwise(shape[0], wides[0], bias=True)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(wide, expansion, group, branches) for _ in range(blocks))) for wide in wides
        )
        self.widen = nn.ModuleList(itertools.starmap(_change, itertools.pairwise(wides)))
        self.basis = nn.Parameter(torch.randn(wides[-1], 4, 4) / 4)
        self.features = initialised(nn.Linear(wides[-1], JUDGED if classes else 1, bias=False))
        self.codes = ClassCodes(classes, JUDGED) if classes else None

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.first(x.contiguous(memory_format=torch.channels_last))
        for stage, widen in zip(self.stages, self.widen, strict=False):
            x = widen(F.avg_pool2d(stage(x), 2))
        x = (self.stages[-1](x) * self.basis).sum((2, 3))
        features: Tensor = self.features(x).to(torch.float32)
        if self.codes is None:
            return features.flatten()
        logits: Tensor = (features * self.codes(label, len(x))).sum(1) / math.sqrt(JUDGED)
        return logits


def _change(before: int, after: int) -> nn.Module:
    return nn.Identity() if before == after else pointwise(before, after)
