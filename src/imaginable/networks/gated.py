"""Networks that fill holes: gated convolutions, and a critic of patches under spectral normalisation.

Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution", arXiv:1806.03589, sections 3.1 to 3.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.holes import smoothly_filled
from imaginable.nn.spectral import spectrally_normalised

MULTIPLE = 4
"""heights and widths are halved twice"""
_DILATIONS = (2, 4, 8, 16)
_GAIN = 6.0
"""of the features' variance: elu and a half-open gate leave about a sixth; without it, what goes in does not arrive"""


class GatedGenerator(nn.Module):
    """Pictures (n, channels, h, w) and holes (n, 1, h, w), 1 = to be filled -> what each stage makes of them,
    (n, channels, h, w), float32, without limits, the last at the end. Heights and widths are multiples of 4.

    What stands in the hole is not seen. The first stage corrects a smooth fill, which is all it gives at the start.
    refine: a second network of the same kind corrects what the first made.
    """

    def __init__(self, channels: int, width: int, dilations: int, refine: bool) -> None:
        super().__init__()
        stages = 2 if refine else 1
        self.stages = nn.ModuleList(_Stage(channels, width, dilations) for _ in range(stages))

    def forward(self, x: Tensor, hole: Tensor) -> list[Tensor]:
        seen, made = smoothly_filled(x, hole), []
        for stage in self.stages:
            made.append(seen + stage(torch.cat([seen, hole], 1)).float())
            seen = torch.where(hole > 0.5, made[-1], x)
        return made


class _Stage(nn.Module):
    """Down to a quarter of the size, out to the whole picture by dilations, and up again.

    What was seen at each size is added on the way up, which the paper has not: edges of a hole are met sooner.
    """

    def __init__(self, channels: int, width: int, dilations: int) -> None:
        super().__init__()
        self.at_whole = GatedConvolution(channels + 1, width, 5)
        self.at_half = _row(GatedConvolution(width, 2 * width, stride=2), GatedConvolution(2 * width, 2 * width))
        self.at_quarter = _row(GatedConvolution(2 * width, 4 * width, stride=2), GatedConvolution(4 * width, 4 * width))
        around = [GatedConvolution(4 * width, 4 * width, dilation=far) for far in _DILATIONS[:dilations]]
        self.around = _row(*around, GatedConvolution(4 * width, 4 * width))
        self.to_half = _row(GatedConvolution(4 * width, 2 * width), GatedConvolution(2 * width, 2 * width))
        self.to_whole = _row(GatedConvolution(2 * width, width), GatedConvolution(width, width))
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        whole = self.at_whole(x)
        half = self.at_half(whole)
        quarter = self.around(self.at_quarter(half))
        half = self.to_half(F.interpolate(quarter, scale_factor=2)) + half
        made: Tensor = self.last(self.to_whole(F.interpolate(half, scale_factor=2)) + whole)
        return made


def _row(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


class GatedConvolution(nn.Module):
    """elu(W x) · σ(V x): the gate learns where features count, of the hole as of all else."""

    def __init__(self, before: int, after: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.both = nn.Conv2d(before, 2 * after, kernel, stride, padding, dilation)
        nn.init.normal_(self.both.weight[:after], 0, math.sqrt(_GAIN / self.both.weight[0].numel()))

    def forward(self, x: Tensor) -> Tensor:
        # copied apart: elementwise work on half the channels of channels-last memory is twice as slow as the rest
        features, gate = (part.clone() for part in self.both(x).chunk(2, 1))
        return F.elu(features) * torch.sigmoid(gate)


class SpectralPatchCritic(nn.Module):
    """Filled pictures (n, channels, h, w) and their holes (n, 1, h, w) -> answers (n, features, h', w'), float32.

    One convolution of stride 2 for every one of `widths`, and no layer after the last: each feature of each place is
    an answer of its own.
    """

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels + 1
        for number, after in enumerate(widths, 1):
            last = number == len(widths)  # without bias: it has no gradient while the hinge is not reached
            layers.append(spectrally_normalised(nn.Conv2d(before, after, 5, stride=2, padding=2, bias=not last)))
            layers += [] if last else [nn.LeakyReLU(0.2)]
            before = after
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor, hole: Tensor) -> Tensor:
        answers: Tensor = self.layers(torch.cat([x, hole], 1))
        return answers.to(torch.float32)
