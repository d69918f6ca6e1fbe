"""proof.html: what was tried, how it came out, and the pictures it was tried with."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from imaginable.apps import _outcome, _page
from imaginable.apps._arms import ARMS
from imaginable.apps._outcome import Outcome
from imaginable.data import images

SHOWN = 12
"""pictures of a class"""


def page(facts: Sequence[str], outcomes: Sequence[Outcome], sheets: Sequence[tuple[str, list[np.ndarray]]]) -> str:
    """sheets: a title, and pictures of each class, uint8 (n, h, w, c)."""
    parts = [
        "<h1>Do synthetic pictures help a classifier?</h1>",
        *(f"<p>{html.escape(fact)}.</p>" for fact in facts),
        *(part for one in outcomes for part in _said(one)),
        "<h2>Accuracy, in percent</h2>",
        _page.table(["real pictures of each class", *ARMS], [_row(one) for one in outcomes]),
        _page.plot(_plot(outcomes), "Accuracy on the test pictures; bars are 95 % intervals"),
        "<h2>The synthetic pictures</h2>",
        _page.table(
            ["real pictures of each class", "generator", "kept", "drawn", "refused", "near-copies, counted anew"],
            [row for one in outcomes for row in _counts(one)],
        ),
        *(_sheet(title, of_class) for title, of_class in sheets),
        "<p>All pictures but the real ones are synthetic.</p>",
    ]
    return _page.page("proof", [f"<article>{''.join(parts)}</article>"])


def _said(one: Outcome) -> Iterator[str]:
    yield f"<h2>{one.amount} real pictures of each class</h2><ul>"
    yield from (f"<li>{html.escape(sentence)}</li>" for sentence in _outcome.sentences(one))
    yield "</ul>"


def _row(one: Outcome) -> list[str]:
    means = [one.accuracy[arm] for arm in ARMS]
    return [str(one.amount), *(f"{mean.value:.1f} ± {mean.error:.1f}" for mean in means)]


def _counts(one: Outcome) -> Iterator[list[str]]:
    for made in one.synthetic:
        counts = made["classes"].values()
        kept, drawn = (sum(count[what] for count in counts) for what in ("kept", "drawn"))
        reasons = dict.fromkeys(reason for count in counts for reason in count["refused"])
        refused = ", ".join(f"{sum(count['refused'][one] for count in counts):,} {one}" for one in reasons)
        yield [str(one.amount), str(made["generator"]), f"{kept:,}", f"{drawn:,}", refused, str(made["near_copies"])]


def _plot(outcomes: Sequence[Outcome]) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for number, arm in enumerate(ARMS):
        means = [one.accuracy[arm] for one in outcomes]
        amounts = [one.amount * 1.03 ** (number - 1.5) for one in outcomes]  # beside each other, not on top
        bars = [mean.half_width if np.isfinite(mean.half_width) else 0.0 for mean in means]
        axis.errorbar(amounts, [mean.value for mean in means], bars, marker="o", capsize=3, label=arm)
    axis.set_xscale("log")
    ticks = [one.amount for one in outcomes]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("real pictures of each class")
    axis.set_ylabel("right, %")
    axis.legend(fontsize=8)
    return figure


def _sheet(title: str, of_class: Sequence[np.ndarray]) -> str:
    rows = [one[:SHOWN] for one in of_class if len(one)]
    if not rows:
        return f"<p>{html.escape(title)}: none</p>"
    return _page.picture(images.rows(rows), f"{title}, a row of each class", 2.0 if rows[0].shape[2] <= 40 else 1.0)
