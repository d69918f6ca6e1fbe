"""The filtered leaky ReLU of `filtered.py` for a CPU: the blocks on the matrices' bands, a few channels at a time.

A chunk of channels stays in the cache from its first product to its last, so the fine picture never reaches memory.
Only the input is kept for the backward pass, which makes the fine one again to see its signs. With these signs S given,
the layer is linear, v -> D (S ⊙ (U v Uᵀ)) Dᵀ, and so is its transpose: each is the other's derivative, of every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 32
"""of a block: fewer are too small a product, more have too many zeros"""
_CACHED = 2**20
"""numbers of a chunk's fine picture, for every thread: 4 MB in float32; half and twice as many were no quicker"""
_PLANES = 4
"""channels of a chunk at least"""

Step = Callable[[Tensor, "Tensor | None", "Filters"], Tensor]
Blocks = tuple[tuple[slice, slice], ...]
"""rows and columns of a matrix outside of which it is zero"""


class Filters(NamedTuple):
    """Matrices with their blocks; (rank, ...) where the second filter is a sum of products."""

    up: Tensor
    """(fine, before)"""
    left: Tensor
    """(rank, after, fine)"""
    right: Tensor
    """(rank, after, fine)"""
    slope: float
    """of the leaky ReLU below 0"""
    plan: Plan


class Plan(NamedTuple):
    up: Blocks
    up_turned: Blocks
    """of the transposed matrix"""
    down: Blocks
    down_turned: Blocks


def plan(up: np.ndarray, down: np.ndarray) -> Plan:
    """Where the blocks of the matrices are, (fine, before) and (after, fine)."""
    return Plan(_blocks(up), _blocks(up.T), _blocks(down), _blocks(down.T))


def _blocks(matrix: np.ndarray) -> Blocks:
    found = []
    for top in range(0, len(matrix), _ROWS):
        rows = slice(top, min(top + _ROWS, len(matrix)))
        used = np.flatnonzero(matrix[rows].any(0))
        found.append((rows, slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)))
    return tuple(found)


def filtered_in_blocks(x: Tensor, filters: Filters) -> Tensor:
    """Σ_k left_k leaky_relu(up x upᵀ) right_kᵀ, (n, c, before, before) -> (n, c, after, after)."""
    out: Tensor = _Filtered.apply(x, None, filters)  # type: ignore[no-untyped-call]
    return out


class _Filtered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, signs: Tensor | None, filters: Filters) -> Tensor:
        """signs: what has the signs S when it is enlarged; None for v itself."""
        ctx.save_for_backward(v if signs is None else signs)
        ctx.filters = filters
        return _by_chunks(_filtered, v, signs, filters)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        (signs,) = ctx.saved_tensors
        return _Transposed.apply(slope, signs.detach(), ctx.filters), None, None  # type: ignore[no-untyped-call]


class _Transposed(torch.autograd.Function):
    """(n, c, after, after) -> (n, c, before, before)."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, signs: Tensor, filters: Filters) -> Tensor:
        ctx.save_for_backward(signs)
        ctx.filters = filters
        return _by_chunks(_transposed, slope, signs, filters)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        (signs,) = ctx.saved_tensors
        return _Filtered.apply(slope, signs, ctx.filters), None, None  # type: ignore[no-untyped-call]


def _filtered(v: Tensor, signs: Tensor | None, filters: Filters) -> Tensor:
    fine = _enlarged(v, filters)
    if signs is None:
        F.leaky_relu_(fine, filters.slope)
    else:
        fine = _sloped(fine, _enlarged(signs, filters), filters)
    each = zip(filters.left, filters.right, strict=True)
    return _total(_resized(left, right, filters.plan.down, fine) for left, right in each)


def _transposed(slope: Tensor, signs: Tensor | None, filters: Filters) -> Tensor:
    assert signs is not None
    each = zip(filters.left, filters.right, strict=True)
    fine = _total(_resized(left.T, right.T, filters.plan.down_turned, slope) for left, right in each)
    fine = _sloped(fine, _enlarged(signs, filters), filters)
    return _resized(filters.up.T, filters.up.T, filters.plan.up_turned, fine)


def _enlarged(x: Tensor, filters: Filters) -> Tensor:
    return _resized(filters.up, filters.up, filters.plan.up, x)


def _sloped(fine: Tensor, signs: Tensor, filters: Filters) -> Tensor:
    """Times 1 where signs are positive, times the slope elsewhere."""
    sloped: Tensor = torch.ops.aten.leaky_relu_backward(fine, signs, filters.slope, False)
    return sloped


def _total(parts: Iterable[Tensor]) -> Tensor:
    return reduce(Tensor.add_, parts)


def _resized(left: Tensor, right: Tensor, blocks: Blocks, x: Tensor) -> Tensor:
    """left x rightᵀ for every plane of (rows, planes, columns): planes lie in the middle, so that one product serves
    them all along either axis."""
    wide = x.new_empty(*x.shape[:2], len(right))
    for rows, columns in blocks:
        torch.mm(x.flatten(0, 1)[:, columns], right[rows, columns].T, out=wide.flatten(0, 1)[:, rows])
    high = x.new_empty(len(left), *wide.shape[1:])
    for rows, columns in blocks:
        torch.mm(left[rows, columns], wide[columns].flatten(1), out=high[rows].flatten(1))
    return high


def _by_chunks(one: Step, x: Tensor, signs: Tensor | None, filters: Filters) -> Tensor:
    """(n, c, h, w) in chunks of planes, (h, planes, w)."""
    planes = max(_PLANES, torch.get_num_threads() * _CACHED // len(filters.up) ** 2)
    parts = _turned(x, planes)
    others = [None] * len(parts) if signs is None else _turned(signs, planes)
    made = [one(part, other, filters).transpose(0, 1) for part, other in zip(parts, others, strict=True)]
    return torch.cat(made).view(*x.shape[:2], *made[0].shape[1:])


def _turned(x: Tensor, planes: int) -> list[Tensor]:
    return [part.transpose(0, 1).contiguous() for part in torch.split(x.flatten(0, 1), planes)]
