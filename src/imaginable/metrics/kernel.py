"""The kernel distance between two sets of features: the squared maximum mean discrepancy with a cubic kernel.

Bińkowski et al. 2018, "Demystifying MMD GANs", arXiv:1801.01401 (there the features are Inception's, and the figure is
called KID); the unbiased estimator is that of Gretton et al. 2012, "A Kernel Two-Sample Test", JMLR 13 (equation 3).
"""

from __future__ import annotations

import numpy as np

from imaginable.metrics._distances import same_width, slices
from imaginable.metrics.estimate import Estimate
from imaginable.metrics.score import Array, Score, Undefined, finite

LEAST = 10


def kernel_distance(first: Array, second: Array) -> Score:
    """The unbiased squared MMD of features x (n, d) and y (m, d) with k(x, y) = (x·y / d + 1)³, over all pairs:

        mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j).

    Unbiased for any n and d, and so below zero about every second time where the distributions are the same. The
    error is the jackknife's, one item of either set left out at a time; where the distributions are the same it comes
    out too large, by √2. Undefined for fewer than 10 items a set. n of the score: that of the smaller set.
    """
    return kernel_estimate(first, second).score


def kernel_estimate(first: Array, second: Array) -> Estimate:
    """The same with what each item of both sets moves it by."""
    first, second = _checked(first, second)
    n, m = len(first), len(second)
    inside_first, inside_second = _within(first), _within(second)
    across_first, across_second = _across(first, second)
    mean_first = inside_first.sum() / (n * (n - 1))
    mean_second = inside_second.sum() / (m * (m - 1))
    mean_across = across_first.sum() / (n * m)
    parts = (
        _influence(_without_one(inside_first) - 2 * (across_first.sum() - across_first) / ((n - 1) * m)),
        _influence(_without_one(inside_second) - 2 * (across_second.sum() - across_second) / ((m - 1) * n)),
    )
    return Estimate(float(mean_first + mean_second - 2 * mean_across), parts)


def paired_kernel_estimate(first: Array, second: Array) -> Estimate:
    """The same of pairs, x_i made of or belonging to y_i, (n, d) each, without the terms k(x_i, y_i):

        mean_{i≠j} [ k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j) ].

    With those terms partners, which are alike, would count as if they had met by chance, and the figure would fall far
    below zero. Without them it is unbiased for pairs as well, and 0 where every x_i is its y_i.
    """
    first, second = _checked(first, second)
    n = len(first)
    if n != len(second):
        raise ValueError(f"{n} and {len(second)} items make no pairs")
    across_first, across_second = _across(first, second)
    partners = np.concatenate([_partners(first[rows], second[rows]) for rows in slices(n)])
    sums = _within(first) + _within(second) - across_first - across_second + 2 * partners
    return Estimate(float(sums.sum() / (n * (n - 1))), (_influence(_without_one(sums)),))


def _checked(first: Array, second: Array) -> tuple[Array, Array]:
    first, second = finite(first), finite(second)
    same_width(first, second)
    n, m = len(first), len(second)
    if min(n, m) < LEAST:
        raise Undefined(f"the kernel distance needs at least {LEAST} images in both sets, not {n} and {m}: add images")
    return first, second


def _without_one(sums: Array) -> Array:
    """The mean over the pairs of a set that remain when each item (n,) in turn is left out, from its sums of pairs."""
    n = len(sums)
    return np.asarray((sums.sum() - 2 * sums) / ((n - 1) * (n - 2)))


def _influence(left_out: Array) -> Array:
    """By how much each of n items moves a figure, times n, from what it is without that item (the jackknife's
    pseudo-values); terms common to all of them cancel."""
    return (len(left_out) - 1) * (left_out.mean() - left_out)


def _partners(first: Array, second: Array) -> Array:
    """k(x_i, y_i), (n,)."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    return np.asarray(((x * y).sum(1) / x.shape[1] + 1) ** 3)


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
