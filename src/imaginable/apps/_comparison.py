"""A comparison of models as lines for a terminal, as a page, and as figures."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from imaginable.apps import _page, _pictured, _priors
from imaginable.apps._measure import Measured
from imaginable.apps._reference import Reference
from imaginable.apps._rows import Row
from imaginable.apps._stability import History
from imaginable.apps._verdicts import verdict, winner
from imaginable.methods import names, summary

Side = Mapping[str, Row]
"""one figure of every model, by the models' names"""


@dataclass(frozen=True)
class Section:
    title: str
    sides: Sequence[Side]


@dataclass(frozen=True)
class Comparison:
    """models and histories by name, and what was found."""

    models: Mapping[str, Measured]
    histories: Mapping[str, History]
    sections: list[Section]

    @property
    def reference(self) -> Reference:
        return next(iter(self.models.values())).reference

    def side(self, key: str) -> Side:
        """Raises KeyError for a figure that was not measured."""
        for section in self.sections:
            for side in section.sides:
                if _of(side).key == key:
                    return side
        raise KeyError(key)


def _of(side: Side) -> Row:
    """Any of them: for what they share."""
    return next(iter(side.values()))


def _short(row: Row, common: int) -> str:
    """n only where it is not everybody's."""
    counted = row.score is not None and row.score.error != 0 and row.score.n != common
    return row.text if counted else row.short


# ---- the terminal


def lines(comparison: Comparison) -> Iterator[str]:
    common = len(comparison.reference.items)
    for section in comparison.sections:
        yield section.title
        for side in section.sides:
            yield f"  {_of(side).name}"
            widest = max(map(len, side))
            for name, row in side.items():
                yield f"    {name:<{widest}}  {_short(row, common)}"
            said = verdict(side)
            if said:
                yield f"    {said}"
    yield f"n = {common:,} unless said otherwise; ± is the standard error"
    yield "To compare with, against as many training items:"
    yield from comparison.reference.frame_lines()
    yield tally(comparison)


def tally(comparison: Comparison) -> str:
    """How often each model wins beyond the error."""
    sides = [side for section in comparison.sections for side in section.sides]
    won = {name: [_of(side).name for side in sides if winner(side) == name] for name in comparison.models}
    return "; ".join(f"{name} wins {len(rows)}" for name, rows in won.items()) + (
        f"; of {sum(_of(side).better != 'neither' for side in sides)} figures, the rest within the error or not shared"
    )


# ---- the page


def page(comparison: Comparison) -> str:
    """One file, no network."""
    reference = comparison.reference
    title = " against ".join(comparison.models)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        *(f"<p><b>{html.escape(name)}</b>: {html.escape(_method(one))}</p>" for name, one in comparison.models.items()),
        f"<p>Measured on {html.escape(reference.items.said)}, by {html.escape(reference.extractor.said)}. n = "
        f"{len(reference.items):,} samples and items unless said otherwise; ± is the standard error, and a model wins "
        f"where the difference exceeds two of them.</p>",
        f"<p><b>{html.escape(tally(comparison))}.</b></p>",
        "<h2>Samples</h2>",
        '<div class="side">',
        *(_pictured.samples(one, f"{name}: synthetic") for name, one in comparison.models.items()),
        _pictured.real(reference),
        "</div>",
        *(_table(section, comparison) for section in comparison.sections),
        "<h2>To compare the distances with</h2>",
        _pictured.frame(reference),
        "<h2>Plots</h2>",
        _pictured.spectra(reference, {name: one.drawn.samples for name, one in comparison.models.items() if one.draws}),
        _through_time(comparison),
        *(_beside(name, one) for name, one in comparison.models.items()),
        f"<p>All pictures but the real ones are synthetic, made by the models named, seed {reference.seed}.</p>",
    ]
    return _page.page(title, [f"<article>{''.join(parts)}</article>"])


def _method(measured: Measured) -> str:
    name = measured.model.name
    said = summary(name) if name in names() else str(type(measured.model.method).__doc__)
    return f"{said} Samples are drawn from {_priors.describe(measured.model)}." if measured.model.fitted else said


def _table(section: Section, comparison: Comparison) -> str:
    common = len(comparison.reference.items)
    rows = []
    for side in section.sides:
        won = winner(side)
        cells = [_bold(_cell(row, common), name == won) for name, row in side.items()]
        rows.append([html.escape(_of(side).name), *cells, html.escape(verdict(side))])
    head = ["", *map(html.escape, comparison.models), "who wins"]
    return f"<h2>{section.title}</h2>{_page.table(head, rows, 'aligned')}"


def _cell(row: Row, common: int) -> str:
    said = html.escape(_short(row, common))
    return f'<span title="{html.escape(row.why)}">{said}</span>' if row.why else said


def _bold(cell: str, wins: bool) -> str:
    return f"<b>{cell}</b>" if wins else cell


def _through_time(comparison: Comparison) -> str:
    """The quality of every snapshot's samples."""
    known = {name: history.quality for name, history in comparison.histories.items() if len(history.quality) > 1}
    if not known:
        return ""
    drawn = Figure(figsize=(6.4, 3.2), layout="constrained")
    axis = drawn.add_subplot()
    for name, quality in known.items():
        seen = [at for at, _ in quality]
        values, errors = ([getattr(score, what) for _, score in quality] for what in ("value", "error"))
        axis.errorbar(seen, values, errors, label=name, linewidth=1.5, capsize=2, marker=".")
    axis.axhline(0, color="black", linewidth=0.8)
    noise = max(1e-9, *(quality[-1][1].error for quality in known.values()))
    axis.set_yscale("symlog", linthresh=noise)  # what is within the error of 0 is drawn in proportion
    axis.set_ylim(bottom=-2 * noise)
    axis.set_xlabel("images seen", fontsize=9)
    axis.set_title(f"{comparison.reference.distance_figures[1].name} of the samples of each snapshot", fontsize=10)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=8, frameon=False)
    return _page.plot(drawn)


def _beside(name: str, measured: Measured) -> str:
    shown = _pictured.beside_training(measured)
    return f"<h2>{html.escape(name)}: does it copy?</h2>{shown}" if shown else ""


# ---- the figures


def written(comparison: Comparison) -> dict[str, Any]:
    """For comparison.json."""
    reference = comparison.reference
    return {
        "on": {"data": reference.items.said, "n": len(reference.items), "seed": reference.seed},
        "features": {"name": reference.extractor.name, "said": reference.extractor.said},
        "sections": {
            section.title: {
                _of(side).key: {
                    "models": {name: row.written() for name, row in side.items()},
                    "verdict": verdict(side),
                }
                for side in section.sides
            }
            for section in comparison.sections
        },
        "frame": {name: {row.key: row.written() for row in rows} for name, rows in reference.frame.items()},
    }
