"""A residual convolutional encoder and decoder for pictures of any size from 16 pixels.

No normalisation layer: items of a batch stay independent, and a normalisation is a third of the time
on a CPU. Depth is kept trainable as in Child 2021 (Very Deep VAEs): the last convolution of every
residual branch starts at zero.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """x + conv(act(conv(act(x)))), (n, c, h, w) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(F.silu(x))
        branch: Tensor = self.second(F.silu(hidden))
        return x + branch


def levels(size: int) -> list[int]:
    """Sizes on the way down, halved and rounded up until at most 4: 28 -> [28, 14, 7, 4]."""
    sizes = [size]
    while sizes[-1] > 4:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def widths(width: int, count: int) -> list[int]:
    """Channels of every level below the picture: doubled each time, at most eight times the first."""
    return [width * min(2**level, 8) for level in range(count)]


class ResidualEncoder(nn.Module):
    """(n, c, h, w) -> (n, outputs), float32."""

    def __init__(self, shape: Sequence[int], outputs: int, width: int, blocks: int) -> None:
        super().__init__()
        channels, size = shape[0], shape[-1]
        sizes = levels(size)
        layers: list[nn.Module] = []
        for wide in widths(width, len(sizes) - 1):
            layers.append(nn.Conv2d(channels, wide, 3, stride=2, padding=1))
            layers += [Block(wide) for _ in range(blocks)]
            channels = wide
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels * sizes[-1] ** 2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.silu(self.layers(x))
        out: Tensor = self.head(hidden.flatten(1))
        return out.to(torch.float32)


class ResidualDecoder(nn.Module):
    """(n, latents) -> (n, c, h, w), float32."""

    def __init__(self, latents: int, shape: Sequence[int], width: int, blocks: int) -> None:
        super().__init__()
        self.sizes = levels(shape[-1])[::-1]
        wides = widths(width, len(self.sizes) - 1)[::-1]
        self.channels = wides[0]
        self.stem = nn.Linear(latents, self.channels * self.sizes[0] ** 2)
        # the full size gets half the first width: it is where the time goes
        outs = [*wides[1:], max(8, width // 2)]
        self.stages = nn.ModuleList(nn.Sequential(*(Block(wide) for _ in range(blocks))) for wide in wides)
        self.ups = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in zip(wides, outs, strict=True)
        )
        self.last = nn.Conv2d(outs[-1], shape[0], 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        small = self.sizes[0]
        x = self.stem(z).view(len(z), self.channels, small, small)
        x = x.contiguous(memory_format=torch.channels_last)
        for stage, up, size in zip(self.stages, self.ups, self.sizes[1:], strict=True):
            x = up(F.interpolate(stage(x), size=(size, size)))
        out: Tensor = self.last(F.silu(x))
        return out.to(torch.float32)
