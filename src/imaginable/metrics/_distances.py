"""Squared Euclidean distances between sets of features, a block at a time.

A block is at most ROWS x ROWS, so that the memory does not grow with the sets, which may be memory maps. Points are
taken relative to a common mean: far from the origin |x|² + |y|² - 2 x·y would lose its digits. Single precision stays
single (a distance is then right to about 1e-6 of the sets' spread), everything else becomes double.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imaginable.metrics.score import Array

ROWS = 2048
"""of a block: 16 MB of single-precision distances, large enough for the products to run at full speed"""

Block = tuple[slice, slice, Array]
"""which rows (a), which columns (b), and what is between them (a, b)"""


def slices(n: int) -> list[slice]:
    """0 ... n in runs of at most ROWS."""
    return [slice(start, min(start + ROWS, n)) for start in range(0, n, ROWS)]


def between(first: Array, second: Array) -> Iterator[Block]:
    """Squared distances of all items of (n, d) to all of (m, d)."""
    origin, kind = _mean(second), _precision(first, second)
    for rows in slices(len(first)):
        points = _centred(first[rows], origin, kind)
        for columns in slices(len(second)):
            yield rows, columns, _squared(points, _centred(second[columns], origin, kind))


def within(items: Array) -> Iterator[Block]:
    """Squared distances inside (n, d), each pair once: blocks on the diagonal and right of it.

    A block on the diagonal (rows == columns) is symmetric, and says that an item is infinitely far from itself.
    """
    origin, kind = _mean(items), _precision(items)
    for rows in slices(len(items)):
        points = _centred(items[rows], origin, kind)
        for columns in slices(len(items)):
            if columns.start < rows.start:
                continue
            other = points if columns == rows else _centred(items[columns], origin, kind)
            squared = _squared(points, other)
            if columns == rows:
                np.fill_diagonal(squared, np.inf)
            yield rows, columns, squared


def same_width(first: Array, second: Array) -> int:
    """The dimensions d of two sets. Raises ValueError where they differ."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"features of one kind were expected, not {first.shape} and {second.shape}")
    return int(first.shape[1])


def _squared(points: Array, others: Array) -> Array:
    """|x|² + |y|² - 2 x·y of (a, d) and (b, d), (a, b); never below zero by rounding."""
    squared: Array = points @ others.T
    squared *= -2
    squared += np.einsum("ij,ij->i", points, points)[:, None]
    squared += np.einsum("ij,ij->i", others, others)
    return np.maximum(squared, 0, out=squared)


def _mean(items: Array) -> Array:
    return np.asarray(items.mean(0, dtype=np.float64))


def _precision(*sets: Array) -> np.dtype[np.generic]:
    return np.result_type(np.float32, *sets)


def _centred(items: Array, origin: Array, kind: np.dtype[np.generic]) -> Array:
    return (items - origin).astype(kind)
