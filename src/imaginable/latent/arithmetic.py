"""Sums and differences of codes: smiling woman - neutral woman + neutral man (Radford et al. 2016)."""

from collections.abc import Sequence

import torch
from torch import Tensor


def combine(codes: Sequence[Tensor], signs: Sequence[int]) -> Tensor:
    """Σ sign · code over codes of one shape. Raises ValueError when the counts differ."""
    if len(codes) != len(signs):
        raise ValueError(f"{len(codes)} codes and {len(signs)} signs")
    return torch.stack([sign * code for code, sign in zip(codes, signs, strict=True)]).sum(0)
