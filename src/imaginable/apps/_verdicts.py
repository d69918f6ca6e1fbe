"""What a figure of several models says, in a sentence: who wins, and whether that exceeds the error."""

from __future__ import annotations

import math
from collections.abc import Mapping

from imaginable.apps._rows import Row, number

BEYOND = 2.0
"""standard errors that a difference must exceed"""


def winner(found: Mapping[str, Row]) -> str | None:
    """The model that is better than all others beyond the error, if there is one. found: a row of each, by name.

    The best one is compared with the second best. The error of a difference is taken for that of two independent
    figures; figures from the same items mostly rise and fall together, so this is the careful side.
    """
    order = _ranked(found)
    return order[0] if len(order) > 1 and _exceeds(found[order[0]], found[order[1]]) else None


def verdict(found: Mapping[str, Row]) -> str:
    """`dcgan wins over vae, by 0.52 ± 0.02.`, or why nothing can be said; empty for what is no contest."""
    known = {name: row for name, row in found.items() if row.score is not None}
    if next(iter(found.values())).better == "neither":
        return ""
    if not known:
        return "None of them has it." if len(found) > 1 else ""
    if len(known) == 1:
        return f"Only {next(iter(known))} has it." if len(found) > 1 else ""
    order = _ranked(found)
    if not order:
        return f"Not comparable: {', '.join(f'{name} is in {row.unit}' for name, row in known.items())}."
    best, second = order[:2]
    stated = _gap(known[best], known[second])
    if winner(found):
        return f"{best} wins over {second}{stated}."
    if _badness(known[best]) == _badness(known[second]):
        return f"No winner: {best} and {second} are equally good."
    if math.isnan(_error(known[best], known[second])):
        return f"No winner: {best} is ahead of {second}, but the error is not known."
    return f"No winner: {best} is ahead of {second}{stated}, which is within the error."


def _ranked(found: Mapping[str, Row]) -> list[str]:
    """Best first, of those that have a figure; none where they are in different units."""
    known = {name: row for name, row in found.items() if row.score is not None}
    if any(row.better == "neither" for row in known.values()) or len({row.unit for row in known.values()}) > 1:
        return []
    return sorted(known, key=lambda name: _badness(known[name]))


def _badness(row: Row) -> float:
    assert row.score is not None
    value = row.score.value
    return {"lower": value, "higher": -value, "near one": abs(value - 1), "neither": 0.0}[row.better]


def _exceeds(best: Row, second: Row) -> bool:
    assert best.score is not None
    assert second.score is not None
    if best.score.interval and second.score.interval:  # lopsided errors: where the intervals do not overlap
        (low1, high1), (low2, high2) = best.score.interval, second.score.interval
        return high1 < low2 or high2 < low1
    return _badness(second) - _badness(best) > BEYOND * _error(best, second)


def _error(best: Row, second: Row) -> float:
    assert best.score is not None
    assert second.score is not None
    return math.hypot(best.score.error, second.score.error)


def _gap(best: Row, second: Row) -> str:
    gap, error = _badness(second) - _badness(best), _error(best, second)
    if not math.isfinite(gap) or not math.isfinite(error):
        return ""
    spread = f" ± {number(error, error)}" if error > 0 else ""
    return f", by {number(gap, error)}{spread}"
