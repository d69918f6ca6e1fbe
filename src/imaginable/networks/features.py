"""Features of pictures: from a small network trained on the pictures at hand, or from one that nobody trained."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core import seeds
from imaginable.nn.normalization import GroupNorm


class FeatureNetwork(nn.Module):
    """Maps of a picture at `levels` sizes, and answers from the last of them.

    (n, channels, h, w) -> logits (n, outputs), float32. `features` gives the maps: (n, width, h, w),
    (n, 2 width, h / 2, w / 2), (n, 4 width, h / 4, w / 4), and so on.
    """

    def __init__(self, channels: int, width: int, outputs: int, levels: int = 4) -> None:
        super().__init__()
        wides = [width * 2**level for level in range(levels)]
        inputs = [channels, *wides[:-1]]
        self.levels = nn.ModuleList(
            _level(before, after, stride=2 if number else 1)
            for number, (before, after) in enumerate(zip(inputs, wides, strict=True))
        )
        self.head = nn.Linear(wides[-1], outputs)

    def features(self, x: Tensor) -> list[Tensor]:
        """One map a level, from the picture's own size down."""
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x)[-1].mean((2, 3)))
        return logits.to(torch.float32)


class ClassifierNetwork(nn.Module):
    """(n, channels, s, s) -> logits (n, outputs), float32, from `summary`: (n, features), none negative.

    Convolutions and pools halve the picture until at most 8 pixels are left on a side, and a linear layer sees all of
    them: features that know where things are tell a blurred or misshapen picture from a good one, where means over
    the picture hardly do (docs/results.md).
    """

    def __init__(self, shape: tuple[int, ...], width: int, outputs: int, features: int = 128) -> None:
        super().__init__()
        inputs, size, _ = shape
        layers: list[nn.Module] = []
        channels = width
        while size > 8:
            layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            inputs, channels, size = channels, 2 * width, size // 2
        layers += [nn.Flatten(), nn.Dropout(0.25), nn.Linear(inputs * size * size, features), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(features, outputs)

    def summary(self, x: Tensor) -> Tensor:
        features: Tensor = self.body(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.summary(x))
        return logits.to(torch.float32)


class RandomFeatures(nn.Module):
    """(n, channels, h, w) -> (n, 112): means of the maps of a network with fixed random weights, at three sizes.

    Such features know nothing of what pictures show, and are the same for everyone: they tell sets of pictures apart
    where there are no labels to train others on (Naeem et al. 2020, arXiv:2002.09797, propose random ones as well).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        wides = (16, 32, 64)
        convolutions = [
            nn.Conv2d(before, after, 5, stride=2, padding=2)
            for before, after in zip((channels, *wides[:-1]), wides, strict=True)
        ]
        self.convolutions = nn.ModuleList(convolutions)
        generator = seeds.generator("random features")
        for convolution in convolutions:
            inputs = convolution.weight[0].numel()
            nn.init.normal_(convolution.weight, 0, math.sqrt(2 / inputs), generator=generator)
            assert convolution.bias is not None
            nn.init.normal_(convolution.bias, 0, 0.1, generator=generator)

    def maps(self, x: Tensor) -> list[Tensor]:
        """(n, 16, h / 2, w / 2), (n, 32, h / 4, w / 4), (n, 64, h / 8, w / 8)."""
        found = []
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([level.mean((2, 3)) for level in self.maps(x)], 1).to(torch.float32)

    def difference(self, x: Tensor, other: Tensor) -> Tensor:
        """Squared difference of the maps of two pictures, channels summed, levels averaged at x's size: (n, h, w)."""
        pairs = zip(self.maps(x), self.maps(other), strict=True)
        levels = [(one - two).square().sum(1, keepdim=True) for one, two in pairs]
        return torch.cat([F.interpolate(one, x.shape[-2:], mode="bilinear") for one in levels], 1).mean(1)


def _level(before: int, after: int, stride: int) -> nn.Sequential:
    groups = math.gcd(after, 8)
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        GroupNorm(groups, after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        GroupNorm(groups, after),
        nn.ReLU(),
    )


def turned(x: Tensor, quarters: Tensor) -> Tensor:
    """Each square picture of (n, c, s, s) turned by so many quarters, (n,) of 0..3."""
    for count in (1, 2, 3):
        x = torch.where((quarters == count)[:, None, None, None], torch.rot90(x, count, (2, 3)), x)
    return x
