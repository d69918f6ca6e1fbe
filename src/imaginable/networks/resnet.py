"""The residual generator and projection discriminator of SNGAN, and with self-attention those of SAGAN.

Miyato et al. 2018, arXiv:1802.05957 (the architecture for 32 pixels); Miyato & Koyama 2018,
arXiv:1802.05637 (classes); Zhang et al. 2019, arXiv:1805.08318 (attention).

At 32 pixels a player has `width` channels throughout, as in the paper; at 64 and 128 the levels above 32 have half
as many at every doubling, which from 32 pixels up are the channels of the papers' networks for 128.
No bias goes where the generator's next normalisation takes it away again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.attention import SelfAttention
from imaginable.nn.normalization import ClassVectors, ConditionalBatchNorm2d
from imaginable.nn.spectral import spectrally_normalised

Constraint = Callable[[nn.Module], nn.Module]


def attention_size(size: int) -> int:
    """Side of the features that attend to each other: 32 as in the paper, or half the picture's."""
    return min(32, size // 2)


def _channels(width: int, size: int) -> int:
    """At features of that side."""
    return max(1, width * 32 // max(32, size))


def _convolution(before: int, after: int, kernel: int, gain: float = 1.0, bias: bool = True) -> nn.Conv2d:
    """Glorot's uniform initialisation, as the authors'; the picture keeps its size."""
    layer = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=bias)
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _free(layer: nn.Module) -> nn.Module:
    return layer


def _normalisation(channels: int, classes: int) -> nn.Module:
    return ConditionalBatchNorm2d(channels, classes) if classes else nn.BatchNorm2d(channels)


def _normalised(layer: nn.Module, x: Tensor, label: Tensor | None) -> Tensor:
    """With the class's scale and shift where it has them."""
    out: Tensor = layer(x, label) if isinstance(layer, ConditionalBatchNorm2d) else layer(x)
    return out


class UpBlock(nn.Module):
    """(n, before, h, w) -> (n, after, 2h, 2w): norm, ReLU, doubling, convolution; norm, ReLU, convolution."""

    def __init__(self, before: int, after: int, classes: int, constrained: Constraint) -> None:
        super().__init__()
        self.first_norm = _normalisation(before, classes)
        self.first = constrained(_convolution(before, after, 3, math.sqrt(2), bias=False))
        self.second_norm = _normalisation(after, classes)
        self.second = constrained(_convolution(after, after, 3, math.sqrt(2), bias=False))
        self.shortcut = constrained(_convolution(before, after, 1, bias=False))

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        hidden = F.relu(_normalised(self.first_norm, x, label))
        hidden = self.first(F.interpolate(hidden, scale_factor=2))
        hidden = self.second(F.relu(_normalised(self.second_norm, hidden, label)))
        # a 1 x 1 convolution and doubling commute: the small picture is a quarter of the work
        out: Tensor = hidden + F.interpolate(self.shortcut(x), scale_factor=2)
        return out


class DownBlock(nn.Module):
    """(n, before, h, w) -> (n, after, h, w), or half the sides: ReLU, convolution; ReLU, convolution; mean of 2 x 2.

    first: the input is a picture, which no ReLU may cut.
    """

    def __init__(self, before: int, after: int, down: bool, first: bool = False) -> None:
        super().__init__()
        self.down, self.on_picture = down, first
        self.first = spectrally_normalised(_convolution(before, after, 3, math.sqrt(2)))
        self.second = spectrally_normalised(_convolution(after, after, 3, math.sqrt(2)))
        same = before == after and not down
        self.shortcut = nn.Identity() if same else spectrally_normalised(_convolution(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.second(F.relu(self.first(x if self.on_picture else F.relu(x))))
        if self.down:  # the mean commutes with a 1 x 1 convolution, too
            hidden, x = F.avg_pool2d(hidden, 2), F.avg_pool2d(x, 2)
        out: Tensor = hidden + self.shortcut(x)
        return out


class ResnetGenerator(nn.Module):
    """(n, latents) and labels (n,), if it has classes -> (n, c, size, size) in [-1, 1], float32.

    classes: how many; 0 for none, and labels are then ignored. Of an unknown one (-1, or no labels), the mean.
    spectral, attention: SAGAN's additions.
    """

    def __init__(
        self,
        latents: int,
        shape: Sequence[int],
        width: int,
        classes: int = 0,
        spectral: bool = False,
        attention: bool = False,
    ) -> None:
        super().__init__()
        constrained: Constraint = spectrally_normalised if spectral else _free
        self.classes = classes
        stem = nn.Linear(latents, _channels(width, 4) * 16)
        nn.init.xavier_uniform_(stem.weight)
        self.stem = constrained(stem)
        channels, size = _channels(width, 4), 4
        blocks: list[nn.Module] = []
        while size < shape[-1]:
            size *= 2
            blocks.append(UpBlock(channels, channels := _channels(width, size), classes, constrained))
            if attention and size == attention_size(shape[-1]):
                blocks.append(SelfAttention(channels, constrained))  # type: ignore[arg-type]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.BatchNorm2d(channels)
        self.last = constrained(_convolution(channels, shape[0], 3))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.stem(z).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, label) if isinstance(block, UpBlock) else block(x)
        return torch.tanh(self.last(F.relu(self.norm(x))).to(torch.float32))


class ResnetDiscriminator(nn.Module):
    """(n, c, size, size) and labels (n,), if it has classes -> logits (n,), float32; spectrally normalised.

    ψ(h) + <v_y, h> with h the features summed over positions: Miyato & Koyama 2018. For v_y of an
    unknown class stands the mean of all. No normalisation: items of a batch are independent.
    ψ is linear without bias, as in the authors' code.
    """

    def __init__(self, shape: Sequence[int], width: int, classes: int = 0, attention: bool = False) -> None:
        super().__init__()
        self.classes = classes
        channels, size = shape[0], shape[-1]
        blocks: list[nn.Module] = []
        while size > 8:
            if attention and size == attention_size(shape[-1]):
                blocks.append(SelfAttention(channels, spectrally_normalised))
            blocks.append(DownBlock(channels, channels := _channels(width, size), True, first=not blocks))
            size //= 2
        blocks += [DownBlock(channels, channels, False) for _ in range(2)]
        self.blocks = nn.Sequential(*blocks)
        judge = nn.Linear(channels, 1, bias=False)
        nn.init.xavier_uniform_(judge.weight)
        self.judge = spectrally_normalised(judge)
        if classes:
            vectors = nn.init.xavier_uniform_(torch.empty(classes, channels))
            self.projection = spectrally_normalised(ClassVectors(vectors))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        features = self.features(x)
        logits: Tensor = self.judge(features).to(torch.float32).flatten()
        if self.classes:
            logits = logits + (self.projection(label, len(x)) * features).sum(1)
        return logits

    def features(self, x: Tensor) -> Tensor:
        """h (n, channels), summed over positions, float32."""
        return F.relu(self.blocks(x)).to(torch.float32).sum((2, 3))
