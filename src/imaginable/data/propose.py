"""Which --size and --flip suit a set of pictures, by measuring it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

_SIDE = 16  # pixels on a side at which pictures are compared

FLIP_BELOW = 1.05
"""mirror ratio up to which --flip is proposed"""


def mirror_ratio(sample: Sequence[np.ndarray]) -> float | None:
    """How much farther mirrored pictures lie from the others than the pictures themselves do.

    The mean distance from a mirrored picture to its nearest other picture of the sample, over the same
    without mirroring: near 1 where left and right are alike (most photographs), well above it for digits
    and writing. None for fewer than 20 different pictures. sample: uint8 (h, w, 1 | 3) each.
    """
    small = np.stack([_small(pixels) for pixels in sample]) if sample else np.zeros((0, _SIDE, _SIDE))
    small = np.unique(small, axis=0)
    if len(small) < 20:
        return None
    plain = _nearest(small, small)
    return float(_nearest(small[:, :, ::-1], small).mean() / plain.mean())


def _small(pixels: np.ndarray) -> np.ndarray:
    """float32 (16, 16), grey."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("L")
    return np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float32)


def _nearest(queries: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) distance from each query to the nearest of the others, except the one at its own position."""
    a, b = queries.reshape(len(queries), -1), others.reshape(len(others), -1)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    np.fill_diagonal(squares, np.inf)
    return np.asarray(np.sqrt(np.maximum(squares.min(axis=1), 0)))


def propose_flip(ratio: float | None) -> bool:
    return ratio is not None and ratio <= FLIP_BELOW


def propose_size(sizes: Mapping[tuple[int, int], int]) -> int:
    """The common size of square pictures, else the power of two, 32 to 128, that enlarges few of them."""
    if len(sizes) == 1:
        width, height = next(iter(sizes))
        if width == height:
            return width
    shorter = np.repeat([min(size) for size in sizes], list(sizes.values()))
    tenth = float(np.quantile(shorter, 0.1)) if len(shorter) else 64.0
    return int(2 ** np.clip(np.floor(np.log2(tenth)), 5, 7))
