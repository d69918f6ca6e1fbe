"""A critic that judges patches, not pictures: PatchGAN of Isola et al. 2017 (pix2pix), section 3.2.2."""

import itertools
import math
from typing import Literal

import torch
from torch import Tensor, nn

from imaginable.nn.normalization import GroupNorm, InstanceNorm

Layout = Literal["ours", "pix2pix", "cyclegan"]


def levels_for(size: int) -> int:
    """So many that a patch is about half the picture: 1 at 32 pixels, 2 at 64, 3 (the paper's) from 128."""
    return max(1, min(3, size.bit_length() - 5))


class PatchCritic(nn.Module):
    """(n, channels, h, w) -> one logit a patch, (n, h', w'), float32. A condition is more channels of the input.

    levels: convolutions with stride 2. A patch is 16, 34, 70 or 142 pixels wide for 1, 2, 3 or 4 levels
    (3 is the paper's); the picture must have at least 2^(levels + 2) pixels on a side.

    Group norm where the paper has batch norm: with batch statistics, the critic of a batch of made pictures
    sees them by other statistics than the real ones, and the items of a batch influence each other.

    layout: `pix2pix` and `cyclegan` have the shapes of the published weights. Their norms are those of one picture:
    of pix2pix, the batch norm of its batches of one; of cyclegan (Zhu et al. 2017), instance norm without parameters,
    whose convolutions have biases.
    """

    def __init__(self, channels: int, width: int = 64, levels: int = 3, layout: Layout = "ours") -> None:
        super().__init__()
        wides = [width * min(2**level, 8) for level in range(levels + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for level, (before, after) in enumerate(itertools.pairwise(wides), 1):
            stride = 2 if level < levels else 1
            layers += [nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=layout == "cyclegan")]
            layers += [_norm(after, layout), nn.LeakyReLU(0.2)]
        # ours without bias: the group norm's shift serves, and a bias has no gradient while the hinge is not reached
        layers += [nn.Conv2d(wides[-1], 1, 4, padding=1, bias=layout != "ours")]
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0.0, 0.02)  # the paper's, section 6.2

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits[:, 0].to(torch.float32)


def _norm(channels: int, layout: Layout) -> nn.Module:
    if layout == "ours":
        return GroupNorm(math.gcd(channels, 8), channels)
    return InstanceNorm(channels, affine=layout == "pix2pix")
