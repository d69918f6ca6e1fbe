"""Holes of any number and size, each filled at one look: two looks at the same hole would not agree, and it would show.

A hole that fits into a window of the size that a network sees at once is filled as it is, together with those beside
it, and what is filled counts as known for the next. Of a larger one the window is shrunk, and the fill enlarged: it is
coarse, and all of a piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

from imaginable.apps._tiles import Advance
from imaginable.data import images

Look = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""a picture uint8 (h, w, c) and its holes, bool (h, w), to the picture with the holes filled"""

Window = tuple[slice, slice]


def fill(
    colour: np.ndarray, hole: np.ndarray, side: int, look: Look, advance: Advance = lambda share: None
) -> np.ndarray:
    """uint8 (h, w, c) with its holes, bool (h, w), filled by looks at no more than side x side pixels."""
    colour, left = colour.copy(), hole.copy()
    labels, count = ndimage.label(hole, np.ones((3, 3)))
    bounds = np.array([[(s.start, s.stop) for s in box] for box in ndimage.find_objects(labels)])  # (holes, 2, 2)
    pending = np.ones(count, bool)
    for number in range(count):
        if pending[number]:
            window = around(bounds[number], hole.shape, side)
            now = np.zeros(count, bool)
            if max(left[window].shape) <= side:
                now = pending & _inside(bounds, window, hole.shape, side // 8)
            now[number] = True
            chosen = np.isin(labels[window], np.flatnonzero(now) + 1)
            colour[window][chosen] = _looked(colour[window], left[window], side, look)[chosen]
            left[window][chosen] = False
            pending &= ~now
        advance((number + 1) / count)
    return colour


def around(bounds: np.ndarray, shape: tuple[int, ...], side: int) -> Window:
    """The window of a hole ((top, bottom), (left, right)), which is in its middle unless the picture ends before: of
    `side` pixels, or of so many that an eighth of the window is left on either side."""
    size = max(side, math.ceil(int((bounds[:, 1] - bounds[:, 0]).max()) * 4 / 3))
    starts = [
        max(0, min((int(first) + int(last) - size) // 2, length - size))
        for (first, last), length in zip(bounds, shape, strict=True)
    ]
    rows, columns = (slice(start, min(start + size, length)) for start, length in zip(starts, shape, strict=True))
    return rows, columns


def _inside(bounds: np.ndarray, window: Window, shape: tuple[int, ...], margin: int) -> np.ndarray:
    """Which holes lie in the window with a margin, (holes,); the picture's own border needs none."""
    inside = np.ones(len(bounds), bool)
    for axis, (extent, length) in enumerate(zip(window, shape, strict=True)):
        inside &= bounds[:, axis, 0] >= (extent.start + margin if extent.start > 0 else 0)
        inside &= bounds[:, axis, 1] <= (extent.stop - margin if extent.stop < length else length)
    return inside


def _looked(colour: np.ndarray, hole: np.ndarray, side: int, look: Look) -> np.ndarray:
    height, width = hole.shape
    if max(height, width) <= side:
        return look(colour, hole)
    shrink = side / max(height, width)
    return looked_at(colour, hole, (max(1, round(width * shrink)), max(1, round(height * shrink))), look)


def looked_at(colour: np.ndarray, hole: np.ndarray, size: tuple[int, int], look: Look) -> np.ndarray:
    """What a look fills at a picture brought to another size (width, height), brought back."""
    height, width = hole.shape
    how = Image.Resampling.BOX if size[0] * size[1] < width * height else Image.Resampling.BILINEAR
    # means over pixels, and a hole wherever any of them is one: nothing of what it hides is taken for known
    covered = np.asarray(Image.fromarray(hole.astype(np.float32)).resize(size, how))
    return _resized(look(_resized(colour, size, how), covered > 0), (width, height), Image.Resampling.BICUBIC)


def _resized(array: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    resized = np.asarray(images.picture(array).resize(size, how))
    return resized.reshape(size[1], size[0], -1)
