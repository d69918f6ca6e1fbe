"""Codes of layers, (..., layers, styles): those of some layers exchanged, or moved alone. Layers are counted from 1."""

from __future__ import annotations

import torch
from torch import Tensor

Layers = tuple[int, int]
"""from the first to the last of them, which is in it"""


def mixed(codes: Tensor, other: Tensor, layers: Layers) -> Tensor:
    """Codes whose layers from the first to the last are the other's, (..., layers, styles) all.

    Style mixing: Karras et al. 2019, arXiv:1812.04948, section 3.1.
    """
    first, last = layers
    chosen = torch.arange(1, codes.shape[-2] + 1)
    inside = ((first <= chosen) & (chosen <= last)).to(codes.device)
    return torch.where(inside[:, None], other, codes)


def restricted(vector: Tensor, layers: Layers | None) -> Tensor:
    """The vector (..., layers, styles) in these layers, and nothing in the others. None: all of it."""
    return vector if layers is None else mixed(torch.zeros_like(vector), vector, layers)


def in_all(vectors: Tensor, count: int) -> Tensor:
    """(..., styles) -> (..., count, styles): the same in every layer.

    One standard deviation of codes that are the same in every layer is of that length in each: what is measured on
    one layer's codes holds for all of them.
    """
    return vectors[..., None, :].expand(*vectors.shape[:-1], count, -1).contiguous()
