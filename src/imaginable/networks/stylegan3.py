"""The generator of Karras et al. 2021, "Alias-Free Generative Adversarial Networks" (StyleGAN3), arXiv:2106.12423.

T moves detail with the object under translation: 3 x 3 convolutions, separable filters. R under rotation too: 1 x 1
convolutions, twice the channels, radial filters.

Differs from the authors' code: no clamp at ±256, which is for half precision; filters run in float32; a batch's items
do not share the scale of their styles, which demodulation takes out again; an unknown class has the mean of the
classes' vectors.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping as Map
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from imaginable.networks.stylegan2 import Mapping, for_layers
from imaginable.networks.stylegan3_layers import ModulatedConvolution, SynthesisLayer, Waves, follow, stages

OUTPUT_SCALE = 0.25
"""of the last layer, whose input has unit variance: pixels are small at first"""


class Synthesis(nn.Module):
    """w of every layer, (n, layers + 2, styles) -> pictures (n, c, size, size), float32, linear in the last layer.

    One w is for the waves, the last for the layer to colours. size: a power of two, at least 16. width: channels
    times cutoff of a layer, at most `most` channels. rotates: StyleGAN3-R, for which width and most are usually
    doubled. transform: of the waves, in place of theirs. track: as of the generator.
    """

    def __init__(
        self, shape: Sequence[int], styles: int, layers: int, width: int, most: int, rotates: bool = False
    ) -> None:
        super().__init__()
        made = stages(shape[-1], layers, width, most)
        pairs = itertools.pairwise([made[0], *made])
        kernel = 1 if rotates else 3
        self.input = Waves(styles, made[0])
        self.layers = nn.ModuleList(SynthesisLayer(styles, *pair, kernel, rotates) for pair in pairs)
        self.colours = ModulatedConvolution(made[-1].channels, shape[0], 1, styles, False)

    def forward(self, w: Tensor, track: float = 0.0, transform: Tensor | None = None) -> Tensor:
        first, *between, last = w.unbind(1)
        x = self.input(first, transform)
        for layer, style in zip(self.layers, between, strict=True):
            x = layer(x, style, track)
        x = self.colours(x, last, track)
        pictures: Tensor = x.to(torch.float32) * OUTPUT_SCALE
        return pictures

    def affines(self) -> list[Tensor]:
        """Of the waves, every layer and the colours: what makes its styles of w, (channels, styles), scaled as used.

        The waves have four styles: a turn and a shift.
        """
        convolutions = (layer.convolution for layer in self.layers if isinstance(layer, SynthesisLayer))
        linear = [self.input.affine, *(one.affine for one in (*convolutions, self.colours))]
        return [one.weight * one.weight_gain for one in linear]


class Stylegan3Generator(nn.Module):
    """z (n, latents), with classes also labels (n,) -> pictures (n, c, size, size), float32, not bounded.

    truncation: how far from the average w, 1 for all the way. track: how far running averages move to what this batch
    has, of w and of the magnitudes of all layers' inputs; they are buffers, and 0 leaves them.
    `average`: that of w, (styles,), zeros at first.
    """

    def __init__(
        self,
        latents: int,
        shape: Sequence[int],
        styles: int = 512,
        mapping: int = 2,
        layers: int = 14,
        width: int = 16384,
        most: int = 512,
        rotates: bool = False,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.synthesis = Synthesis(shape, styles, layers, width, most, rotates)
        self.mapping = Mapping(latents, styles, mapping, classes)
        self.average: Tensor
        self.register_buffer("average", torch.zeros(styles))

    def map(self, z: Tensor, label: Tensor | None = None, truncation: float = 1.0, track: float = 0.0) -> Tensor:
        """w of every layer, (n, layers + 2, styles): the same for all."""
        w: Tensor = self.mapping(z, label)
        if track:
            follow(self.average, w.detach().mean(0), track)
        return for_layers(w, self.average, len(self.synthesis.layers) + 2, truncation)

    def forward(self, z: Tensor, label: Tensor | None = None, truncation: float = 1.0, track: float = 0.0) -> Tensor:
        x: Tensor = self.synthesis(self.map(z, label, truncation, track), track)
        return x


def from_public(state: Map[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a public StyleGAN3 generator under the names they have here; filters follow from the sizes.

    Its layers are named L(number)_(size)_(channels); the last one is that to colours. A class's vector is a column of
    the weights that a one-hot class meets, plus their bias.
    """
    layers = {int(found[1]) for name in state if (found := re.match(r"synthesis\.L(\d+)_", name))}

    def renamed(name: str) -> str:
        name = name.replace("mapping.w_avg", "average")
        name = re.sub(r"^mapping\.fc(\d+)", r"mapping.layers.\1", name)
        name = re.sub(rf"^synthesis\.L{max(layers)}_\d+_\d+", "synthesis.colours", name)
        return re.sub(r"^synthesis\.L(\d+)_\d+_\d+", r"synthesis.layers.\1.convolution", name)

    rest = dict(state)
    made = {}
    if (weight := rest.pop("mapping.embed.weight", None)) is not None:
        vectors = weight.T / math.sqrt(weight.shape[1]) + rest.pop("mapping.embed.bias")
        made["mapping.classes.weight"] = vectors
    return made | {renamed(name): tensor for name, tensor in rest.items() if not name.endswith("_filter")}
