"""Batch normalisation with a scale and a shift for every class; instance normalisation with those of every picture's
own style; instance and group normalisation that are quick on a CPU.

Dumoulin, Shlens & Kudlur 2017, "A Learned Representation For Artistic Style", arXiv:1610.07629; in generators of
pictures: Miyato & Koyama 2018, "cGANs with Projection Discriminator", arXiv:1802.05637.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from imaginable.nn.equalised import EqualisedLinear

_LEAST = 1e-8
"""added to the variance under an adaptive scale"""
_ENOUGH = 16
"""channels of a group from which torch's backward pass of a channels-last group norm uses vectors in bfloat16; with two
it takes seven times as long as this one"""
_MANY = 1024
"""pixels from which its forward pass does"""


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


class AdaptiveInstanceNorm(nn.Module):
    """y_s (x - mean) / deviation + y_b for every channel of every picture, (n, channels, h, w) and codes (n, styles) ->
    (n, channels, h, w). Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance
    Normalization", arXiv:1703.06868; Karras, Laine & Aila 2019 (StyleGAN), arXiv:1812.04948, equation 1.

    (y_s, y_b) = (1, 0) + A(code), with A linear, worked out in float32. On a CPU picture by picture, as the batch norm
    of a batch of one whose parameters are that picture's style: scaling costs no pass of its own.
    """

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.affine = EqualisedLinear(styles, 2 * channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        with torch.autocast(code.device.type, enabled=False):
            scale, shift = self.affine(code.to(self.affine.weight.dtype)).chunk(2, dim=1)
            scale = scale + 1
        if x.device.type != "cpu":
            normalised = F.instance_norm(x, eps=_LEAST)
            return torch.addcmul(shift[..., None, None], normalised, scale[..., None, None]).to(x.dtype)
        each = zip(torch.split(x, 1), scale.unbind(), shift.unbind(), strict=True)
        return torch.cat([F.batch_norm(one, None, None, s, b, training=True, eps=_LEAST) for one, s, b in each])


class GroupNorm(nn.GroupNorm):
    """nn.GroupNorm, the same numbers within rounding. Without second derivatives where it is quicker."""

    def forward(self, x: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and self._is_slow(x)):
            return super().forward(x)
        normalised: Tensor = _GroupNorm.apply(x, self.weight, self.bias, self.num_groups, self.eps)  # type: ignore[no-untyped-call]
        return normalised

    def _is_slow(self, x: Tensor) -> bool:
        few = self.num_channels < _ENOUGH * self.num_groups
        return x.device.type == "cpu" and x.dtype == torch.bfloat16 and few and not x.is_contiguous()


class _GroupNorm(torch.autograd.Function):
    """In the other order of memory, and back: always backward, and forward where it pays, at few pixels or with groups
    of one channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        n, channels, pixels = *x.shape[:2], x[0, 0].numel()
        if pixels < _MANY or channels == groups:
            x = x.contiguous()
        out, mean, scale = torch.native_group_norm(x, weight, bias, n, channels, pixels, groups, eps)
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.groups = groups
        return out.contiguous(memory_format=torch.channels_last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        n, channels = x.shape[:2]
        at_x, at_weight, at_bias = torch.ops.aten.native_group_norm_backward(
            *(part.contiguous() for part in (slope, x)),
            *(mean, scale, weight, n, channels, x[0, 0].numel(), ctx.groups, list(ctx.needs_input_grad[:3])),
        )
        if at_x is not None:
            at_x = at_x.contiguous(memory_format=torch.channels_last)
        return at_x, at_weight, at_bias, None, None
