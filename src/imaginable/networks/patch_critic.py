"""A critic that judges patches, not pictures: PatchGAN of Isola et al. 2017 (pix2pix), section 3.2.2."""

import itertools
import math

import torch
from torch import Tensor, nn


class PatchCritic(nn.Module):
    """(n, channels, h, w) -> one logit a patch, (n, h', w'), float32. A condition is more channels of the input.

    levels: convolutions with stride 2. A patch is 16, 34, 70 or 142 pixels wide for 1, 2, 3 or 4 levels
    (3 is the paper's); the picture must have at least 2^(levels + 2) pixels on a side.

    Group norm where the paper has batch norm: with batch statistics, the critic of a batch of made pictures
    sees them by other statistics than the real ones, and the items of a batch influence each other.
    """

    def __init__(self, channels: int, width: int = 64, levels: int = 3) -> None:
        super().__init__()
        wides = [width * min(2**level, 8) for level in range(levels + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for level, (before, after) in enumerate(itertools.pairwise(wides), 1):
            stride = 2 if level < levels else 1
            layers += [nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=False)]
            layers += [nn.GroupNorm(math.gcd(after, 8), after), nn.LeakyReLU(0.2)]
        # without bias: the group norm's shift serves, and a bias has no gradient while the hinge is not reached
        layers += [nn.Conv2d(wides[-1], 1, 4, padding=1, bias=False)]
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0.0, 0.02)  # the paper's, section 6.2

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits[:, 0].to(torch.float32)
