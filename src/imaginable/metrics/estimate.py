"""A figure together with what each item moves it by, so that the difference of two figures of the same items has an
error, too: most of what chance does to the one it does to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imaginable.metrics.score import Array, Score, Undefined


@dataclass(frozen=True)
class Estimate:
    """parts: an array for each independent set of items, in which an item's number divided by their count says by how
    much it moves the figure, to first order. None for what has no error, such as a count; n says of how many then."""

    value: float
    parts: tuple[Array, ...] = ()
    n: int = 1

    @property
    def score(self) -> Score:
        """error² = Σ var(part) / n over the parts; n: that of the smallest."""
        if not self.parts:
            return Score(self.value, 0.0, self.n)
        variance = sum(float(part.var(ddof=1)) / len(part) if len(part) > 1 else math.inf for part in self.parts)
        return Score(self.value, math.sqrt(variance), min(len(part) for part in self.parts))

    def minus(self, other: Estimate) -> Estimate:
        """The difference of two figures of the same items."""
        if not self.parts or not other.parts:
            return Estimate(self.value - other.value, self.parts or tuple(-part for part in other.parts), self.n)
        parts = tuple(one - two for one, two in zip(self.parts, other.parts, strict=True))
        return Estimate(self.value - other.value, parts)

    def together(self) -> Estimate:
        """The same where item i of every part belongs to item i of the others, so that they are drawn together."""
        return Estimate(self.value, (np.sum(self.parts, axis=0),))

    def from_one(self) -> Estimate:
        """How far the figure is from 1."""
        sign = 1.0 if self.value >= 1 else -1.0
        return Estimate(abs(self.value - 1), tuple(sign * part for part in self.parts), self.n)


def mean_of(values: Array) -> Estimate:
    """The mean of one number an item, (n,)."""
    mean = float(values.mean())
    return Estimate(mean, (values - mean,))


def ratio_of(above: Array, below: Array) -> Estimate:
    """mean of above (n,) / mean of below (m,), two independent sets, or `together`, to first order (delta method).

    Raises Undefined where the mean below is 0.
    """
    scale = float(below.mean())
    if scale == 0:
        raise Undefined("there is nothing to compare with: what should have been made has none of it")
    ratio = float(above.mean()) / scale
    return Estimate(ratio, (above / scale - ratio, ratio - ratio * below / scale))
