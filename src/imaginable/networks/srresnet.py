"""SRResNet, which enlarges pictures, and the discriminator of SRGAN: Ledig et al. 2017, arXiv:1609.04802, figure 4."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from imaginable.nn.degrade import larger
from imaginable.nn.normalization import GroupNorm

Layout = Literal["light", "paper"]


class SrResNet(nn.Module):
    """(n, channels, h, w) -> (n, channels, factor h, factor w), float32, for any h and w.

    paper: batch norm, PReLU, 9 x 9 convolutions at both ends, one sub-pixel convolution for every doubling. No bias
    where batch norm follows: 1,547,350 parameters at factor 4.
    light: no norm (Lim et al. 2017, "EDSR", arXiv:1707.02921), ReLU, 3 x 3 convolutions only, one sub-pixel convolution
    for the whole factor to a quarter of the channels, so that nearly all work is done at the low resolution; what it
    makes is added to the bicubic enlargement, and is nothing at the start.
    """

    def __init__(self, channels: int, width: int, blocks: int, factor: int, layout: Layout) -> None:
        super().__init__()
        self.factor, self.layout = factor, layout
        paper = layout == "paper"
        edge = 9 if paper else 3
        self.head = nn.Sequential(nn.Conv2d(channels, width, edge, padding=edge // 2), _rectifier(paper))
        self.body = nn.Sequential(*(_Block(width, paper) for _ in range(blocks)), *_convolution(width, paper))
        if paper:
            doublings = [part for _ in range(int(math.log2(factor))) for part in _doubling(width)]
            self.tail = nn.Sequential(*doublings, nn.Conv2d(width, channels, edge, padding=edge // 2))
        else:
            narrow = max(4, width // 4)
            # a convolution after the sub-pixel one: without it the factor's grid shows along edges
            last = nn.Conv2d(narrow, channels, 3, padding=1)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
            enlarge = nn.Conv2d(width, narrow * factor**2, 3, padding=1)
            self.tail = nn.Sequential(enlarge, SubPixel(factor), nn.ReLU(), last)

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(x)
        made: Tensor = self.tail(features + self.body(features)).float()
        return made if self.layout == "paper" else larger(x, self.factor) + made


class SubPixel(nn.PixelShuffle):
    """nn.PixelShuffle, in two steps where memory is channels-last: torch's backward pass takes three times as long."""

    def forward(self, x: Tensor) -> Tensor:
        if x.is_contiguous():
            shuffled: Tensor = super().forward(x)
            return shuffled
        factor, (n, _, h, w) = self.upscale_factor, x.shape
        rows = x.permute(0, 2, 3, 1).reshape(n, h, w, -1, factor**2).transpose(3, 4)  # (n, h, w, factor², channels)
        rows = rows.reshape(n, h, w, factor, -1).transpose(2, 3)  # (n, h, factor, w, factor · channels)
        return rows.reshape(n, h * factor, w * factor, -1).permute(0, 3, 1, 2)


class _Block(nn.Module):
    def __init__(self, width: int, paper: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_convolution(width, paper), _rectifier(paper), *_convolution(width, paper))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


def _convolution(width: int, paper: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(width, width, 3, padding=1, bias=not paper)
    return [convolution, nn.BatchNorm2d(width)] if paper else [convolution]


def _rectifier(paper: bool) -> nn.Module:
    return nn.PReLU() if paper else nn.ReLU()


def _doubling(width: int) -> list[nn.Module]:
    return [nn.Conv2d(width, 4 * width, 3, padding=1), SubPixel(2), nn.PReLU()]


class Stages(nn.Module):
    """The generator of both stages. While the first learns, the second is its copy."""

    def __init__(self, pixel: SrResNet, sharp: SrResNet) -> None:
        super().__init__()
        self.pixel = pixel
        self.sharp = sharp
        self.copy()

    @torch.no_grad()
    def copy(self) -> None:
        for target, source in zip(self.sharp.state_dict().values(), self.pixel.state_dict().values(), strict=True):
            target.copy_(source)


class SrganDiscriminator(nn.Module):
    """(n, channels, size, size) -> logits (n,), float32.

    Eight convolutions, every second one with stride 2, of width, 2, 4 and 8 times width channels; then two linear
    layers, that see where things are: it takes pictures of one size only, a multiple of 16. paper: batch norm; light:
    group norm, so that no item sees another (under spectral normalisation it learned too slowly for a short run).
    bias: of the last layer; it cancels where logits are only compared.
    """

    def __init__(self, channels: int, size: int, width: int, layout: Layout, bias: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        before = width
        for number, times in enumerate((1, 2, 2, 4, 4, 8, 8)):
            after = times * width
            norm = nn.BatchNorm2d(after) if layout == "paper" else GroupNorm(math.gcd(after, 8), after)
            stride = 1 if number % 2 else 2
            layers += [nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), norm]
            layers.append(nn.LeakyReLU(0.2))
            before = after
        self.body = nn.Sequential(*layers)
        inputs, hidden = before * (size // 16) ** 2, 16 * width
        self.judge = nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.judge(self.body(x).flatten(1))
        return logits[:, 0].to(torch.float32)
