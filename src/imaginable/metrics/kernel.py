"""The kernel distance between two sets of features: the squared maximum mean discrepancy with a cubic kernel.

Bińkowski et al. 2018, "Demystifying MMD GANs", arXiv:1801.01401 (there the features are Inception's, and the figure is
called KID); the unbiased estimator is that of Gretton et al. 2012, "A Kernel Two-Sample Test", JMLR 13 (equation 3).
"""

from __future__ import annotations

import math

import numpy as np

from imaginable.metrics._distances import same_width, slices
from imaginable.metrics.score import Array, Score, Undefined, finite

LEAST = 10


def kernel_distance(first: Array, second: Array) -> Score:
    """The unbiased squared MMD of features x (n, d) and y (m, d) with k(x, y) = (x·y / d + 1)³, over all pairs:

        mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j).

    Unbiased for any n and d, and so below zero about every second time where the distributions are the same. The
    error is the jackknife's, one item of either set left out at a time; where the distributions are the same it comes
    out too large, by √2. Undefined for fewer than 10 items a set. n of the score: that of the smaller set.
    """
    first, second = finite(first), finite(second)
    same_width(first, second)
    n, m = len(first), len(second)
    if min(n, m) < LEAST:
        raise Undefined(f"the kernel distance needs at least {LEAST} images in both sets, not {n} and {m}: add images")
    inside_first, inside_second = _within(first), _within(second)
    across_first, across_second = _across(first, second)
    mean_first = inside_first.sum() / (n * (n - 1))
    mean_second = inside_second.sum() / (m * (m - 1))
    mean_across = across_first.sum() / (n * m)
    variance = _jackknife(_without_one(inside_first) - 2 * (across_first.sum() - across_first) / ((n - 1) * m))
    variance += _jackknife(_without_one(inside_second) - 2 * (across_second.sum() - across_second) / ((m - 1) * n))
    return Score(float(mean_first + mean_second - 2 * mean_across), math.sqrt(variance), min(n, m))


def _without_one(sums: Array) -> Array:
    """The mean over the pairs of a set that remain when each item (n,) in turn is left out, from its sums of pairs."""
    n = len(sums)
    return np.asarray((sums.sum() - 2 * sums) / ((n - 1) * (n - 2)))


def _jackknife(left_out: Array) -> float:
    """The variance of a figure from what it is without each of the n items; terms common to all of them cancel."""
    return float((len(left_out) - 1) * left_out.var())


def _within(items: Array) -> Array:
    """Σ_{j≠i} k(x_i, x_j) of every item, (n,); each pair is computed once."""
    sums = np.zeros(len(items))
    for rows in slices(len(items)):
        x = items[rows].astype(np.float64)
        own = _kernel(x, x)
        sums[rows] += own.sum(1) - own.diagonal()
        for columns in slices(len(items)):
            if columns.start > rows.start:
                block = _kernel(x, items[columns])
                sums[rows] += block.sum(1)
                sums[columns] += block.sum(0)
    return sums


def _across(first: Array, second: Array) -> tuple[Array, Array]:
    """Σ_j k(x_i, y_j), (n,), and Σ_i k(x_i, y_j), (m,)."""
    of_first, of_second = np.zeros(len(first)), np.zeros(len(second))
    for rows in slices(len(first)):
        x = first[rows].astype(np.float64)
        for columns in slices(len(second)):
            block = _kernel(x, second[columns])
            of_first[rows] += block.sum(1)
            of_second[columns] += block.sum(0)
    return of_first, of_second


def _kernel(x: Array, y: Array) -> Array:
    """(x·y / d + 1)³, (a, b), in double precision: the distance is a small difference of large means."""
    base: Array = x @ y.astype(np.float64).T
    base /= x.shape[1]
    base += 1
    cube = base * base
    cube *= base
    return cube
