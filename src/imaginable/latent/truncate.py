"""Codes nearer to the middle of the prior: better pictures, fewer kinds of them."""

import math

import torch
from torch import Tensor


def truncated(z: Tensor, threshold: float) -> Tensor:
    """Standard normal numbers as ones from the normal distribution cut off at ±threshold, in the same order.

    z' = Φ⁻¹( Φ(-t) + (1 - 2 Φ(-t)) Φ(z) ): each keeps its rank, so a seed stays the same picture in spirit, and none
    has to be drawn again. The variance becomes 1 - 2 t φ(t) / (1 - 2 Φ(-t)). Brock, Donahue & Simonyan 2019, "Large
    Scale GAN Training", arXiv:1809.11096, section 3.1. Raises ValueError for a threshold that is not above 0.
    """
    if not threshold > 0:
        raise ValueError(f"a threshold above 0 was expected, not {threshold}")
    below = 0.5 * math.erfc(threshold / math.sqrt(2))
    share = below + (1 - 2 * below) * torch.special.ndtr(z.double())
    codes: Tensor = torch.special.ndtri(share).clamp(-threshold, threshold).to(z.dtype)
    return codes
