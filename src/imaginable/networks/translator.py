"""The residual translator of Zhu et al. 2017 (CycleGAN), arXiv:1703.10593, appendix 7.2; after Johnson et al. 2016,
"Perceptual Losses for Real-Time Style Transfer", arXiv:1603.08155."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imaginable.nn.normalization import InstanceNorm


class Translator(nn.Module):
    """(n, channels, h, w) -> (n, target, h, w), float32 in [-1, 1], for h and w that are multiples of 4, from 8.

    Two convolutions quarter the picture, residual blocks work on it, two more bring it back. Pictures are
    reflected at their edges, and instance norm makes the items independent of each other.

    published: layers with the published weights' shapes (width 64, 9 blocks: those for 256 pixels). Otherwise the
    kernels that double the size are twice the stride, which reach every pixel equally often, and no bias stands before
    a norm, which would take it out again.
    """

    multiple = 4

    def __init__(self, channels: int, target: int, width: int = 64, blocks: int = 9, published: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [_reflected(channels, width, 7, published), *_normalised(width)]
        for before, after in ((width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=published), *_normalised(after)]
        layers += [Residual(4 * width, published) for _ in range(blocks)]
        for before, after in ((4 * width, 2 * width), (2 * width, width)):
            kernel, more = (3, 1) if published else (4, 0)
            layers += [nn.ConvTranspose2d(before, after, kernel, 2, 1, more, bias=published), *_normalised(after)]
        self.layers = nn.Sequential(*layers, _reflected(width, target, 7, bias=True), nn.Tanh())
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(layer.weight, 0.0, 0.02)  # the paper's, section 4

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y.to(torch.float32)


class Residual(nn.Module):
    """x + F(x) with two convolutions, (n, channels, h, w)."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _reflected(channels, channels, 3, bias),
            *_normalised(channels),
            _reflected(channels, channels, 3, bias),
            InstanceNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.layers(x)
        return added


def _reflected(before: int, after: int, kernel: int, bias: bool) -> nn.Module:
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, padding_mode="reflect", bias=bias)


def _normalised(channels: int) -> tuple[nn.Module, nn.Module]:
    return InstanceNorm(channels), nn.ReLU()
