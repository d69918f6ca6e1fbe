"""The U-Net of Isola et al. 2017 (pix2pix), arXiv:1611.07004, section 6.1.1, for any number of levels."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from imaginable.nn.normalization import GroupNorm, InstanceNorm

Norm = Literal["group", "instance"]
_WIDEST = 8  # times the width: as far as channels grow
_DROPPED = 3  # layers from the bottom that drop units
_SHARES = 8  # groups of a group norm


class UNet(nn.Module):
    """(n, channels, h, w) -> (n, target, h, w), float32 in [-1, 1], for h and w that are multiples of 2^levels.

    Every level halves the picture on the way down and doubles it on the way up, where it also sees what the way down
    made of that size. With 8 levels, width 64 and three channels it has the published weights' shapes.

    dropout: share of the units dropped in the three lowest layers of the way up while training; never at use.
    norm: `instance` is the paper's batch norm on its batches of one picture; `group` has the same parameters and
    keeps at the bottom what an average over few pixels would wipe out.
    """

    def __init__(
        self,
        channels: int,
        target: int,
        width: int = 64,
        levels: int = 8,
        dropout: float = 0.5,
        norm: Norm = "group",
    ) -> None:
        super().__init__()
        self.multiple = 2**levels
        wides = [width * min(2**level, _WIDEST) for level in range(levels)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (before, after) in enumerate(zip([channels, *wides], wides, strict=False)):
            layers: list[nn.Module] = [nn.LeakyReLU(0.2)] if level else []
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)]
            if 0 < level < levels - 1:  # a norm over the single pixel at the bottom would leave nothing
                layers += [_norm(after, norm)]
            self.down.append(nn.Sequential(*layers))
        for level in range(levels - 1, 0, -1):
            before, after = wides[level] * (1 if level == levels - 1 else 2), wides[level - 1]
            layers = [nn.ReLU(), _doubling(before, after), _norm(after, norm)]
            if dropout and level >= levels - _DROPPED:
                layers += [nn.Dropout(dropout)]
            self.up.append(nn.Sequential(*layers))
        self.up.append(nn.Sequential(nn.ReLU(), _doubling(2 * width, target, bias=True), nn.Tanh()))
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(layer.weight, 0.0, 0.02)  # the paper's, section 6.2

    def forward(self, x: Tensor) -> Tensor:
        sizes: list[Tensor] = []
        for down in self.down:
            x = down(x)
            sizes.append(x)
        x = self.up[0](sizes.pop())
        for up in self.up[1:]:
            x = up(torch.cat([x, sizes.pop()], dim=1))
        return x.to(torch.float32)


def _doubling(before: int, after: int, bias: bool = False) -> nn.Module:
    """A kernel of twice the stride reaches every pixel equally often; enlarging first costs up to twice the time."""
    return nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias)


def _norm(channels: int, norm: Norm) -> nn.Module:
    if norm == "instance":
        return InstanceNorm(channels, affine=True)
    return GroupNorm(_SHARES if channels % _SHARES == 0 else 1, channels)
