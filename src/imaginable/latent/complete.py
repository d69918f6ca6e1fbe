"""Filling holes by a model of whole pictures: the code that explains what is known also says what is not.

Yeh et al. 2017, "Semantic Image Inpainting with Deep Generative Models", arXiv:1607.07539, with the contextual loss
only: descent on the code by the error of the known pixels. Of a VAE, the fill is as smooth as its reconstructions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from imaginable.latent.invert import Decode, Reach, refine


@dataclass(frozen=True)
class Completed:
    """items (n, *shape): known pixels as they were, to the last bit, and those of the code in the hole. codes:
    (n, *code shape). error: (n,) mean squared error of the known pixels, in units where the whole range is 1."""

    items: Tensor
    codes: Tensor
    error: Tensor


def complete(
    decode: Decode,
    x: Tensor,
    hole: Tensor,
    starts: Tensor,
    *,
    label: Tensor | None = None,
    reach: Reach | None = None,
    steps: int = 200,
    lr: float = 0.05,
    on_step: Callable[[int, int], None] | None = None,
) -> Completed:
    """x (n, *shape) with its holes (n, 1, h, w; 1 = to be filled) filled, from the best of starts
    (starts, n, *code shape) and onwards. What stands in the hole is not looked at. The rest is as in `refine`.
    """
    known = (hole <= 0.5).to(x.dtype)
    found = refine(decode, x, starts, label=label, weight=known, reach=reach, steps=steps, lr=lr, on_step=on_step)
    with torch.no_grad():
        made = decode(found.codes, label)
    return Completed(torch.where(known > 0, x, made), found.codes, found.error)


def with_means(x: Tensor, hole: Tensor) -> Tensor:
    """x with each hole in the mean colour of what is known of its item: something to encode, for a start."""
    known = 1 - (hole > 0.5).to(x.dtype)
    mean = (x * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    return torch.where(hole > 0.5, mean, x)
