"""How good the samples are, and how much of the real images they cover, as two separate figures, twice.

precision, recall   Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models",
                    arXiv:1904.06991 (equations 1 and 2)
density, coverage   Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models",
                    arXiv:2002.09797 (equations 3 and 4)

A set's manifold is the union of balls around its items, each as wide as the distance to the item's k-th nearest
neighbour in the set.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from imaginable.metrics._distances import between, same_width, within
from imaginable.metrics._share import share_of
from imaginable.metrics.score import Array, Score, Undefined, finite

LEAST = 50


class Manifold(NamedTuple):
    """precision: share of fake items inside any real ball. recall: share of real items inside any fake ball.
    density: real balls around a fake item, over k: above 1 where samples crowd where real items are dense.
    coverage: share of real balls with a fake item inside.

    An error is that of the mean over the fake items (precision, density) or the real ones (recall, coverage), given
    the other set and the balls: it leaves out what the choice of those adds.
    """

    precision: Score
    recall: Score
    density: Score
    coverage: Score


def manifold(real: Array, fake: Array, nearest_k: int = 5, least: int = LEAST) -> Manifold:
    """Of features (n, d) and (m, d). Undefined for fewer than `least` items a set."""
    real, fake = finite(real), finite(fake)
    same_width(real, fake)
    n, m = len(real), len(fake)
    if min(n, m) < least:
        raise Undefined(
            f"precision, recall, density and coverage need at least {least} images in both sets, "
            f"not {n} real and {m} generated: add images, or use the kernel distance"
        )
    if not 1 <= nearest_k < min(n, m):
        raise ValueError(f"nearest_k = {nearest_k} of {min(n, m)} items")
    real_reach, fake_reach = reaches(real, nearest_k), reaches(fake, nearest_k)
    balls = np.zeros(m, np.int64)
    recalled, covered = np.zeros(n, bool), np.zeros(n, bool)
    for rows, columns, squared in between(real, fake):
        inside_real = squared < real_reach[rows, None]
        balls[columns] += np.count_nonzero(inside_real, axis=0)
        covered[rows] |= inside_real.any(1)
        recalled[rows] |= (squared < fake_reach[columns]).any(1)
    density = balls / nearest_k
    return Manifold(
        share_of(balls > 0),
        share_of(recalled),
        Score(float(density.mean()), float(density.std(ddof=1)) / math.sqrt(m), m),
        share_of(covered),
    )


def reaches(items: Array, nearest_k: int) -> Array:
    """Squared distance of every item (n,) to its k-th nearest neighbour among the others."""
    smallest = np.full((len(items), nearest_k), np.inf, np.result_type(np.float32, items))
    for rows, columns, squared in within(items):
        smallest[rows] = _smallest(smallest[rows], squared)
        if columns != rows:
            smallest[columns] = _smallest(smallest[columns], squared.T)
    return np.asarray(smallest.max(1))


def _smallest(known: Array, more: Array) -> Array:
    """The k smallest of k known values and some more in every row, (a, k)."""
    k = known.shape[1]
    return np.partition(np.concatenate([known, more], axis=1), k - 1, axis=1)[:, :k]
