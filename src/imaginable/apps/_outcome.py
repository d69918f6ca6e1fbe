"""What the trials of a proof come to, in figures and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imaginable.apps._arms import ARMS, BOTH, CLASSICAL, REAL, SYNTHETIC, WITH_SYNTHETIC, Trial
from imaginable.metrics import crossed
from imaginable.metrics.crossed import Mean

HELPED, NOTHING, HURT = "helped", "did nothing that could be measured", "hurt"
COMPARED = ((SYNTHETIC, REAL), (SYNTHETIC, CLASSICAL), (BOTH, CLASSICAL), (CLASSICAL, REAL))
"""what is held against what"""


@dataclass(frozen=True)
class Outcome:
    """For one number of real pictures of each class. accuracy: of every arm, in percent. gains: of each pair in
    COMPARED, in percent points, seed by seed. synthetic: what each generator gave (see `_proof`)."""

    amount: int
    accuracy: dict[str, Mean]
    gains: dict[tuple[str, str], Mean]
    synthetic: Sequence[dict[str, Any]]

    def verdict(self, arm: str, other: str) -> str:
        return verdict(self.gains[arm, other])


def verdict(gain: Mean) -> str:
    """Beyond the 95 % interval of the difference, or not."""
    if abs(gain.value) <= gain.half_width:
        return NOTHING
    return HELPED if gain.value > 0 else HURT


def outcome(
    amount: int,
    trial: Callable[[str, int, int], Trial],
    generators: int,
    seeds: int,
    synthetic: Sequence[dict[str, Any]],
) -> Outcome:
    """trial: by arm, generator (0 where an arm has none) and seed."""
    tables = {}
    for arm in ARMS:
        rows = range(generators if arm in WITH_SYNTHETIC else 1)
        found = [[trial(arm, generator, seed) for seed in range(seeds)] for generator in rows]
        tables[arm] = np.array([[100 * one.right / one.n for one in row] for row in found])
    accuracy = {arm: crossed.mean(table) for arm, table in tables.items()}
    gains = {(arm, other): crossed.mean(tables[arm] - tables[other]) for arm, other in COMPARED}
    return Outcome(amount, accuracy, gains, synthetic)


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The table, and a sentence or two for each amount."""
    widest = max(map(len, ARMS))
    for one in outcomes:
        yield f"{one.amount} real pictures of each class"
        for arm in ARMS:
            yield f"  {arm:<{widest}}  {one.accuracy[arm].value:5.1f} ± {one.accuracy[arm].error:.1f} %"
        for sentence in sentences(one):
            yield f"  {sentence}"


def sentences(one: Outcome) -> list[str]:
    return [
        f"synthetic pictures {one.verdict(SYNTHETIC, REAL)}: {said(one.gains[SYNTHETIC, REAL])} against real ones",
        f"in place of as many crops they {_instead(one.verdict(SYNTHETIC, CLASSICAL))}: "
        f"{said(one.gains[SYNTHETIC, CLASSICAL])}",
        f"on top of the crops they {one.verdict(BOTH, CLASSICAL)}: {said(one.gains[BOTH, CLASSICAL])}",
        f"the crops themselves {one.verdict(CLASSICAL, REAL)}: {said(one.gains[CLASSICAL, REAL])} against real ones",
    ]


def _instead(word: str) -> str:
    return {HELPED: "are better", HURT: "are worse", NOTHING: "make no difference that could be measured"}[word]


def said(gain: Mean) -> str:
    """`+1.2 ± 0.4 points (95 %: +0.1 to +2.3)`"""
    low, high = gain.interval
    return f"{gain.value:+.1f} ± {gain.error:.1f} points (95 %: {low:+.1f} to {high:+.1f})"


def written(one: Outcome) -> dict[str, Any]:
    """For proof.json."""

    def figures(mean: Mean) -> dict[str, Any]:
        return {"value": mean.value, "error": mean.error, "freedom": mean.freedom, "interval": list(mean.interval)}

    return {
        "of_each_class": one.amount,
        "accuracy_percent": {arm: figures(mean) for arm, mean in one.accuracy.items()},
        "gains_points": [
            {"arm": arm, "against": other, **figures(mean), "verdict": verdict(mean)}
            for (arm, other), mean in one.gains.items()
        ],
        "synthetic": list(one.synthetic),
        "said": sentences(one),
    }
