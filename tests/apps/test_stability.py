"""How steadily a run trained, from what it left."""

from __future__ import annotations

import pytest

from imaginable.apps._rows import Figure
from imaginable.apps._stability import duration, largest_setback, seconds_of, spread_over_seeds
from imaginable.metrics.score import Score


def scores(*values: float, error: float = 0.3) -> list[Score]:
    return [Score(value, error, 64) for value in values]


def test_the_largest_setback_is_from_the_lowest_before() -> None:
    assert largest_setback(scores(9, 4, 6, 3, 8, 7)) == Score(5.0, pytest.approx(0.3 * 2**0.5), 64)
    assert largest_setback(scores(9, 4, 10, 3, 5)) == Score(6.0, pytest.approx(0.3 * 2**0.5), 64)


def test_a_run_that_only_got_better_has_none_but_an_error() -> None:
    assert largest_setback(scores(9, 4, 4, 1)) == Score(0.0, 0.3, 64)
    assert largest_setback(scores(9)) is None
    assert largest_setback([]) is None


def test_training_time_adds_up_over_sessions() -> None:
    lines = [{"seconds": seconds} for seconds in (1.0, 8.0, 10.0, 0.5, 4.0)]
    assert seconds_of(lines) == 14.0
    assert seconds_of([]) == 0.0


def test_times_are_told_in_seconds_or_minutes() -> None:
    assert (duration(99.0), duration(150.0)) == ("99 s", "2.5 min")


def test_a_spread_needs_two_runs() -> None:
    figure = Figure("kd", "KD-random", "lower")
    known = [figure.row(score) for score in scores(1, 3)]
    assert spread_over_seeds(known) == "2 ± 1.4 (deviation over 2 runs)"
    assert spread_over_seeds([known[0], figure.none("too few"), None]) == "one run only"
