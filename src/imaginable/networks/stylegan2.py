"""The networks of Karras et al. 2020 (StyleGAN2), "Analyzing and Improving the Image Quality of StyleGAN",
arXiv:1912.04958: a mapping network, a generator of summed pictures, and a residual discriminator.

Conditional as in the authors' later code (Karras et al. 2020, arXiv:2006.06676). Differs from that: activations are not
cut off at 256, which float16 needs and bfloat16 does not; an unknown class has the mean of the classes' vectors.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping as Map
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from imaginable.nn.equalised import GAIN, EqualisedConvolution, EqualisedLinear, activated
from imaginable.nn.minibatch import MinibatchDeviation
from imaginable.nn.modulated import ModulatedConvolution, Noise, NoiseKind
from imaginable.nn.normalization import ClassVectors
from imaginable.nn.resample import blurred, double_size, half_size
from imaginable.nn.transform import transformed

MAPPING_RATE = 0.01
"""of learning, of the mapping network relative to the others"""
_LEAST = 1e-8


def widths(width: int, most: int, size: int) -> list[int]:
    """Channels of every resolution from the picture's down to 4 x 4: doubled at every halving, up to `most`."""
    return [min(most, width * 2**level) for level in range((size // 4).bit_length())]


def normalised(x: Tensor) -> Tensor:
    """x of mean square 1 over its channels, (n, d) or (n, d, h, w) -> the same."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + _LEAST)


class Mapping(nn.Module):
    """Latents (n, latents) and, with classes, labels (n,) -> codes w (n, styles), in float32 whatever is around.

    Latents and the class's vector are normalised and go through `layers` fully connected layers. latents: 0 where only
    the class is mapped. classes: 0 for none, and labels are then ignored.
    """

    def __init__(self, latents: int, styles: int, layers: int, classes: int = 0) -> None:
        super().__init__()
        self.classes = ClassVectors(torch.randn(classes, styles)) if classes else None
        sides = [latents + (styles if classes else 0), *[styles] * layers]
        self.layers = nn.ModuleList(
            EqualisedLinear(before, after, GAIN, MAPPING_RATE) for before, after in itertools.pairwise(sides)
        )

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            x = normalised(z.float())
            if self.classes is not None:
                x = torch.cat([x, normalised(self.classes(label, len(z)))], dim=1)
            for layer in self.layers:
                x = activated(layer(x))
            return x


def for_layers(w: Tensor, average: Tensor, layers: int, truncation: float) -> Tensor:
    """w (n, styles) as every layer's code, (n, layers, styles), at ψ = truncation of its distance to the average."""
    if truncation != 1:
        w = torch.lerp(average, w, truncation)
    return w[:, None].expand(-1, layers, -1)


class StyledConvolution(nn.Module):
    """Modulated 3 x 3 convolution, noise, leaky ReLU: (n, before, h, w) and w (n, styles) -> (n, after, size, size)."""

    def __init__(self, before: int, after: int, size: int, styles: int, up: bool = False) -> None:
        super().__init__()
        self.convolution = ModulatedConvolution(before, after, 3, styles, up=up, gain=GAIN)
        self.noise = Noise(size, GAIN)

    def forward(self, x: Tensor, code: Tensor, noise: NoiseKind, generator: torch.Generator | None) -> Tensor:
        return activated(self.noise(self.convolution(x, code), noise, generator))


class Stylegan2Generator(nn.Module):
    """Latents (n, latents) and, with classes, labels (n,) -> pictures (n, c, size, size), float32, linear at the end.

    A learned 4 x 4 map; at every resolution two styled convolutions, one at 4 x 4, and a picture of what they show,
    which is added to the smaller ones', doubled (figure 7b, "skips"). Every convolution has a code of its own, and the
    picture that of the next convolution: `layers` in all. So they can be mixed, edited and truncated one by one.

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
        self.mapping = Mapping(latents, styles, depth, classes)
        self.average: Tensor
        self.register_buffer("average", torch.zeros(styles))
        self.constant = nn.Parameter(torch.randn(wides[0], 4, 4))
        sizes = [4 * 2**level for level in range(len(wides))]
        self.up = nn.ModuleList(
            StyledConvolution(before, after, size, styles, up=True)
            for before, after, size in zip(wides, wides[1:], sizes[1:], strict=False)
        )
        self.same = nn.ModuleList(
            StyledConvolution(wide, wide, size, styles) for wide, size in zip(wides, sizes, strict=True)
        )
        self.pictures = nn.ModuleList(
            ModulatedConvolution(wide, shape[0], 1, styles, demodulate=False) for wide in wides
        )

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

    def synthesize(
        self,
        w: Tensor,
        noise: NoiseKind = "random",
        generator: torch.Generator | None = None,
        transform: Tensor | None = None,
    ) -> Tensor:
        """Pictures of codes (n, layers, styles). transform: of the 4 x 4 map (nn/transform.py), (n, 3, 3)."""
        codes = w.unbind(1)
        start = self.constant if transform is None else transformed(self.constant, transform)
        x = start.expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = self.same[0](x, codes[0], noise, generator)
        picture: Tensor = self.pictures[0](x, codes[1]).to(torch.float32)
        for level, (up, same, to_image) in enumerate(zip(self.up, self.same[1:], self.pictures[1:], strict=True)):
            x = up(x, codes[2 * level + 1], noise, generator)
            x = same(x, codes[2 * level + 2], noise, generator)
            picture = double_size(picture) + to_image(x, codes[2 * level + 3])
        return picture

    def affines(self) -> list[Tensor]:
        """Of every layer, what makes its channels' styles of its code: (channels, styles), scaled as it is used.

        A layer's code makes the styles of one convolution and, where its resolution ends, of the picture's.
        """
        at_codes: list[list[EqualisedLinear]] = [[] for _ in range(self.layers)]
        for number, layers in ((0, self.same), (1, self.up), (1, self.pictures)):
            for level, layer in enumerate(layers):
                own = layer.convolution if isinstance(layer, StyledConvolution) else layer
                assert isinstance(own, ModulatedConvolution)
                at_codes[2 * level + number].append(own.affine)
        return [torch.cat([one.weight * one.weight_gain for one in several]) for several in at_codes]


class Halving(nn.Module):
    """(convolutions + shortcut) / √2 at half the size, (n, before, h, w) -> (n, after, h / 2, w / 2); figure 7c."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = EqualisedConvolution(before, before, 3, gain=GAIN)
        self.second = EqualisedConvolution(before, after, 3, gain=GAIN / math.sqrt(2), stride=2, padding=0)
        self.shortcut = EqualisedConvolution(before, after, 1, bias=False, gain=1 / math.sqrt(2))

    def forward(self, x: Tensor) -> Tensor:
        hidden = blurred(activated(self.first(x)), padding=2)
        shortcut: Tensor = self.shortcut(half_size(x))
        return shortcut + activated(self.second(hidden))


class Stylegan2Discriminator(nn.Module):
    """(n, c, size, size), with classes also labels (n,) -> logits (n,), float32.

    Residual blocks down to 4 x 4, how much the items of a group differ, a convolution and two linear layers. With
    classes the logit is <features, mapped class> / √features (Miyato & Koyama 2018, arXiv:1802.05637).

    group: items that are compared with each other, 1 for none, and items are then independent. depth: of the mapping.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int,
        most: int = 512,
        classes: int = 0,
        group: int = 4,
        depth: int = 8,
    ) -> None:
        super().__init__()
        wides = widths(width, most, shape[-1])
        wide = wides[-1]
        self.first = EqualisedConvolution(shape[0], wides[0], 1, gain=GAIN)
        self.blocks = nn.ModuleList(itertools.starmap(Halving, itertools.pairwise(wides)))
        self.deviation = MinibatchDeviation(group)
        self.last = EqualisedConvolution(wide + 1, wide, 3, gain=GAIN)
        self.hidden = EqualisedLinear(wide * 16, wide, gain=GAIN)
        self.features = EqualisedLinear(wide, wide if classes else 1)
        self.mapping = Mapping(0, wide, depth, classes) if classes else None

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = activated(self.first(x.contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = block(x)
        x = activated(self.last(self.deviation(x)))
        features: Tensor = self.features(activated(self.hidden(x.flatten(1)))).to(torch.float32)
        if self.mapping is None:
            return features.flatten()
        codes = self.mapping(features[:, :0], label)
        logits: Tensor = (features * codes).sum(1) / math.sqrt(features.shape[1])
        return logits


def from_public(state: Map[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a public StyleGAN2 generator or discriminator, but filters, under the names they have here.

    Its blocks are named b(size). Its embedding of classes is a linear layer; here, what that gives for one-hot labels.
    """
    public = {name: tensor for name, tensor in state.items() if not name.endswith("resample_filter")}
    levels = [_level(found) for name in public if (found := re.search(r"\bb(\d+)\.", name))]
    if "mapping.embed.weight" in public:
        weight, bias = (public.pop(f"mapping.embed.{part}") for part in ("weight", "bias"))
        public["mapping.classes.weight"] = weight.T / math.sqrt(weight.shape[1]) + bias
    return {_renamed(name, max(levels, default=0)): tensor for name, tensor in public.items()}


def _level(found: re.Match[str]) -> int:
    return int(found[1]).bit_length() - 3  # 4 -> 0, 8 -> 1


_PUBLIC = {
    r"mapping\.fc(\d+)": r"mapping.layers.\1",
    r"mapping\.w_avg": "average",
    r"synthesis\.b4\.const\b": "constant",
    r"synthesis\.b(\d+)\.conv0": "up.{below}.convolution",
    r"synthesis\.b(\d+)\.conv1": "same.{level}.convolution",
    r"synthesis\.b(\d+)\.torgb": "pictures.{level}",
    r"convolution\.noise_const": "noise.constant",
    r"convolution\.noise_strength": "noise.strength",
    r"b\d+\.fromrgb": "first",
    r"b4\.conv\b": "last",
    r"b4\.fc": "hidden",
    r"b4\.out": "features",
    r"b(\d+)\.conv0": "blocks.{from_top}.first",
    r"b(\d+)\.conv1": "blocks.{from_top}.second",
    r"b(\d+)\.skip": "blocks.{from_top}.shortcut",
}


def _renamed(name: str, top: int) -> str:
    """top: the level of the picture."""
    for theirs, ours in _PUBLIC.items():
        name = re.sub(theirs, partial(_put, ours, top), name)
    return name


def _put(ours: str, top: int, found: re.Match[str]) -> str:
    if "{" not in ours:
        return found.expand(ours)
    level = _level(found)
    return ours.format(level=level, below=level - 1, from_top=top - level)
