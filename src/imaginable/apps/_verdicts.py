"""What a row of figures of several models says, in a sentence: who wins, and whether that exceeds the error."""

from __future__ import annotations

import math
from collections.abc import Mapping

from imaginable.apps._rows import Row, number

BEYOND = 2.0
"""standard errors that a difference must exceed"""


def verdict(found: Mapping[str, Row]) -> str:
    """`dcgan wins over vae, by 0.52 ± 0.02`, or why nothing can be said. found: a row of each model, by its name.

    With more than two models the best one is compared with the second best. The error of a difference is that of two
    independent figures: figures from the same items mostly rise and fall together, so the verdict is a careful one.
    """
    known = {name: row for name, row in found.items() if row.score is not None}
    better = next(iter(found.values())).better
    if better == "neither":
        return ""
    if not known:
        return "None of the models has it."
    if len(known) == 1:
        only = next(iter(known))
        return f"Only {only} has it." if len(found) > 1 else ""
    order = sorted(known, key=lambda name: _badness(known[name]))
    first, second = known[order[0]], known[order[1]]
    return _compared(order[0], first, order[1], second)


def _badness(row: Row) -> float:
    assert row.score is not None
    value = row.score.value
    return {"lower": value, "higher": -value, "near one": abs(value - 1)}[row.better]


def _compared(best: str, first: Row, next_best: str, second: Row) -> str:
    assert first.score is not None
    assert second.score is not None
    if _badness(first) == _badness(second):
        return f"No winner: {best} and {next_best} are equally good."
    if first.score.interval and second.score.interval:
        return _by_intervals(best, first, next_best, second)
    gap = abs(_badness(first) - _badness(second))
    error = math.hypot(first.score.error, second.score.error)
    if not math.isfinite(error):
        return f"{best} is ahead of {next_best}, by {number(gap, gap / 10)}; the error is not known."
    stated = f"{number(gap, error)} ± {number(error, error)}"
    if gap > BEYOND * error:
        return f"{best} wins over {next_best}, by {stated}."
    return f"No winner: {best} is ahead of {next_best} by {stated}, which is within the error."


def _by_intervals(best: str, first: Row, next_best: str, second: Row) -> str:
    """Where errors are lopsided: 95 % intervals that do not overlap."""
    assert first.score is not None
    assert second.score is not None
    (low1, high1), (low2, high2) = first.score.interval or (0, 0), second.score.interval or (0, 0)
    if high1 < low2 or high2 < low1:
        return f"{best} wins over {next_best}: the 95 % intervals do not overlap."
    return f"No winner: {best} is ahead of {next_best}, but the 95 % intervals overlap."
