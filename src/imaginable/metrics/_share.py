"""A share of items, with its error."""

from __future__ import annotations

import math

from scipy.stats import beta

from imaginable.metrics.score import Array, Score

FEW = 10


def share_of(hits: Array, together: int = 1) -> Score:
    """Mean of (n,) booleans and its standard error √(p (1 - p) / n), in [0, 1].

    With fewer than 10 items on either side that error says too little (nothing at all at 0 or 1): the 95 % interval
    of Clopper and Pearson (1934) comes with it. together: as many items hit or miss only as one, so that n items say
    no more than n / together.
    """
    n, count = len(hits), int(hits.sum())
    p, units, found = count / n, n / together, count / together
    few = min(found, units - found) < FEW
    return Score(p, math.sqrt(p * (1 - p) / units), n, exact_interval(found, units) if few else None)


def exact_interval(found: float, units: float) -> tuple[float, float]:
    """Of a share, 95 %, Clopper and Pearson's; neither number need be whole."""
    lower = float(beta.ppf(0.025, found, units - found + 1)) if found > 0 else 0.0
    upper = float(beta.ppf(0.975, found + 1, units - found)) if found < units else 1.0
    return lower, upper
