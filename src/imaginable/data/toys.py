"""Built-in data that needs no files: rings and grids of Gaussians, handwritten digits, and three of them stacked."""

from __future__ import annotations

import numpy as np

DEVIATION = 0.05
"""standard deviation of every mode of the Gaussian toys"""


def ring(count: int, modes: int = 8, radius: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussians evenly spaced on a circle: points float32 (count, 2) and their modes int64 (count,)."""
    angle = 2 * np.pi * np.arange(modes) / modes
    return _around(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), count, seed)


def grid(count: int, side: int = 5, spacing: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussians on a side x side grid around 0: points float32 (count, 2) and their modes int64 (count,)."""
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    return _around(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2), count, seed)


def _around(centres: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    mode = random.integers(len(centres), size=count)
    points = centres[mode] + DEVIATION * random.standard_normal((count, 2))
    return points.astype(np.float32), mode.astype(np.int64)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Real handwriting: 1797 pictures uint8 (n, 8, 8), bright on dark, and the digits int64 (n,)."""
    from sklearn.datasets import load_digits  # takes a second to import

    found = load_digits()
    return np.rint(found.images * (255 / 16)).astype(np.uint8), found.target.astype(np.int64)


def stacked(
    pictures: np.ndarray, labels: np.ndarray, held: np.ndarray, count: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three grey pictures as the channels of one (Metz et al. 2017, arXiv:1611.02163, who stack MNIST's digits).

    From pictures uint8 (m, h, w), their labels (m,) and whether each is `held` out, (m,) bool: pictures uint8
    (count, h, w, 3), labels int64 (count, 3), and whether held out, (count,) bool: every tenth, beginning with the
    second. Held-out originals make the held-out pictures, the others the rest. A picture depends on its number and
    the seed, not on the count.
    """
    chosen = np.arange(count) % 10 == 1
    places = np.random.default_rng(seed).random((count, 3))
    index = np.empty((count, 3), dtype=np.int64)
    for side in (False, True):
        originals = np.flatnonzero(held == side)
        index[chosen == side] = originals[(places[chosen == side] * len(originals)).astype(np.int64)]
    return np.moveaxis(pictures[index], 1, -1), labels[index], chosen
