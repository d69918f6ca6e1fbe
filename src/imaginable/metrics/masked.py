"""What is measured of the filled part of pictures alone.

All take uint8 arrays (n, h, w, c) and holes, bool (n, h, w), true where pictures were filled. Every hole must have a
pixel; they raise ValueError otherwise.
"""

from __future__ import annotations

import numpy as np

from imaginable.metrics.estimate import Estimate, ratio_of
from imaginable.metrics.reconstruction import peak_signal_to_noise
from imaginable.metrics.score import Array, Undefined
from imaginable.metrics.structure import compared_one_by_one


def masked_absolute_error(first: Array, second: Array, hole: Array) -> Array:
    """Mean absolute difference of each pair in its hole, all channels, (n,), of pixels in [-1, 1]."""
    return _in_hole(np.abs(_differences(first, second)), hole) / 127.5


def masked_peak_signal_to_noise(first: Array, second: Array, hole: Array) -> Array:
    """Peak signal to noise of each pair in its hole, all channels, (n,), in dB: 10 log₁₀ (255² / MSE).

    A difference below that of rounding to 256 values counts as such.
    """
    return peak_signal_to_noise(_in_hole(np.square(_differences(first, second)), hole) / 255**2)


def masked_sharpness(filled: Array, real: Array, hole: Array) -> Estimate:
    """Slopes in the hole, in shares of those of the pictures as they were: 1 is as sharp, below is smoother.

    Sums over pictures of the absolute differences of neighbours, down and across, both of which lie in the hole; the
    error is that of a ratio of means over pairs. Undefined where there is no such slope in the pictures as they were.
    """
    compared_one_by_one(filled, real)
    try:
        return ratio_of(_slopes(filled, hole), _slopes(real, hole)).together()
    except Undefined:
        raise Undefined(
            "the pictures are flat where they were filled, so there is no sharpness to compare with"
        ) from None


def _differences(first: Array, second: Array) -> Array:
    compared_one_by_one(first, second)
    return first.astype(np.float64) - second


def _in_hole(values: Array, hole: Array) -> Array:
    """Means over each hole and all channels, (n,)."""
    counts = hole.sum((1, 2))
    if not counts.all():
        raise ValueError("a hole without a pixel")
    return np.asarray((values * hole[..., None]).sum((1, 2, 3)) / (counts * values.shape[3]))


def _slopes(pictures: Array, hole: Array) -> Array:
    """Sums of absolute differences of neighbours in the hole, (n,) float64."""
    total = np.zeros(len(pictures))
    for axis in (1, 2):
        both = hole.take(range(1, hole.shape[axis]), axis) & hole.take(range(hole.shape[axis] - 1), axis)
        steps = np.abs(np.diff(pictures.astype(np.float32), axis=axis))
        total += (steps * both[..., None]).sum((1, 2, 3), dtype=np.float64)
    return total
