"""The two networks of DRAEM (Zavrtanik et al. 2021): one that restores, one that points at what had to be restored."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.normalization import GroupNorm

_WIDEST = 8  # times the width


def _convolution(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    """Items stay independent: a group norm in place of the authors' batch norm."""
    norm = GroupNorm(8 if after % 8 == 0 else 1, after)
    return [nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), norm, nn.ReLU()]


def _widths(width: int, levels: int) -> list[int]:
    return [width * min(2**level, _WIDEST) for level in range(levels)]


class Restorer(nn.Module):
    """(n, c, h, w) -> (n, c, h, w), float32: down to 1 / 2^levels of the side and up again, nothing led past.

    So it can only draw what fits through the narrow middle, and learns to draw what good pictures look like.
    """

    def __init__(self, channels: int, width: int, levels: int) -> None:
        super().__init__()
        wides = _widths(width, levels)
        down: list[nn.Module] = []
        for before, after in itertools.pairwise([channels, *wides]):
            down += [*_convolution(before, after, stride=2), *_convolution(after, after)]
        self.down = nn.Sequential(*down)
        outs = [*wides[-2::-1], max(8, width // 2)]
        self.up = nn.ModuleList(
            nn.Sequential(*_convolution(before, after)) for before, after in itertools.pairwise([wides[-1], *outs])
        )
        self.last = nn.Conv2d(outs[-1], channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        for up in self.up:
            x = up(F.interpolate(x, scale_factor=2))
        out: Tensor = self.last(x)
        return out.to(torch.float32)


class Segmenter(nn.Module):
    """(n, 2 c, h, w), a picture and its restored self -> logits (n, 1, h, w), float32: a U-Net (Ronneberger et al.)."""

    def __init__(self, channels: int, width: int, levels: int) -> None:
        super().__init__()
        wides = _widths(width, levels + 1)
        self.down = nn.ModuleList(
            nn.Sequential(*_convolution(before, after, stride=2 if level else 1), *_convolution(after, after))
            for level, (before, after) in enumerate(itertools.pairwise([2 * channels, *wides]))
        )
        self.up = nn.ModuleList(
            nn.Sequential(*_convolution(low + high, high)) for high, low in itertools.pairwise(wides)
        )
        self.last = nn.Conv2d(wides[0], 1, 3, padding=1)

    def forward(self, both: Tensor) -> Tensor:
        x, kept = both, []
        for down in self.down:
            x = down(x)
            kept.append(x)
        x = kept.pop()
        for up in reversed(self.up):
            x = up(torch.cat([F.interpolate(x, scale_factor=2), kept.pop()], dim=1))
        out: Tensor = self.last(x)
        return out.to(torch.float32)
