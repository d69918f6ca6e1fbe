"""How well a number tells bad items from good ones, and at what number to raise an alarm. A high one says bad.

auroc, bounded             area under the ROC curve with its error: DeLong, DeLong & Clarke-Pearson 1988, "Comparing the
                           areas under two or more correlated receiver operating characteristic curves", Biometrics 44
average_precision          area under the precision-recall curve
pixel_auroc                of the pixels of maps, with pictures as units: Obuchowski 1997, "Nonparametric analysis of
                           clustered ROC curve data", Biometrics 53
pointing_game              whether a map is highest inside the defect
conformal_threshold, ...   alarms with a promised rate: Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random
                           World"; Angelopoulos & Bates 2021, "A gentle introduction to conformal prediction",
                           arXiv:2107.07511
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import betabinom

from imaginable.core.errors import UserError
from imaginable.metrics._share import FEW, exact_interval
from imaginable.metrics.estimate import Estimate
from imaginable.metrics.score import Array, Score, Undefined

Z = 1.959964
"""standard errors on either side of 95 %"""


def auroc(good: Array, bad: Array) -> Estimate:
    """P(bad > good) + ½ P(bad = good) of numbers (n,) and (m,): 0.5 is chance, 1 a perfect order. DeLong's error.

    The parts are the placements: for each good item the share of bad ones above it, for each bad one that of good ones
    below it, less the area. So two areas of the same items can be subtracted.
    Undefined without a good or without a bad item; UserError for numbers that are none.
    """
    good, bad = _numbers(good, bad)
    of_bad = _share_below(bad, np.sort(good))
    area = float(of_bad.mean())
    return Estimate(area, (1 - _share_below(good, np.sort(bad)) - area, of_bad - area))


def bounded(area: Estimate, good: int, bad: int) -> Score:
    """An area under the ROC curve, measured on so many good and bad items, with a 95 % interval in [0, 1].

    The interval is A ± 1.96 errors on the logit scale (Pepe 2003, "The Statistical
    Evaluation of Medical Tests"). Near 0 and 1 the items that decide are
    so few that DeLong's variance misses their tail, and at 1 it is 0: where the smaller set has fewer than 10 items'
    worth on either side, min(n, m) · min(A, 1 - A) < 10, each end is the further one of that and of Newcombe's method 5
    (2006, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic", part 2, Statistics in
    Medicine 25), which inverts the variance of Hanley and McNeil. Of pixels the items are pictures: good those with
    any pixel without a defect, bad those with a defect.
    """
    score, few = area.score, min(good, bad) * min(area.value, 1 - area.value) < FEW
    if not (0 < score.error < math.inf and 0 < area.value < 1):
        return score._replace(interval=_newcombe(area.value, good, bad))
    low, high = _on_logit_scale(area.value, score.error)
    if few:
        others = _newcombe(area.value, good, bad)
        low, high = min(low, others[0]), max(high, others[1])
    return score._replace(interval=(low, high))


def average_precision(good: Array, bad: Array) -> Score:
    """Σ_k (R_k - R_{k-1}) P_k over the thresholds, highest first, without interpolation; items of (n,) and (m,) that
    tie pass together. Chance gives m / (n + m) (a little more with few items), and a perfect order 1.

    Boyd, Eng & Page 2013, "Area under the precision-recall curve": the error √(A (1 - A) / m) of m bad items that are
    each right or wrong, and the interval of logit A with error 1 / √(m A (1 - A)). They count bad items only: the good
    ones are taken as known, so have more of them. With less than one item's worth on either side the logit says
    nothing: there the interval is that of Clopper and Pearson for m A of m.
    """
    good, bad = _numbers(good, bad)
    n, m = len(good), len(bad)
    thresholds = np.unique(bad)[::-1]  # elsewhere recall does not move
    right = m - np.searchsorted(np.sort(bad), thresholds)
    wrong = n - np.searchsorted(np.sort(good), thresholds)
    area = float((np.diff(right, prepend=0) / m) @ (right / (right + wrong)))
    area, error = min(area, 1.0), math.sqrt(max(0.0, area * (1 - area)) / m)
    alone = m * min(area, 1 - area) < 1
    return Score(area, error, m, exact_interval(m * area, m) if alone else _on_logit_scale(area, error))


def pixel_auroc(maps: Sequence[Array], truth: Sequence[Array]) -> Estimate:
    """P(a defective pixel > another) + ½ P(=) over all pixels of all pictures: n maps (h, w), and bool (h, w) each.

    Pixels of a picture are not independent, so pictures are the units: one part (n,), whose variance is Obuchowski's
    but for the factor of the covariance: the geometric mean of those of the two variances. Defective pixels
    and others come from the same pictures; those without a defect count. The values are taken in single precision,
    the order is then exact. Memory: two copies of the maps in float32.
    Undefined with fewer than two pictures with a defect, or without it; UserError for maps with numbers that are none.
    """
    defective, clean = _pixels(maps, truth)
    _enough(sum(len(part) > 0 for part in defective), "with a defect")
    _enough(sum(len(part) > 0 for part in clean), "with a pixel without a defect")
    above, counts = _sums_below(defective, clean)
    below, others = _sums_below(clean, defective)
    area = float(above.sum() / counts.sum())
    return Estimate(area, (_moved(above - area * counts, counts) - _moved(below - (1 - area) * others, others),))


def pointing_game(maps: Array, truth: Array) -> Score:
    """Share of pictures with a defect whose map is highest inside it; (n, h, w), bool (n, h, w). Other pictures are
    left out. Of several highest pixels, the share inside counts.

    Zhang et al. 2016, "Top-down neural attention by excitation backprop", arXiv:1608.00507, without its
    margin of 15 pixels. `chance_of_pointing` is what a random pixel gives. The interval is Wilson's (1927). Undefined
    without a defect.
    """
    hits = np.array([_share_inside(one, where) for one, where in zip(maps, truth, strict=True) if where.any()])
    if not len(hits):
        raise Undefined("no picture has a defect that is drawn in, so there is nothing to point at: add masks")
    n, share = len(hits), float(hits.mean())
    error, shrink = math.sqrt(share * (1 - share) / n), 1 + Z**2 / n
    middle, half = (share + Z**2 / (2 * n)) / shrink, Z / shrink * math.sqrt(error**2 + (Z / (2 * n)) ** 2)
    return Score(share, error, n, (max(0.0, middle - half), min(1.0, middle + half)))


def chance_of_pointing(truth: Array) -> float:
    """The mean share of the area that is defective, over pictures with a defect; bool (n, h, w)."""
    shares = truth.mean((1, 2))
    return float(shares[shares > 0].mean())


def conformal_threshold(calibration: Array, rate: float) -> float:
    """The ⌈(n + 1) (1 - rate)⌉-th smallest of numbers (n,) of good items that nothing was fitted to.

    An item is called bad where its number is strictly above. Of new good items, exchangeable with these, at most
    `rate` then are, on average over calibrations; fewer where numbers tie. Undefined where n < 1 / rate - 1: no number
    is then high enough.
    """
    (calibration,) = _numbers(calibration)
    above = _order(len(calibration), rate)
    return float(np.sort(calibration)[len(calibration) - above])


def conformal_p_value(calibration: Array, score: Array | float) -> Array:
    """(1 + #{calibration >= score}) / (n + 1), for every number in `score`, of its shape: at most `rate` exactly where
    the number is above `conformal_threshold(calibration, rate)`."""
    (calibration,) = _numbers(calibration)
    n = len(calibration)
    return np.asarray((1 + n - np.searchsorted(np.sort(calibration), score)) / (n + 1))


def false_alarm_interval(n_calibration: int, n_test: int, rate: float, level: float = 0.95) -> tuple[float, float]:
    """Between which shares of `n_test` new good items are called bad, with probability `level`, given the calibration.

    With l = ⌊(n + 1) rate⌋ the chance of an alarm, once the threshold is drawn, is Beta(l, n + 1 - l), so their number
    is beta-binomial (Vovk 2012, "Conditional validity of inductive conformal predictors", arXiv:1209.2673; Angelopoulos
    & Bates, section 3.2). Each tail has at most (1 - level) / 2. For numbers without ties; with ties there are fewer.
    """
    above = _order(n_calibration, rate)
    chances = betabinom.pmf(np.arange(n_test + 1), n_test, above, n_calibration + 1 - above)
    low, high = np.searchsorted(np.cumsum(chances), [(1 - level) / 2, (1 + level) / 2])
    return float(low / n_test), float(min(high, n_test) / n_test)


def _order(n: int, rate: float) -> int:
    """⌊(n + 1) rate⌋: how many of n calibration items, and the new one, may be that high."""
    if not 0 < rate < 1:
        raise ValueError(f"a rate between 0 and 1 was expected, not {rate}")
    above = math.floor((n + 1) * rate + 1e-9)  # 100 · 0.07 is 7
    if above < 1:
        least = math.ceil(1 / rate - 1e-9) - 1
        raise Undefined(
            f"a false alarm rate of {rate:g} needs at least {least} good images to set it on, not {n}: "
            "hold out more, or allow more alarms"
        )
    return above


def _numbers(*sets: Array) -> list[Array]:
    for one in sets:
        if one.ndim != 1:
            raise ValueError(f"one number an item, (n,), was expected, not {one.shape}")
        if not len(one):
            raise Undefined("good and bad items are told apart only where there are some of each: add images")
        if not np.isfinite(one).all():
            raise UserError("some scores are no numbers, so nothing can be measured on them: train the model anew")
    return list(sets)


def _enough(count: int, what: str) -> None:
    if count < 2:
        raise Undefined(f"the pixels' area needs at least two pictures {what}, not {count}: add some with their masks")


def _share_below(values: Array, ordered: Array) -> Array:
    """Of each of (k,) the share of sorted numbers (n,) below it, those equal to it counted half, (k,) float64."""
    below = np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")
    return np.asarray(below / (2 * len(ordered)))


def _pixels(maps: Sequence[Array], truth: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """The defective pixels of each picture, and the others, float32."""
    defective, clean = [], []
    for one, where in zip(maps, truth, strict=True):
        if one.shape != where.shape:
            raise ValueError(f"a map of {one.shape} cannot be compared with a mask of {where.shape}")
        values, where = np.asarray(one, np.float32), np.asarray(where, bool)
        if not np.isfinite(values).all():
            raise UserError("some maps have pixels that are no numbers: train the model anew")
        defective.append(values[where])
        clean.append(values[~where])
    return defective, clean


def _sums_below(pictures: list[Array], others: list[Array]) -> tuple[Array, Array]:
    """Of each picture's pixels the sum of their shares of `others` that are below them, and their number, (n,) each."""
    ordered = np.concatenate(others)
    ordered.sort()
    # sorted, neighbours are looked up in the same place: several times as quick
    sums = [float(_share_below(np.sort(pixels), ordered).sum()) for pixels in pictures]
    return np.array(sums), np.array([len(pixels) for pixels in pictures])


def _moved(sums: Array, counts: Array) -> Array:
    """By how much each picture moves the area, times the pictures, (n,), from its pixels' sum of differences to it."""
    n, have = len(counts), int((counts > 0).sum())
    factor = math.sqrt(have / (have - 1) * (n - 1) / n)  # of the pictures that have such pixels, not of all
    return np.asarray(factor * n * sums / counts.sum())


def _share_inside(one: Array, where: Array) -> float:
    return float(where[one == one.max()].mean())


def _on_logit_scale(value: float, error: float) -> tuple[float, float]:
    middle, half = logit(value), Z * error / (value * (1 - value))
    return float(expit(middle - half)), float(expit(middle + half))


def _newcombe(area: float, n: int, m: int) -> tuple[float, float]:
    return _lowest(area, n, m), 1 - _lowest(1 - area, n, m)


def _lowest(area: float, n: int, m: int) -> float:
    """The true area t < area from which it is 1.96 errors √V(t) away: V of Hanley and McNeil 1982, but with the mean of
    both sets' sizes in place of each."""
    if area <= 0:
        return 0.0
    pairs = (n + m) / 2 - 1

    def too_far(t: float) -> float:
        variance = t * (1 - t) / (n * m) * (1 + pairs * (1 - t) / (2 - t) + pairs * t / (1 + t))
        return (area - t) ** 2 - Z**2 * variance

    return float(brentq(too_far, 0, min(area, 1 - 1e-12)))  # 1 itself has no variance
