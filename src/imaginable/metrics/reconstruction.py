"""How much of an item its code keeps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def mean_squared_error(x: Tensor, rebuilt: Tensor) -> np.ndarray:
    """Mean of ((x - x̂) / 2)² over each item's numbers, (n,): in units where black is 0 and white 1."""
    errors: np.ndarray = ((x - rebuilt) / 2).double().square().flatten(1).mean(1).cpu().numpy()
    return errors


def peak_signal_to_noise(errors: np.ndarray) -> np.ndarray:
    """10 log₁₀ (1 / MSE) of each item in dB, (n,), for values in [0, 1]; all channels, no border left out.

    A perfect item would be infinitely good: errors below that of rounding to 256 values count as such.
    """
    rounding = (1 / 255) ** 2 / 12
    decibels: np.ndarray = -10 * np.log10(np.maximum(errors, rounding))
    return decibels


def quantised(codes: Tensor, bits: int) -> Tensor:
    """Every dimension rounded to 2^bits even steps over the range it takes in `codes` (n, ...)."""
    least, most = codes.amin(0), codes.amax(0)
    step = ((most - least) / (2**bits - 1)).clamp(min=torch.finfo(codes.dtype).tiny)
    stored: Tensor = least + ((codes - least) / step).round() * step
    return stored
