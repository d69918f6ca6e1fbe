"""How well defects are told from good pictures: by every score of a model, and by what anybody could do without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imaginable.apps import _scorers
from imaginable.apps._contest import Entry, aligned
from imaginable.apps._defects import Labelled
from imaginable.apps._detector import Detector
from imaginable.apps._pictures import Say
from imaginable.apps._progress import Counter
from imaginable.apps._rows import Figure, Row, row
from imaginable.apps._scorers import Scorer, Seen
from imaginable.apps._simple_scorers import simple_scorers
from imaginable.metrics import detection
from imaginable.metrics.estimate import Estimate
from imaginable.metrics.score import Score, Undefined

AREA = Figure("auroc", "AUROC", "higher")
PRECISION = Figure("aupr", "AUPR", "higher")
PIXELS = Figure("pixel_auroc", "pixel AUROC", "higher")
POINTING = Figure("pointing", "pointing game", "higher")


@dataclass(frozen=True)
class Told:
    """What one score comes to. seen: of the items, in their order. kinds: AUROC of each kind of defect against all good
    pictures. alarms: share of good pictures that are called anomalous, of a score that is calibrated."""

    name: str
    said: str
    seen: Seen
    area: Estimate
    rows: Mapping[str, Row]
    kinds: Mapping[str, Score]
    alarms: float | None = None

    def less(self, other: Told) -> Entry:
        """The difference of the areas; the same pictures decide both."""
        return Entry(AREA, self.area).less(Entry(AREA, other.area))


@dataclass(frozen=True)
class Verdicts:
    """default: the score that the model uses. simple: names of those that need no model. promised: between which shares
    of alarms 95 % of calibrations and good test sets of these sizes lie, at `rate`; or why there is no threshold."""

    items: Labelled
    told: Mapping[str, Told]
    default: str
    simple: tuple[str, ...]
    rate: float
    promised: tuple[float, float] | str

    @property
    def lines(self) -> list[str]:
        """For a terminal."""
        return [
            *aligned(self.table()),
            "",
            "AUROC by kind of defect, against all good pictures:",
            *aligned(self.by_kind()),
            "",
            self.alarms,
            *self.differences,
        ]

    @property
    def alarms(self) -> str:
        """What was promised of false alarms, and what came."""
        if isinstance(self.promised, str):
            return f"false alarms: not counted, {self.promised}"
        low, high = self.promised
        found = self.told[self.default].alarms
        assert found is not None, "the default is a score of the model, and calibrated"
        return (
            f"false alarms of {self.default} at a promised rate of {self.rate:.1%}: {found:.1%} of "
            f"{self.items.is_good.sum():,} good pictures (95 %: {low:.1%} to {high:.1%})"
        )

    def table(self) -> list[list[str]]:
        """A score to a line, a figure to a column, heads first."""
        figures = list(self.told[self.default].rows)
        heads = {"auroc": "AUROC", "aupr": "AUPR", "pixel_auroc": "pixel AUROC", "pointing": "pointing game"}
        lines = [["score", *(heads[figure] for figure in figures), f"alarms at {self.rate:.0%}"]]
        for name, one in self.told.items():
            cells = [one.rows[figure].short for figure in figures]
            mark = f"{name} *" if name == self.default else name
            lines.append([mark, *cells, "" if one.alarms is None else f"{one.alarms:.1%}"])
        return lines

    def by_kind(self) -> list[list[str]]:
        kinds = list(self.told[self.default].kinds)
        lines = [["score", *(f"{kind} ({int(self.items.kinds[kind].sum())})" for kind in kinds)]]
        for name, one in self.told.items():
            lines.append([name, *(f"{one.kinds[kind].value:.3f} ± {one.kinds[kind].error:.3f}" for kind in kinds)])
        return lines

    @property
    def differences(self) -> list[str]:
        """Of the default to each simple score."""
        mine = self.told[self.default]
        return [f"AUROC of {self.default} less {name}: {mine.less(self.told[name]).signed}" for name in self.simple]

    def written(self) -> dict[str, Any]:
        """For evaluation.json."""
        return {
            "data": self.items.said,
            "default": self.default,
            "rate": self.rate,
            "promised_alarms": None if isinstance(self.promised, str) else list(self.promised),
            "scores": {
                name: {key: figure.written() for key, figure in one.rows.items()}
                | {"said": one.said, "alarms": one.alarms}
                | {"kinds": {kind: score._asdict() for kind, score in one.kinds.items()}}
                for name, one in self.told.items()
            },
            "differences": {name: self.told[self.default].less(self.told[name]).row.written() for name in self.simple},
        }


def verdicts(
    items: Labelled, detector: Detector, rate: float, say: Say, beside: Sequence[Scorer] | None = None
) -> Verdicts:
    """Looks at all pictures with all scores. beside: those that need no model, by default all there are."""
    simple = {one.name: one for one in (simple_scorers(items.own) if beside is None else beside)}
    # without truth only those are looked at that the page shows
    mapped = {*detector.names, *simple} if items.truth else {detector.shown_by(detector.default)}
    parts: dict[str, list[Seen]] = {name: [] for name in (*detector.names, *simple)}
    with Counter(len(items.index), say) as counter:
        for number, block in enumerate(_scorers.blocks(items.index)):
            x = items.dataset.batch(block).x
            seen = detector.look(x, detector.names)
            with torch.no_grad():
                seen |= {name: one.look(x) for name, one in simple.items()}
            for name, one in seen.items():
                parts[name].append(one if name in mapped else Seen(one.score))
            counter.show(number * len(block) + len(block))
    promised = _promised(detector, int(items.is_good.sum()), rate)
    told = {}
    for name, found in parts.items():
        said = simple[name].said if name in simple else detector.standards[name].said
        unset = name in simple or isinstance(promised, str)
        threshold = None if unset else detector.standards[name].threshold(rate)
        told[name] = _told(name, said, _scorers.joined(found), items, threshold)
    return Verdicts(items, told, detector.default, tuple(simple), rate, promised)


def _promised(detector: Detector, good: int, rate: float) -> tuple[float, float] | str:
    calibrated = len(detector.standards[detector.default].calibration)
    try:
        return detection.false_alarm_interval(calibrated, good, rate)
    except Undefined:
        return (
            f"{calibrated} good pictures {detector.said} are too few to promise {rate:.0%}: "
            "bring more with --calibrate FOLDER"
        )


def _told(name: str, said: str, seen: Seen, items: Labelled, threshold: float | None) -> Told:
    scores = seen.score.double().numpy()
    good, bad = scores[items.is_good], scores[~items.is_good]
    area = detection.auroc(good, bad)
    kinds = {kind: detection.auroc(good, scores[which]).score for kind, which in items.kinds.items()}
    rows = {
        AREA.key: AREA.row(detection.bounded(area, len(good), len(bad))),
        PRECISION.key: PRECISION.row(detection.average_precision(good, bad)),
        **_where(seen, items),
    }
    alarms = None if threshold is None else float((good > threshold).mean())
    return Told(name, said, seen, area, rows, kinds, alarms)


def _where(seen: Seen, items: Labelled) -> dict[str, Row]:
    """How well maps show where, where that is known."""
    if items.truth is None:
        return {}
    if seen.map is None:
        return {figure.key: figure.none("it has no map") for figure in (PIXELS, POINTING)}
    # what is not known of a defective picture is no evidence either way
    counts = items.truth.known | items.is_good
    maps, truth = seen.map.numpy()[counts], items.truth.where[counts]
    return {
        PIXELS.key: row(PIXELS, lambda: detection.pixel_auroc(maps, truth).score),
        POINTING.key: row(POINTING, lambda: detection.pointing_game(maps, truth)),
    }
