"""How near pictures come to the originals they stand for, as papers on super-resolution count it.

They measure on luma and leave a border out, because methods treat borders differently: with other conventions other
figures come out, so `convention` says it beside them.

All functions of two take uint8 arrays (n, h, w, c), c = 1 or 3, and compare them picture by picture. They raise
ValueError for arrays of another kind or of different shapes, and Undefined where the border leaves too little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from imaginable.metrics.pictures import blocks
from imaginable.metrics.reconstruction import peak_signal_to_noise
from imaginable.metrics.score import Array, Undefined
from imaginable.metrics.structure import WINDOW, compared_one_by_one, similarity

Channel = Literal["y", "rgb"]
BORDER = 4
"""pixels on every side that are left out"""


def convention(channel: Channel = "y", border: int = BORDER) -> str:
    """For a line beside the figures."""
    named = "luma (Y of BT.601, 16 to 235, not rounded)" if channel == "y" else "all channels"
    left_out = f"{border} pixels at every border" if border else "no border"
    return f"{named}, range 255, {left_out} left out"


def paired_peak_signal_to_noise(first: Array, second: Array, channel: Channel = "y", border: int = BORDER) -> Array:
    """Peak signal to noise of each pair in dB, (n,): 10 log₁₀ (255² / MSE), of luma or of all channels.

    A difference below that of rounding to 256 values counts as such.
    """

    def error(x: Array, y: Array) -> Array:
        return np.square((x - y) / 255).mean((1, 2, 3))

    return peak_signal_to_noise(_paired(error, first, second, channel, border, 1))


def paired_structural_similarity(first: Array, second: Array, channel: Channel = "y", border: int = BORDER) -> Array:
    """Structural similarity of each pair, (n,), as `structural_similarity` has it, of luma or of all channels."""
    return _paired(lambda x, y: similarity(x, y)[0], first, second, channel, border, WINDOW)


def paired_absolute_error(first: Array, second: Array) -> Array:
    """Mean absolute difference of each pair, all channels and no border left out, (n,), of pixels in [-1, 1]."""
    return _paired(lambda x, y: np.abs(x - y).mean((1, 2, 3)) / 127.5, first, second, "rgb", 0, 1)


def luma(pictures: Array) -> Array:
    """Y of ITU-R BT.601 of pictures (n, h, w, 3), (n, h, w, 1) float64 from 16 (black) to 235 (white).

        Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255

    A grey picture (n, h, w, 1) counts as one whose three channels are equal.
    """
    weights = np.array([65.481, 128.553, 24.966]) / 255
    values: Array = 16 + (pictures @ weights[:, None] if pictures.shape[3] == 3 else pictures * weights.sum())
    return values


def _paired(
    compare: Callable[[Array, Array], Array], first: Array, second: Array, channel: Channel, border: int, least: int
) -> Array:
    compared_one_by_one(first, second)
    inner = min(first.shape[1:3]) - 2 * border
    if inner < least:
        raise Undefined(f"pictures of {min(first.shape[1:3])} pixels are too small for a border of {border}")

    def values(pictures: Array, block: slice) -> Array:
        kept = pictures[block, border : pictures.shape[1] - border, border : pictures.shape[2] - border]
        return luma(kept) if channel == "y" else kept.astype(np.float64)

    return np.concatenate([compare(values(first, block), values(second, block)) for block in blocks(first)])
