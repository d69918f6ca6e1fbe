"""What descent on a model's codes needs of it: how they are decoded, and how far out they are plausible."""

from __future__ import annotations

from torch import Tensor

from imaginable.latent.invert import Decode
from imaginable.model import Model

RATE = 0.1
"""of the descent"""


def decoding(model: Model) -> Decode:
    """The model's decoder with gradients, which `Model.decode_tensor` has not."""
    return model.trained.items


def reach(draws: Tensor) -> float:
    """The length that few codes of the prior exceed, from draws of it (n, *code shape)."""
    return float(draws.flatten(1).norm(dim=1).quantile(0.95))
