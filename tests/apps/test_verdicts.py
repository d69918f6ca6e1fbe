"""Who wins, and when nobody can be said to."""

from __future__ import annotations

import math

import pytest

from imaginable.apps._rows import Better, Figure, Row
from imaginable.apps._verdicts import verdict
from imaginable.metrics.score import Score


def of(better: Better, **scores: Score | tuple[float, float] | str) -> dict[str, Row]:
    """Rows by model: (value, error), a whole score, or the reason why there is none."""
    figure = Figure("key", "name", better)
    found: dict[str, Row] = {}
    for name, score in scores.items():
        if isinstance(score, str):
            found[name] = figure.none(score)
        else:
            found[name] = figure.row(score if isinstance(score, Score) else Score(*score, 100))
    return found


def interval(value: float, low: float, high: float) -> Score:
    return Score(value, (high - low) / 4, 100, (low, high))


@pytest.mark.parametrize(
    ("better", "first", "second", "winner"),
    [("lower", 1.0, 2.0, "vae"), ("higher", 1.0, 2.0, "gan"), ("lower", -1.0, 0.5, "vae")],
)
def test_a_difference_beyond_two_errors_has_a_winner(better: Better, first: float, second: float, winner: str) -> None:
    said = verdict(of(better, vae=(first, 0.03), gan=(second, 0.04)))
    other = {"vae": "gan", "gan": "vae"}[winner]
    assert said == f"{winner} wins over {other}, by {abs(first - second):.3f} ± 0.050."


@pytest.mark.parametrize(("gap", "wins"), [(0.99, False), (1.01, True)])
def test_the_error_of_a_difference_is_that_of_independent_figures(gap: float, wins: bool) -> None:
    said = verdict(of("lower", vae=(0.0, 0.3), gan=(gap, 0.4)))  # 2 x 0.5
    assert said.startswith("vae wins" if wins else "No winner: vae is ahead of gan, by")
    assert wins or "within the error" in said


def test_of_three_the_best_is_compared_with_the_second_best() -> None:
    said = verdict(of("higher", vae=(3.0, 0.01), gan=(1.0, 0.01), iwae=(2.0, 0.01)))
    assert said.startswith("vae wins over iwae, by 1.000 ±")
    assert verdict(of("higher", vae="no", gan=(1.0, 0.01), iwae=(2.0, 0.01))).startswith("iwae wins over gan")


def test_near_one_counts_from_both_sides() -> None:
    said = verdict(of("near one", blurred=(0.7, 0.01), noisy=(1.2, 0.01)))
    assert said.startswith("noisy wins over blurred, by 0.100 ±")
    assert verdict(of("near one", a=(0.9, 0.1), b=(1.15, 0.1))).startswith("No winner: a is ahead of b")
    assert verdict(of("near one", a=(0.5, 0.1), b=(1.5, 0.1))) == "No winner: a and b are equally good."


def test_where_a_model_has_none_there_is_nothing_to_compare() -> None:
    assert verdict(of("lower", vae=(1.0, 0.1), gan="no encoder")) == "Only vae has it."
    assert verdict(of("lower", vae="none", gan="none")) == "None of them has it."
    assert verdict(of("lower", vae=(1.0, 0.1))) == "", "one model alone is compared with nothing"


def test_a_figure_that_is_neither_good_nor_bad_has_no_winner() -> None:
    assert verdict(of("neither", vae=(1.0, 0.1), gan=(9.0, 0.1))) == ""


def test_the_same_figure_has_no_winner() -> None:
    for score in ((0.0, 0.0), (2.0, 0.1), (2.0, math.nan), interval(0.0, 0.0, 0.02)):
        assert verdict(of("lower", vae=score, gan=score)) == "No winner: vae and gan are equally good."


def test_without_an_error_nobody_wins() -> None:
    said = verdict(of("lower", vae=(1.0, math.nan), gan=(2.0, math.nan)))
    assert said == "No winner: vae is ahead of gan, but the error is not known."


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_lopsided_errors_are_compared_by_their_intervals(better: Better) -> None:
    low, high, between = interval(0.1, 0.05, 0.2), interval(0.6, 0.4, 0.8), interval(0.3, 0.15, 0.45)
    best, other = ("low", "high") if better == "lower" else ("high", "low")
    said = verdict(of(better, low=low, high=high))
    assert said == f"{best} wins over {other}, by 0.50 ± 0.11."
    assert verdict(of(better, between=between, high=high)).startswith("No winner")


def test_a_support_without_end_wins_only_over_what_is_surely_smaller() -> None:
    endless = Score(math.inf, math.inf, 300, (12_000.0, math.inf))
    small, large = interval(900.0, 500.0, 1600.0), interval(20_000.0, 9_000.0, 50_000.0)
    assert verdict(of("higher", gan=endless, vae=small)).startswith("gan wins over vae")
    assert verdict(of("higher", gan=endless, vae=large)).startswith("No winner: gan is ahead of vae")
    assert verdict(of("higher", gan=endless, vae=endless)) == "No winner: gan and vae are equally good."
