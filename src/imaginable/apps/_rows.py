"""A row of a table of measurements: a figure with its name, error and n, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from imaginable.metrics.score import Score, Undefined

Better = Literal["lower", "higher", "near one", "neither"]


@dataclass(frozen=True)
class Row:
    """better: which way is good. of: what n counts. why: there is no figure, and this is the reason.
    said: it is no figure, and this is what it is."""

    key: str
    name: str
    better: Better
    unit: str = ""
    score: Score | None = None
    why: str = ""
    of: str = ""
    said: str = ""

    @property
    def text(self) -> str:
        """`2.95 ± 0.08 (n = 5,000)`, or `none: ...`."""
        if self.score is None:
            return self.short if self.said else f"none: {self.why}"
        return f"{self.short} (n = {self.score.n:,}{f' {self.of}' if self.of else ''})"

    @property
    def short(self) -> str:
        """The same without n or reason."""
        if self.score is None:
            return self.said or "none"
        value, error, _, interval = self.score
        unit = f" {self.unit}" if self.unit else ""
        if interval is not None:
            low, high = interval
            if not math.isfinite(value):
                return f"at least {number(low, low)}{unit} (95 %)"
            stated, lower, upper = (number(one, (high - low) / 4) for one in (value, low, high))
            return f"{stated}{unit}, 95 %: {lower} to {upper}"
        spread = f" ± {number(error, error)}" if error > 0 and math.isfinite(error) else ""
        return f"{number(value, error)}{spread}{unit}"

    def written(self) -> dict[str, Any]:
        """For evaluation.json."""
        if self.said:
            return {"name": self.name, "said": self.said}
        if self.score is None:
            return {"name": self.name, "none": self.why}
        found = {"name": self.name, **self.score._asdict(), "unit": self.unit, "better": self.better}
        return {name: writable(value) for name, value in found.items() if value is not None}


def writable(value: Any) -> Any:
    """As JSON can say it, which has no infinity and no NaN: None takes their place."""
    if isinstance(value, dict):
        return {name: writable(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [writable(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float, error: float) -> str:
    """As many digits as its error leaves: two of the error's."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "none"
    if error == 0 and value == int(value):  # a count
        return f"{int(value):,}"
    size = error if math.isfinite(error) and error > 0 else abs(value) / 100
    digits = 2 if size <= 0 else max(0, 1 - math.floor(math.log10(size)))
    return f"{value:z,.{min(digits, 10)}f}"  # z: no minus before what rounds to 0


@dataclass(frozen=True)
class Figure:
    """What a row will hold, before it is measured."""

    key: str
    name: str
    better: Better
    unit: str = ""
    of: str = ""

    def row(self, score: Score) -> Row:
        return Row(self.key, self.name, self.better, self.unit, score, of=self.of)

    def none(self, why: str) -> Row:
        return Row(self.key, self.name, self.better, self.unit, why=why, of=self.of)

    def exactly(self, value: float) -> Row:
        """A count, which has no error."""
        return self.row(Score(value, 0.0, 1))

    def fact(self, said: str) -> Row:
        return Row(self.key, self.name, self.better, said=said)


def rows(figures: Sequence[Figure], compute: Callable[[], Sequence[Score]]) -> list[Row]:
    """Figures that are computed together; all without one where they are not defined."""
    try:
        return [figure.row(score) for figure, score in zip(figures, compute(), strict=True)]
    except Undefined as reason:
        return [figure.none(str(reason)) for figure in figures]


def row(figure: Figure, compute: Callable[[], Score]) -> Row:
    return rows([figure], lambda: [compute()])[0]


def table(found: Sequence[Row]) -> list[str]:
    """Lines for a terminal."""
    widest = max(len(one.name) for one in found)
    return [f"  {one.name:<{widest}}  {one.text}" for one in found]
