"""Near-copies counted once more, from files and by other means than the filter's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from imaginable.apps._neighbours import SIDE
from imaginable.data import images
from imaginable.data.dataset import Dataset


def near_copies(made: Sequence[np.ndarray], real: Dataset, below: float, mirrored: bool) -> int:
    """How many of the pictures of all classes, uint8 (n, h, w, c), are nearer than `below` grey levels to a training
    picture, or to its mirror image."""
    originals = images.to_uint8(real.batch(real.train).x)
    if mirrored:
        originals = np.concatenate([originals, originals[:, :, ::-1]])
    small = _boxes(originals)
    found = [cdist(_boxes(one), small).min(1) / np.sqrt(small.shape[1]) for one in made if len(one)]
    return int(sum((distances < below).sum() for distances in found))


def _boxes(arrays: np.ndarray) -> np.ndarray:
    """Means over boxes, float64 (n, at most 16 · 16 · c), as adaptive pooling takes them."""
    for axis in (1, 2):
        size = arrays.shape[axis]
        side = min(SIDE, size)
        starts = [box * size // side for box in range(side)]
        stops = [-(-(box + 1) * size // side) for box in range(side)]
        parts = [arrays.take(range(a, b), axis).mean(axis) for a, b in zip(starts, stops, strict=True)]
        arrays = np.stack(parts, axis)
    flat: np.ndarray = arrays.reshape(len(arrays), -1)
    return flat
