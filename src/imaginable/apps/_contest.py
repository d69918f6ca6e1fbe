"""Several makers of the same pictures, measured alike: a model, what anybody could do without it, other models."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from imaginable.apps import _page
from imaginable.apps._features import Kind
from imaginable.apps._pictures import Say
from imaginable.apps._rows import Figure, Row, number
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.metrics.estimate import Estimate
from imaginable.metrics.score import Undefined
from imaginable.model import Model

COLUMNS = 8
"""pictures to a row of a sheet"""
GOOD: Mapping[str, str] = {"lower": "low", "higher": "high", "near one": "near 1", "neither": ""}
ERRORS = "± is the standard error over n items; of a difference that of the items' own differences."


@dataclass(frozen=True)
class Asked:
    """What is to be measured of a run, on what: as the flags of `evaluate` say it."""

    run: Path
    data: str
    beside: Sequence[Path] = ()
    n: int = 5000
    features: Kind = "auto"
    inception: Path | None = None
    everything: bool = False
    masks: str | None = None
    side_by_side: bool = False
    seed: int = 0
    say: Say = print

    def refuse(self, why: str, **flags: bool) -> None:
        """Raises UserError for the first of these flags that was given."""
        for name, given in flags.items():
            if given:
                raise UserError(f"--{name.replace('_', '-')}: {why}; leave it out")


@dataclass(frozen=True)
class Entry:
    """A figure of one maker, or why there is none."""

    figure: Figure
    estimate: Estimate | None = None
    why: str = ""

    @property
    def row(self) -> Row:
        return self.figure.none(self.why) if self.estimate is None else self.figure.row(self.estimate.score)

    def less(self, other: Entry) -> Entry:
        """The difference to another maker's; of figures that are good near one, of their distances from it."""
        if self.estimate is None or other.estimate is None:
            return replace(self, estimate=None, why=self.why or other.why)
        mine, its = self.estimate, other.estimate
        if self.figure.better == "near one":
            mine, its = mine.from_one(), its.from_one()
        return replace(self, estimate=mine.minus(its))

    @property
    def signed(self) -> str:
        """Of a difference: `-0.112 ± 0.004 better`; which it is only where it exceeds two standard errors."""
        if self.estimate is None:
            return "none"
        value, error, _, _ = self.estimate.score
        spread = f" ± {number(error, error)}" if 0 < error < math.inf else ""
        unit = f" {self.figure.unit}" if self.figure.unit else ""
        text = f"{'+' if value > 0 else ''}{number(value, error)}{spread}{unit}"
        if abs(value) <= 2 * error or value == 0 or self.figure.better == "neither":
            return text
        return f"{text} {'better' if (value > 0) == (self.figure.better == 'higher') else 'worse'}"


def entry(figure: Figure, compute: Callable[[], Estimate]) -> Entry:
    try:
        return Entry(figure, compute())
    except Undefined as reason:
        return Entry(figure, why=str(reason))


@dataclass(frozen=True)
class Contest:
    """makers: the figures of each by their keys, the same keys for all but a few. main: the maker that this is about.

    conventions: how figures are counted. remarks: what follows from them. sheet: pictures of what goes in, of every
    maker and of what is wanted, each kind uint8 (n, h, w, c), by the names of the kinds.
    """

    title: str
    makers: Mapping[str, Mapping[str, Entry]]
    main: str
    conventions: Sequence[str] = ()
    remarks: Sequence[str] = ()
    sheet: Mapping[str, np.ndarray] = field(default_factory=dict)
    columns: int = COLUMNS

    @property
    def figures(self) -> dict[str, Figure]:
        return {key: found.figure for entries in self.makers.values() for key, found in entries.items()}

    @property
    def differences(self) -> dict[str, dict[str, Entry]]:
        """The main maker's figures less those of each other."""
        mine = self.makers[self.main]
        return {
            name: {key: mine[key].less(its[key]) for key in mine if key in its and mine[key].figure.better != "neither"}
            for name, its in self.makers.items()
            if name != self.main
        }

    def table(self) -> list[list[str]]:
        """Cells, with a line of heads: a figure to a line, a maker to a column, and how many items."""
        lines = [["", *self.makers, "n", "good is"]]
        for key, figure in self.figures.items():
            found = [entries.get(key) for entries in self.makers.values()]
            counts = [one.row.score.n for one in found if one is not None and one.row.score is not None]
            cells = ["" if one is None else one.row.short for one in found]
            lines.append([figure.name, *cells, f"{counts[0]:,}" if counts else "", GOOD[figure.better]])
        return lines

    def table_of_differences(self) -> list[list[str]]:
        others = self.differences
        lines = [[f"{self.main} less", *others]]
        for key in dict.fromkeys(key for entries in others.values() for key in entries):
            cells = [entries[key].signed if key in entries else "" for entries in others.values()]
            lines.append([self.figures[key].name, *cells])
        return lines

    def reasons(self) -> list[str]:
        """Why figures are none, each once."""
        entries = [one for of_maker in self.makers.values() for one in of_maker.values() if one.why]
        return list(dict.fromkeys(f"{one.figure.name} is none: {one.why}" for one in entries))

    def lines(self) -> list[str]:
        """For a terminal."""
        said = [f"{self.title}:", *aligned(self.table()), *(f"  {one}" for one in self.reasons())]
        if len(self.makers) > 1:
            said += ["", *aligned(self.table_of_differences())]
        return [*said, *(f"  {one}" for one in (ERRORS, *self.conventions, *self.remarks))]

    def written(self) -> dict[str, Any]:
        """For evaluation.json."""
        return {
            "title": self.title,
            "main": self.main,
            "makers": _written(self.makers),
            "differences": _written(self.differences),
            "conventions": list(self.conventions),
            "remarks": list(self.remarks),
        }

    def article(self) -> str:
        """For a page."""
        parts = [f"<h2>{html.escape(self.title)}</h2>", as_html(self.table())]
        parts += [f"<p>{html.escape(one)}</p>" for one in (*self.reasons(), *self.remarks)]
        if len(self.makers) > 1:
            parts.append(as_html(self.table_of_differences()))
        parts += [f"<p>{html.escape(one)}</p>" for one in (ERRORS, *self.conventions)]
        return "".join([*parts, self._pictured()])

    def _pictured(self) -> str:
        if not self.sheet:
            return ""
        caption = f"From top to bottom: {', '.join(self.sheet)}. What makers made is synthetic."
        kinds = list(self.sheet.values())
        channels = max(kind.shape[-1] for kind in kinds)
        stacked = images.stacked([np.repeat(kind, channels // kind.shape[-1], axis=-1) for kind in kinds], self.columns)
        return _page.picture(stacked, caption, scale=2.0 if kinds[0].shape[2] <= _page.TINY else 1.0)


def bytes_of(x: Tensor, model: Model | None) -> np.ndarray:
    """What was made, as files would hold it. Raises UserError where it is no numbers: a byte has no NaN."""
    if model is not None and not bool(x.isfinite().all()):
        raise UserError(f"{model.origin()}: what the model makes is no numbers, so nothing can be measured of it")
    return images.to_uint8(x)


def _written(of: Mapping[str, Mapping[str, Entry]]) -> dict[str, Any]:
    return {name: {key: one.row.written() for key, one in entries.items()} for name, entries in of.items()}


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells as columns, for a terminal."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = [[f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)] for line in lines]
    return [f"  {'  '.join(line)}".rstrip() for line in padded]


def as_html(lines: Sequence[Sequence[str]]) -> str:
    """The same as a table of a page; the first line is its head."""
    head, *rows = [[html.escape(cell) for cell in line] for line in lines]
    return _page.table(head, rows)
