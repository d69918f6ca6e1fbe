"""Batch normalisation with a scale and a shift for every class; instance normalisation that is quick on a CPU.

Dumoulin, Shlens & Kudlur 2017, "A Learned Representation For Artistic Style", arXiv:1610.07629; in generators of
pictures: Miyato & Koyama 2018, "cGANs with Projection Discriminator", arXiv:1802.05637.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ClassVectors(nn.Module):
    """A learned vector for every class, (classes, dimensions); an unknown class has the mean of all."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(vectors)

    def forward(self, label: Tensor | None, n: int) -> Tensor:
        """(n, dimensions) for labels (n,), int64; -1, or None for all of them, is unknown."""
        known = self.weight
        mean = known.mean(0, keepdim=True)
        if label is None:
            return mean.expand(n, -1)
        return torch.cat([known, mean])[label.to(known.device)]  # -1 is the last


class ConditionalBatchNorm2d(nn.Module):
    """γ_y (x - mean) / deviation + β_y, (n, channels, h, w) -> the same; γ starts at 1 and β at 0.

    The statistics are those of the whole batch, whatever its classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.statistics = nn.BatchNorm2d(channels, affine=False)
        self.scale = ClassVectors(torch.ones(classes, channels))
        self.shift = ClassVectors(torch.zeros(classes, channels))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        scale, shift = self.scale(label, len(x)), self.shift(label, len(x))
        normalised: Tensor = self.statistics(x)
        return torch.addcmul(shift[..., None, None], normalised, scale[..., None, None])


class InstanceNorm(nn.Module):
    """(x - mean) / deviation of every channel of every picture, (n, channels, h, w) -> the same; the numbers and the
    parameters of nn.InstanceNorm2d. Ulyanov et al. 2016, "Instance Normalization", arXiv:1607.08022.

    On a CPU picture by picture, as the batch norm of a batch of one: torch's own brings pictures in channels-last order
    into the other one, and what follows brings them back.
    """

    def __init__(self, channels: int, affine: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return F.instance_norm(x, weight=self.weight, bias=self.bias)
        each = [F.batch_norm(one, None, None, self.weight, self.bias, training=True) for one in torch.split(x, 1)]
        return torch.cat(each)
