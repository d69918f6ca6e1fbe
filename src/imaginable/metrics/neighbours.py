"""Nearest neighbours: whether a model copies its training images, and how many different pictures it makes.

duplicates: the birthday test of Arora & Zhang 2018, "Do GANs actually learn the distribution? An empirical study",
arXiv:1706.08224 (version 2). Near-duplicates are found by a calibrated distance here, by eye there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from imaginable.metrics._distances import between, same_width, slices, within
from imaginable.metrics._share import share_of
from imaginable.metrics.score import Array, Score, Undefined, finite

LEAST = 10


class Duplicates(NamedTuple):
    """rate: share of samples with another sample that is nearly the same. support: estimated number of distinct
    pictures that the model makes, with its 95 % interval; infinite where no two samples were alike."""

    rate: Score
    support: Score


def nearest(queries: Array, among: Array, itself: bool = False) -> tuple[Array, Array]:
    """Distance (n,), float64, from each query (n, d) to the nearest item among (m, d), and that one's index (n,).

    itself: the queries are `among`, and no item is its own neighbour. Of equally near ones the first counts. The
    distance is computed anew for the one found, so that it is 0 for a copy.
    """
    queries, among = finite(queries), finite(among)
    same_width(queries, among)
    if itself and queries.shape != among.shape:
        raise ValueError(f"one set was expected twice, not {queries.shape} and {among.shape}")
    if len(among) < 1 + itself:
        raise Undefined("there is no other image to be near to: add images")
    best = np.full(len(queries), np.inf, np.result_type(np.float32, queries, among))
    index = np.zeros(len(queries), np.int64)
    for rows, columns, squared in within(among) if itself else between(queries, among):
        _keep_nearer(best[rows], index[rows], squared, columns.start)
        if itself and columns != rows:
            _keep_nearer(best[columns], index[columns], squared.T, rows.start)
    return _exact(queries, among, index), index


def _keep_nearer(best: Array, index: Array, squared: Array, start: int) -> None:
    """Puts what is nearer in a block (a, b), whose columns count from `start`, into views (a,) of the results."""
    column = squared.argmin(1)
    value = squared[np.arange(len(squared)), column]
    nearer = value < best
    best[nearer] = value[nearer]
    index[nearer] = column[nearer] + start


def _exact(queries: Array, among: Array, index: Array) -> Array:
    distance = np.empty(len(queries))
    for rows in slices(len(queries)):
        difference = queries[rows].astype(np.float64) - among[index[rows]]
        distance[rows] = np.linalg.norm(difference, axis=1)
    return distance


def copies(samples_to_training: Array, held_out_to_training: Array, share: float = 0.01) -> Score:
    """Share of samples (n,) nearer to their nearest training image than all but `share` of held-out ones (m,) are.

    About `share` for a model that makes new pictures, 1 for one that only repeats training images; 0 where samples
    keep further away than real images do. The squared error is the binomial's and that of the held-out quantile: half
    the difference made by moving it one standard error of its rank, √(share (1 - share) / m), to either side
    (Woodruff 1952). An interval, where there is one, takes that quantile as known. Undefined for fewer than 10
    samples, or than 1 / share held-out images, which have no such quantile.
    """
    _enough(held_out_to_training, share, "held-out images")
    if len(samples_to_training) < LEAST:
        raise Undefined(f"the share of copies needs at least {LEAST} samples, not {len(samples_to_training)}")
    ranks = share + math.sqrt(share * (1 - share) / len(held_out_to_training)) * np.array([-1, 0, 1])
    thresholds = np.quantile(held_out_to_training, np.clip(ranks, 0, 1))
    fewer, _, more = (float((samples_to_training < threshold).mean()) for threshold in thresholds)
    found = share_of(samples_to_training < thresholds[1])
    return found._replace(error=math.hypot(found.error, (more - fewer) / 2))


def close_pair_distance(real: Array, share: float = 0.01) -> float:
    """The distance below which two items count as near-duplicates: so near to its nearest neighbour among real,
    held-out items (n, d) is only the lowest `share` of them. In units of the features.

    It shrinks as n grows: take as many real items as samples. The real items themselves then have `share` duplicates
    and a support of about n / share: that is the most the test can tell. Undefined for fewer than 1 / share items, and
    where so many of them are copies of others that the distance would be 0.
    """
    _enough(real, share, "real images")
    distance = float(np.quantile(nearest(real, real, itself=True)[0], share))
    if not distance > 0:
        raise Undefined(f"{share:.0%} of the real images or more look exactly like another of them: remove copies")
    return distance


def _enough(items: Array, share: float, what: str) -> None:
    if not 0 < share < 1:
        raise ValueError(f"a share between 0 and 1 was expected, not {share}")
    least = math.ceil(1 / share)
    if len(items) < least:
        raise Undefined(f"a quantile of {share:g} needs at least {least} {what}, not {len(items)}: hold out more")


def duplicates(samples: Array, below: float) -> Duplicates:
    """Of samples (s, d), two nearer than `below` being the same picture.

    With D such pairs, support = s (s - 1) / (2 D), the number N of pictures if all are equally likely, since then
    E D = s (s - 1) / (2 N). Otherwise it is an effective number, 1 / Σ p², and its error too small. The error is
    N / √D; the interval comes from the exact Poisson interval of D (Garwood 1936). D = 0: infinite, with an infinite
    error, and the interval's lower end is what is known.

    Since a duplicate comes with at least one other, the error of the rate is √(2 p (1 - p) / s), that of pairs as
    units: right where duplicates are rare, too large by up to √2 where they are common. Undefined for fewer than 10.
    """
    samples, s = finite(samples).astype(np.float64), len(samples)
    if not below > 0:
        raise ValueError(f"a distance above 0 was expected, not {below}")
    if s < LEAST:
        raise Undefined(f"the number of distinct pictures needs at least {LEAST} samples, not {s}: draw more")
    doubled, close = np.zeros(s, bool), 0
    for rows, columns, squared in within(samples):
        near = squared < below**2
        doubled[rows] |= near.any(1)
        doubled[columns] |= near.any(0)
        count = int(np.count_nonzero(near))
        close += count // 2 if rows == columns else count
    return Duplicates(share_of(doubled, together=2), _support(s, close))


def _support(samples: int, close: int) -> Score:
    pairs = samples * (samples - 1) / 2
    lower = pairs / float(chi2.ppf(0.975, 2 * close + 2) / 2)
    if close == 0:
        return Score(math.inf, math.inf, samples, (lower, math.inf))
    upper = pairs / float(chi2.ppf(0.025, 2 * close) / 2)
    return Score(pairs / close, pairs / close / math.sqrt(close), samples, (lower, upper))
