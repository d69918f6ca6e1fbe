"""How figures are written: as many digits as their errors leave, in text and in JSON."""

from __future__ import annotations

import json
import math

import pytest

from imaginable.apps._rows import Figure, number, row, rows, table, writable
from imaginable.metrics.score import Score, Undefined

FD = Figure("fd", "FD-random", "lower")
PSNR = Figure("psnr", "PSNR", "higher", "dB")
SUPPORT = Figure("support", "distinct pictures", "higher")


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (2.9512, 0.0823, "2.951"),
        (2.9512, 0.823, "2.95"),
        (29.512, 8.23, "29.5"),
        (2951.2, 82.3, "2,951"),
        (2951234.0, 82000.0, "2,951,234"),
        (0.000123456, 0.0000012, "0.0001235"),
        (-1.234, 0.05, "-1.234"),
        (-0.0001, 0.5, "0.00"),
        (1.0, 1e-30, "1.0000000000"),
        (123.456, math.nan, "123.5"),
        (0.0123456, math.inf, "0.01235"),
        (12.3456, 0.0, "12.35"),
        (0.0, 0.0, "0"),
        (math.inf, 1.0, "∞"),
        (-math.inf, 1.0, "none"),
        (math.nan, 1.0, "none"),
    ],
)
def test_a_number_has_two_digits_of_its_error(value: float, error: float, expected: str) -> None:
    assert number(value, error) == expected


@pytest.mark.parametrize(
    ("figure", "score", "expected"),
    [
        (FD, Score(2.9512, 0.0823, 5000), "2.951 ± 0.082 (n = 5,000)"),
        (PSNR, Score(21.37, 0.12, 80), "21.37 ± 0.12 dB (n = 80)"),
        (PSNR, Score(21.37, math.nan, 1), "21.37 dB (n = 1)"),
        (Figure("p", "", "lower", of="pairs of codes"), Score(3.0, 0.5, 500), "3.00 ± 0.50 (n = 500 pairs of codes)"),
        (SUPPORT, Score(1234.0, 400.0, 99, (800.0, 2400.0)), "1,234, 95 %: 800 to 2,400 (n = 99)"),
        (FD, Score(0.0, 0.0, 177, (0.0, 0.020627)), "0.0000, 95 %: 0.0000 to 0.0206 (n = 177)"),
        (PSNR, Score(0.9, 0.01, 50, (0.82, 0.96)), "0.900 dB, 95 %: 0.820 to 0.960 (n = 50)"),
        (SUPPORT, Score(math.inf, math.inf, 300, (12158.3, math.inf)), "at least 12,158 (95 %) (n = 300)"),
    ],
)
def test_the_text_of_a_row(figure: Figure, score: Score, expected: str) -> None:
    assert figure.row(score).text == expected


def test_without_a_figure_the_reason_stands_in_its_place() -> None:
    found = FD.none("too few items")
    assert found.text == "none: too few items"
    assert found.written() == {"name": "FD-random", "none": "too few items"}
    assert (found.key, found.better) == ("fd", "lower")


def test_what_is_written_says_what_it_is() -> None:
    assert PSNR.row(Score(21.5, 0.25, 80)).written() == {
        "name": "PSNR",
        "value": 21.5,
        "error": 0.25,
        "n": 80,
        "unit": "dB",
        "better": "higher",
    }
    assert FD.row(Score(0.5, 0.1, 9, (0.3, 0.7))).written()["interval"] == [0.3, 0.7]


def test_infinity_and_what_is_no_number_are_null() -> None:
    found = SUPPORT.row(Score(math.inf, math.inf, 300, (12.5, math.inf))).written()
    assert (found["value"], found["error"], found["interval"]) == (None, None, [12.5, None])
    deep = {"a": [1.0, math.nan, {"b": (math.inf, "text", None, True)}], "c": -math.inf}
    assert writable(deep) == {"a": [1.0, None, {"b": [None, "text", None, True]}], "c": None}
    assert json.dumps(writable(deep), allow_nan=False)


def test_figures_computed_together_are_undefined_together() -> None:
    def few() -> list[Score]:
        raise Undefined("at least 50 images")

    assert [one.why for one in rows([FD, PSNR], few)] == ["at least 50 images"] * 2
    found = rows([FD, PSNR], lambda: [Score(1, 0, 9), Score(2, 0, 9)])
    assert [(one.key, one.score and one.score.value) for one in found] == [("fd", 1), ("psnr", 2)]
    assert row(FD, lambda: Score(3, 0, 9)).score == Score(3, 0, 9)


def test_another_number_of_scores_than_figures_is_a_mistake() -> None:
    with pytest.raises(ValueError):
        rows([FD, PSNR], lambda: [Score(1, 0, 9)])


def test_other_errors_are_not_taken_for_undefined_figures() -> None:
    def broken() -> Score:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        row(FD, broken)


def test_a_table_stands_in_columns() -> None:
    assert table([FD.row(Score(1.0, 0.1, 9)), PSNR.none("no encoder")]) == [
        "  FD-random  1.00 ± 0.10 (n = 9)",
        "  PSNR       none: no encoder",
    ]
