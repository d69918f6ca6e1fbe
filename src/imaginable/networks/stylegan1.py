"""The networks of Karras, Laine & Aila 2019 (StyleGAN), "A Style-Based Generator Architecture for Generative
Adversarial Networks", arXiv:1812.04948: a mapping network, a generator whose layers are styled, a plain discriminator.

All resolutions from the first step on, where the authors' grow. Doubling and halving are theirs (nearest pixel and mean
of 2 x 2, each with the filter [1, 2, 1]), but brought together into one filter [1, 3, 3, 1] and a convolution at the
lower resolution: the same numbers but for one pixel at the edges, with a quarter of the products. The learned input
starts as noise (theirs: as ones). An unknown class has the mean of the classes' logits, and of their vectors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.stylegan2 import Mapping, for_layers, widths
from imaginable.nn.equalised import GAIN, EqualisedConvolution, EqualisedLinear, activated
from imaginable.nn.minibatch import MinibatchDeviation
from imaginable.nn.modulated import Noise, NoiseKind
from imaginable.nn.normalization import AdaptiveInstanceNorm
from imaginable.nn.resample import blurred


class Doubling(nn.Module):
    """3 x 3 convolution of x doubled, the result filtered: (n, before, h, w) -> (n, after, 2 h, 2 w).

    As a transposed convolution, since filters and convolutions may change places.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(before, after, 3, 3))
        self.bias = nn.Parameter(torch.zeros(after))
        self.weight_gain = GAIN / math.sqrt(before * 9)

    def forward(self, x: Tensor) -> Tensor:
        apart = F.conv_transpose2d(x, self.weight * self.weight_gain, stride=2)  # sides of 2 h + 1
        doubled = blurred(apart, padding=1, gain=4.0)
        return doubled + (self.bias * GAIN).to(doubled.dtype)[:, None, None]


class Styling(nn.Module):
    """Noise, leaky ReLU, adaptive instance norm: (n, channels, size, size) and w (n, styles) -> the same size."""

    def __init__(self, channels: int, size: int, styles: int) -> None:
        super().__init__()
        self.noise = Noise(size, channels=channels)
        self.norm = AdaptiveInstanceNorm(channels, styles)

    def forward(self, x: Tensor, code: Tensor, noise: NoiseKind, generator: torch.Generator | None) -> Tensor:
        """Overwrites x."""
        styled: Tensor = self.norm(activated(self.noise(x, noise, generator)), code)
        return styled


class Stylegan1Generator(nn.Module):
    """Latents (n, latents) and, with classes, labels (n,) -> pictures (n, c, size, size), float32, linear at the end.

    A learned 4 x 4 map and a convolution, then at every resolution one that doubles and one that does not. Each, and
    the learned map, is followed by a styling with a code of its own, `layers` in all. So they can be mixed, edited and
    truncated one by one.

    width, most: channels beside the picture, doubled at every halving of the size up to `most`. depth: of the mapping.
    `average`: the mean of w (styles,), zeros until the method moves it.
    """

    def __init__(
        self,
        latents: int,
        shape: Sequence[int],
        width: int,
        most: int = 512,
        styles: int = 512,
        depth: int = 8,
        classes: int = 0,
    ) -> None:
        super().__init__()
        wides = widths(width, most, shape[-1])[::-1]
        self.layers = 2 * len(wides)
        self.classes = classes
        self.mapping = Mapping(latents, styles, depth, classes)
        self.average: Tensor
        self.register_buffer("average", torch.zeros(styles))
        self.constant = nn.Parameter(torch.randn(wides[0], 4, 4))
        same = [EqualisedConvolution(wide, wide, 3, gain=GAIN) for wide in wides]
        up = list(itertools.starmap(Doubling, itertools.pairwise(wides)))
        later = itertools.chain.from_iterable(zip(up, same[1:], strict=True))
        self.convolutions = nn.ModuleList([same[0], *later])
        self.stylings = nn.ModuleList(
            Styling(wide, 4 * 2**level, styles) for level, wide in enumerate(wides) for _ in range(2)
        )
        self.picture = EqualisedConvolution(wides[-1], shape[0], 1)

    def forward(
        self,
        z: Tensor,
        label: Tensor | None = None,
        truncation: float = 1.0,
        noise: NoiseKind = "random",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self.synthesize(self.map(z, label, truncation), noise, generator)

    def map(self, z: Tensor, label: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """A code for every layer, (n, layers, styles), all the same. truncation: ψ, their distance to the average."""
        return for_layers(self.mapping(z, label), self.average, self.layers, truncation)

    def synthesize(self, w: Tensor, noise: NoiseKind = "random", generator: torch.Generator | None = None) -> Tensor:
        """Pictures of codes (n, layers, styles)."""
        codes = w.unbind(1)
        x = torch.clone(self.constant.expand(len(w), -1, -1, -1), memory_format=torch.channels_last)
        x = self.stylings[0](x, codes[0], noise, generator)
        for convolve, style, code in zip(self.convolutions, self.stylings[1:], codes[1:], strict=True):
            x = style(convolve(x), code, noise, generator)
        picture: Tensor = self.picture(x).to(torch.float32)
        return picture

    def affines(self) -> list[Tensor]:
        """Of every layer, what makes scales and shifts of its code: (2 channels, styles), scaled as it is used."""
        layers = [styling.get_submodule("norm.affine") for styling in self.stylings]
        return [layer.weight * layer.weight_gain for layer in layers if isinstance(layer, EqualisedLinear)]


class Halving(nn.Module):
    """Two convolutions, the second through a filter and halving: (n, before, h, w) -> (n, after, h / 2, w / 2)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = EqualisedConvolution(before, before, 3, gain=GAIN)
        self.second = EqualisedConvolution(before, after, 3, gain=GAIN, stride=2, padding=0)

    def forward(self, x: Tensor) -> Tensor:
        return activated(self.second(blurred(activated(self.first(x)), padding=2)))


class Stylegan1Discriminator(nn.Module):
    """(n, c, size, size), with classes also labels (n,) -> logits (n,), float32.

    Convolutions down to 4 x 4, how much the items of a group differ, a convolution and two linear layers. With classes
    it has a logit for each and gives that of the label (Mescheder et al. 2018, arXiv:1801.04406).

    group: items that are compared with each other, 1 for none, and items are then independent.
    """

    def __init__(self, shape: Sequence[int], width: int, most: int = 512, classes: int = 0, group: int = 4) -> None:
        super().__init__()
        wides = widths(width, most, shape[-1])
        wide = wides[-1]
        self.classes = classes
        self.first = EqualisedConvolution(shape[0], wides[0], 1, gain=GAIN)
        self.blocks = nn.ModuleList(itertools.starmap(Halving, itertools.pairwise(wides)))
        self.deviation = MinibatchDeviation(group)
        self.last = EqualisedConvolution(wide + 1, wide, 3, gain=GAIN)
        self.hidden = EqualisedLinear(wide * 16, wide, gain=GAIN)
        self.logits = EqualisedLinear(wide, max(classes, 1))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = activated(self.first(x.contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = block(x)
        x = activated(self.last(self.deviation(x)))
        logits: Tensor = self.logits(activated(self.hidden(x.flatten(1)))).to(torch.float32)
        mean = logits.mean(1, keepdim=True)
        if label is None or not self.classes:
            return mean.flatten()
        return torch.cat([logits, mean], dim=1)[torch.arange(len(x), device=x.device), label]  # -1 is the last
