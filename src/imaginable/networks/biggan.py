"""The generator of BigGAN: every block's batch norms are set by its own part of the latent and by the class.

Brock, Donahue & Simonyan 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
arXiv:1809.11096, section 3 and appendix B. Its discriminator is networks/resnet.py's, with attention.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.resnet import attention_size
from imaginable.nn.attention import SelfAttention
from imaginable.nn.normalization import ClassVectors
from imaginable.nn.spectral import spectrally_normalised


def parts(size: int) -> int:
    """How many parts a latent falls into: one for the start at 4 x 4 pixels and one for every doubling."""
    return (size // 4).bit_length()


def _convolution(before: int, after: int, kernel: int, bias: bool = False) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=bias)
    nn.init.orthogonal_(layer.weight)
    return spectrally_normalised(layer)


def _linear(before: int, after: int) -> nn.Linear:
    layer = nn.Linear(before, after, bias=False)
    nn.init.orthogonal_(layer.weight)
    return spectrally_normalised(layer)


class ModulatedBatchNorm2d(nn.Module):
    """(1 + A c) (x - mean) / deviation + B c, (n, channels, h, w) and conditions c (n, d) -> (n, channels, h, w)."""

    def __init__(self, channels: int, conditions: int) -> None:
        super().__init__()
        self.statistics = nn.BatchNorm2d(channels, affine=False)
        self.scale = _linear(conditions, channels)
        self.shift = _linear(conditions, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = 1 + self.scale(condition), self.shift(condition)
        return torch.addcmul(shift[..., None, None], self.statistics(x), scale[..., None, None])


class Block(nn.Module):
    """(n, before, h, w) -> (n, after, 2h, 2w): norm, ReLU, doubling, convolution; norm, ReLU, convolution."""

    def __init__(self, before: int, after: int, conditions: int) -> None:
        super().__init__()
        self.first_norm = ModulatedBatchNorm2d(before, conditions)
        self.first = _convolution(before, after, 3)
        self.second_norm = ModulatedBatchNorm2d(after, conditions)
        self.second = _convolution(after, after, 3)
        self.shortcut = _convolution(before, after, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        hidden = F.interpolate(F.relu(self.first_norm(x, condition)), scale_factor=2)
        hidden = self.second(F.relu(self.second_norm(self.first(hidden), condition)))
        # a 1 x 1 convolution and doubling commute: the small picture is a quarter of the work
        out: Tensor = hidden + F.interpolate(self.shortcut(x), scale_factor=2)
        return out


class BigganGenerator(nn.Module):
    """(n, latents) and labels (n,), if it has classes -> (n, c, size, size) in [-1, 1], float32.

    The latent is cut into `parts(size)` equal parts: the first makes the 4 x 4 start, each of the others goes into one
    block, beside the class's vector, which all blocks share. classes: 0 for none, and labels are then ignored. Of an
    unknown one (-1, or no labels), the mean. width: channels beside the picture; doubled at every halving of the size.
    """

    def __init__(self, latents: int, shape: Sequence[int], width: int, classes: int = 0, embedding: int = 128) -> None:
        super().__init__()
        size, count = shape[-1], parts(shape[-1])
        wides = [width * min(16, 2**level) for level in range(count - 1)][::-1]
        wides = [wides[0], *wides]
        self.classes, self.part = classes, latents // count
        self.embedding = ClassVectors(torch.randn(classes, embedding) / embedding**0.5) if classes else None
        conditions = self.part + (embedding if classes else 0)
        self.stem = _linear(self.part, wides[0] * 16)
        self.blocks = nn.ModuleList(Block(before, after, conditions) for before, after in itertools.pairwise(wides))
        attended = attention_size(size)
        self.attention = SelfAttention(wides[parts(attended) - 1], spectrally_normalised)
        self.attends_after = parts(attended) - 2
        self.norm = nn.BatchNorm2d(wides[-1])
        self.last = _convolution(wides[-1], shape[0], 3, bias=True)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        first, *others = torch.split(z, self.part, dim=1)
        x = self.stem(first).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        shared = [] if self.embedding is None else [self.embedding(label, len(z))]
        for number, (block, part) in enumerate(zip(self.blocks, others, strict=True)):
            x = block(x, torch.cat([part, *shared], dim=1))
            if number == self.attends_after:
                x = self.attention(x)
        return torch.tanh(self.last(F.relu(self.norm(x))).to(torch.float32))
