"""What the metrics on pictures share: uint8 arrays (n, h, w, c) of one or three channels, taken in blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from imaginable.metrics.score import Array

_NUMBERS_AT_ONCE = 2**20
"""of pictures in a block: a few megabytes, however many pictures there are"""


def checked(pictures: Array, what: str = "pictures") -> Array:
    """Pictures as they are. Raises ValueError unless they are uint8 (n, h, w, 1 or 3) with n at least 1."""
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or not pictures.size:
        raise ValueError(f"{what} (n, h, w, c) with c = 1 or 3 were expected, not {pictures.shape}")
    if pictures.dtype != np.uint8:
        raise ValueError(f"{what} must be uint8 (0 to 255), not {pictures.dtype}")
    return pictures


def alike(first: Array, second: Array) -> None:
    """Raises ValueError unless both are pictures of the same size and channels (their numbers may differ)."""
    checked(first)
    checked(second)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"pictures of {first.shape[1:]} cannot be compared with pictures of {second.shape[1:]}")


def blocks(pictures: Array) -> Iterator[slice]:
    """Slices that together are all the pictures, each of about a million numbers."""
    step = max(1, _NUMBERS_AT_ONCE // math.prod(pictures.shape[1:]))
    yield from (slice(start, start + step) for start in range(0, len(pictures), step))
