"""A picture of any size through a network: in tiles that overlap and fade into each other, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Network = Callable[[np.ndarray], Tensor]
"""planes uint8 (h, w, k) to a float tensor (1, c, factor h, factor w) in [-1, 1]"""

Advance = Callable[[float], None]
"""told which share of the picture is done, after every tile"""


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut. A picture of at most `side` pixels on a side is not.

    tile: pixels on a side that are wished for; multiple: what heights and widths must be one of (tiles begin at
    multiples too: elsewhere a network with strides gives other pixels); factor: of the result's size.
    """

    tile: int
    multiple: int = 1
    factor: int = 1

    @property
    def overlap(self) -> int:
        """Pixels that neighbours share: three eighths on either side are for context only, and never seen."""
        return _up(max(1, self.tile // 4), self.multiple)

    @property
    def side(self) -> int:
        """Of a tile; at least twice the overlap, so that no more than two tiles meet in a row."""
        return max(_up(self.tile, self.multiple), 2 * self.overlap)


@dataclass(frozen=True)
class Span:
    """A tile's extent along one axis, and how much of it is seen at each pixel of the result."""

    start: int
    stop: int
    weight: np.ndarray


def spans(length: int, tiling: Tiling) -> list[Span]:
    """Tiles that cover `length` pixels, about equally large; at every pixel their weights add up to 1."""
    overlap, factor = tiling.overlap, tiling.factor
    if length <= tiling.side:
        return [Span(0, length, np.ones(length * factor, np.float32))]
    count = math.ceil((length - overlap) / (tiling.side - overlap))
    step = max(overlap, _up(math.ceil((length - overlap) / count), tiling.multiple))
    starts = range(0, length - overlap, step)
    rise, found = _rise(overlap, factor), []
    for start in starts:
        stop = min(start + step + overlap, length)
        weight = np.ones((stop - start) * factor, np.float32)
        if start > 0:
            weight[: len(rise)] = rise
        if stop < length:
            weight[-len(rise) :] = 1 - rise
        found.append(Span(start, stop, weight))
    return found


def through(
    network: Network, planes: np.ndarray, channels: int, tiling: Tiling, advance: Advance = lambda share: None
) -> np.ndarray:
    """What the network makes of planes uint8 (h, w, k): uint8 (factor h, factor w, channels)."""
    height, width = (side * tiling.factor for side in planes.shape[:2])
    result, top = np.empty((height, width, channels), np.uint8), 0
    for band in bands(network, planes, channels, tiling, advance):
        np.clip(band, -1, 1, out=band)
        band += 1
        band *= 127.5
        rows = min(len(band), height - top)
        result[top : top + rows] = np.rint(band, out=band)[:rows, :width]
        top += rows
    return result


def bands(
    network: Network, planes: np.ndarray, channels: int, tiling: Tiling, advance: Advance = lambda share: None
) -> Iterator[np.ndarray]:
    """The same as float32 (rows, width, channels), from the top, as soon as rows are finished.

    What was added at the right and below, to reach a multiple, is still there. Only one row of tiles is held.
    """
    planes, factor = _padded(planes, tiling.multiple), tiling.factor
    rows, columns = spans(planes.shape[0], tiling), spans(planes.shape[1], tiling)
    carried = np.zeros((0, planes.shape[1] * factor, channels), np.float32)
    for number, row in enumerate(rows):
        band = np.zeros((len(row.weight), planes.shape[1] * factor, channels), np.float32)
        band[: len(carried)] = carried
        for position, column in enumerate(columns):
            made = _made(network, planes[row.start : row.stop, column.start : column.stop])
            made *= row.weight[:, None, None] * column.weight[:, None]
            band[:, column.start * factor : column.stop * factor] += made
            advance((number * len(columns) + position + 1) / (len(rows) * len(columns)))
        finished = (rows[number + 1].start - row.start) * factor if number + 1 < len(rows) else len(band)
        carried = band[finished:].copy()
        yield band[:finished]


@torch.no_grad()
def _made(network: Network, planes: np.ndarray) -> np.ndarray:
    return np.array(network(planes)[0].float().cpu().permute(1, 2, 0).numpy(), order="C")  # ours: it is written to


def _rise(overlap: int, factor: int) -> np.ndarray:
    """From 0 to 1 over an overlap, in its middle quarter, smoothly."""
    position = (np.arange(overlap * factor) + 0.5) / factor  # in pixels of the given picture
    share = np.clip((position / overlap - 3 / 8) * 4, 0, 1)
    smooth: np.ndarray = (share * share * (3 - 2 * share)).astype(np.float32)
    return smooth


def _padded(planes: np.ndarray, multiple: int) -> np.ndarray:
    """Mirrored at the right and below to a multiple; a picture smaller than that is mirrored again and again."""
    below, right = (_up(side, multiple) - side for side in planes.shape[:2])
    return np.pad(planes, ((0, below), (0, right), (0, 0)), mode="reflect") if below or right else planes


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
