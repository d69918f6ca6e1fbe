"""A convolution whose backward passes are quick on a CPU, the second one included.

Torch's own second backward pass takes the gradient of the weight by a convolution whose kernel is as large as the
picture, group by group: four times the first one's time. It is the same product as in the first pass, with
other factors: the gradient of a convolution at its input is linear in the weight (Karras et al. 2020, arXiv:2006.06676,
have such a layer in their code, for the same reason).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_SMALL = 4
"""sides of an output up to which the gradient of the weight is a matrix product: oneDNN's kernel has
not enough pixels to work on there, and takes 1.6 times as long"""


class Geometry(NamedTuple):
    """All that a convolution is told besides tensors."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int


class Convolution(nn.Conv2d):
    """nn.Conv2d with zero padding, without dilation; the same numbers within rounding.

    Its second derivatives are those that a penalty on the gradient at the input needs; the gradient of the weight has
    none, and says so.
    """

    def forward(self, x: Tensor) -> Tensor:
        assert not isinstance(self.padding, str), "padding is given in pixels"
        return convolved(x, self.weight, self.bias, Geometry(self.stride, self.padding, self.groups))


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """F.conv2d with zero padding, without dilation, for weights that are made anew at every use; see `Convolution`."""
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        return F.conv2d(x, weight, bias, geometry.stride, geometry.padding, 1, geometry.groups)
    if torch.is_autocast_enabled("cpu"):
        precision = torch.get_autocast_dtype("cpu")
        x, weight = x.to(precision), weight.to(precision)
        bias = None if bias is None else bias.to(precision)
    out: Tensor = _Forward.apply(x, weight, bias, _handle(x, weight, geometry), geometry)  # type: ignore[no-untyped-call]
    return out


def _handle(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor | None:
    """Of the output's shape and without memory: what it gets as a gradient, it passes on to the weight.

    As a node of its own, which autograd leaves out where only the gradient at the input is asked for: a node with
    both would work out both.
    """
    if not weight.requires_grad:
        return None
    handle: Tensor = _Handle.apply(weight, x.detach(), geometry)  # type: ignore[no-untyped-call]
    return handle


def _sides(x: Tensor, weight: Tensor, geometry: Geometry) -> list[int]:
    """Height and width of the output."""
    each = zip(x.shape[2:], weight.shape[2:], geometry.stride, geometry.padding, strict=True)
    return [(size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in each]


class _Handle(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(weight, x)
        ctx.geometry = geometry
        return x.new_zeros(()).expand(len(x), len(weight), *_sides(x, weight, geometry))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        weight, x = ctx.saved_tensors
        return gradient_of_weight(slope, x, weight, ctx.geometry), None, None


class _Forward(torch.autograd.Function):
    """x * w + b."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, handle: Tensor | None, geometry: Geometry
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        return F.conv2d(x, weight, bias, geometry.stride, geometry.padding, 1, geometry.groups)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, _, needs_bias, needs_weight, _ = ctx.needs_input_grad
        at_x = _AtInput.apply(slope, weight, x.detach(), ctx.geometry) if needs_x else None  # type: ignore[no-untyped-call]
        at_bias = slope.sum((0, 2, 3)) if needs_bias else None
        return at_x, None, at_bias, slope if needs_weight else None, None


class _AtInput(torch.autograd.Function):
    """The gradient of a convolution at its input: linear in the gradient at its output and in the weight."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, weight: Tensor, x: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(slope, weight)
        ctx.geometry = geometry
        return _backward(slope, x, weight, geometry, 0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_of_slope: Tensor) -> tuple[Tensor | None, ...]:
        slope, weight = ctx.saved_tensors
        needs_slope, needs_weight = ctx.needs_input_grad[:2]
        geometry = ctx.geometry
        at_slope = _Forward.apply(slope_of_slope, weight, None, None, geometry) if needs_slope else None  # type: ignore[no-untyped-call]
        at_weight = gradient_of_weight(slope, slope_of_slope, weight, geometry) if needs_weight else None
        return at_slope, at_weight, None, None


def gradient_of_weight(slope: Tensor, x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Given the gradient at the output, (n, out, h, w)."""
    if slope.shape[-1] > _SMALL or geometry.groups > 1:
        return _backward(slope, x, weight, geometry, 1)
    (down, right), (high, wide) = geometry.stride, weight.shape[2:]
    (above, beside) = geometry.padding
    padded = F.pad(x, (beside, beside, above, above)).movedim(1, -1)
    windows = padded.unfold(1, high, down).unfold(2, wide, right)  # (n, h, w, in, high, wide)
    columns = windows.movedim(3, -1).reshape(-1, high * wide * x.shape[1])
    product = slope.movedim(1, -1).flatten(0, 2).T @ columns
    return product.view(len(product), high, wide, -1).movedim(-1, 1)


def _backward(slope: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, wanted: int) -> Tensor:
    """The gradient at the input (0) or at the weight (1)."""
    mask, none, precision = [wanted == 0, wanted == 1, False], [0, 0], slope.dtype
    if precision == torch.bfloat16 and geometry.groups > 1 and max(geometry.stride) > 1:
        # oneDNN's only kernel for it takes ten times as long as the one in float32
        slope, x, weight = slope.float(), x.float(), weight.float()
    both = torch.ops.aten.convolution_backward(
        slope, x, weight, None, geometry.stride, geometry.padding, [1, 1], False, none, geometry.groups, mask
    )
    gradient: Tensor = both[wanted].to(precision)
    return gradient
