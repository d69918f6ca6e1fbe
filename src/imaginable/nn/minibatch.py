"""Minibatch standard deviation: the discriminator is told how much the items of a batch vary.

Karras, Aila, Laine & Lehtinen 2018, "Progressive Growing of GANs", arXiv:1710.10196, section 3; in groups:
Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEAST_VARIANCE = 1e-8
"""the slope of a root at 0 is infinite, and items that are all the same have variance 0"""


def minibatch_deviation(x: Tensor, group: int = 4, features: int = 1) -> Tensor:
    """How much items differ within their group: (n, c, h, w) -> (n, features, 1, 1), float32.

    The standard deviation over the group, at each channel and position, averaged over positions and over c / features
    neighbouring channels. group: items in one; at most that many, and a divisor of n. Items n / group apart are in
    one group. Raises ValueError where `features` does not divide the channels.
    """
    n, channels = x.shape[:2]
    if channels % features:
        raise ValueError(f"{channels} channels cannot be cut into {features} equal parts")
    size = next(size for size in range(min(group, n), 0, -1) if n % size == 0)
    grouped = x.float().reshape(size, n // size, features, -1)
    deviation = (grouped.var(0, correction=0) + _LEAST_VARIANCE).sqrt().mean(2)
    return deviation.repeat(size, 1)[:, :, None, None]


class MinibatchDeviation(nn.Module):
    """(n, c, h, w) -> (n, c + features, h, w): with `minibatch_deviation` as further, constant maps.

    A generator that makes few kinds of items is so found out at once. Items of a batch are no longer independent.
    """

    def __init__(self, group: int = 4, features: int = 1) -> None:
        super().__init__()
        self.group, self.features = group, features

    def forward(self, x: Tensor) -> Tensor:
        deviation = minibatch_deviation(x, self.group, self.features).to(x.dtype)
        return torch.cat([x, deviation.expand(-1, -1, *x.shape[2:])], dim=1)
