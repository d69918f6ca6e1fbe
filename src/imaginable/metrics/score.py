"""What every measurement comes as: a figure with its error and the number of items behind it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from imaginable.core.errors import UserError

Array = np.ndarray[Any, np.dtype[Any]]


class Score(NamedTuple):
    """A figure, its standard error, and the items it was measured on. interval: 95 %, where the error is lopsided."""

    value: float
    error: float
    n: int
    interval: tuple[float, float] | None = None


class Undefined(UserError):
    """The figure is not defined for what was given (too few items, say): the message says why and what to do."""


def finite(features: Array, what: str = "features") -> Array:
    """(n, d) as it is. Raises ValueError for another shape, UserError where a number is none."""
    if features.ndim != 2:
        raise ValueError(f"{what} (n, d) were expected, not {features.shape}")
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features).all(1)).sum())
        raise UserError(
            f"{bad} of {len(features)} items have {what} that are no numbers: nothing can be measured on them"
        )
    return features
