"""How steadily a run trained, read off what it left: its log, and the sheets of samples of its snapshots."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imaginable.apps._reference import Reference
from imaginable.apps._rows import Figure, Row
from imaginable.data import images
from imaginable.metrics.kernel import kernel_distance
from imaginable.metrics.score import Score
from imaginable.training import health
from imaginable.training.run import Run, terms

MOST_REAL = 1_000
"""held-out items that every snapshot is compared with"""

_ROLLED_BACK = "back to image"


@dataclass(frozen=True)
class History:
    """A run's past, measured like its end."""

    run: Run
    reference: Reference

    @cached_property
    def lines(self) -> list[dict[str, Any]]:
        return self.run.lines()

    @cached_property
    def quality(self) -> list[tuple[int, Score]]:
        """Images seen, and the kernel distance of that snapshot's samples: unbiased, so that a sheet is enough."""
        if not self.reference.items.are_pictures:
            return []
        height, width = self.reference.items.seen.shape[1:3]
        real, found = self.reference.features[:MOST_REAL], []
        if len(real) < 10:
            return []
        for path in self.run.sheets("samples"):
            pictures = images.cut(_read(path), height, width)
            distance = kernel_distance(self.reference.extractor.features(pictures), real)
            found.append((int(path.stem.rpartition("-")[2]), distance))
        return found

    def rows(self) -> list[Row]:
        name = self.reference.extractor.figure("KD")
        setback = Figure("setback", f"largest setback of {name} between snapshots", "lower", of="samples a snapshot")
        if not self.lines:
            why = "a model without its run has no history"
            figures = (setback, _LOSSES, _ROLLBACKS, _TIME, _SEEN)
            return [figure.none(why) for figure in figures]
        fell = largest_setback([score for _, score in self.quality])
        findings = health.history(self.lines)
        rows = [
            setback.row(fell) if fell else setback.none("it leaves fewer than two sheets of samples"),
            _LOSSES.fact(self._losses()),
            _ROLLBACKS.exactly(sum(_ROLLED_BACK in line.get("health", "") for line in self.lines)),
            _TIME.fact(duration(seconds_of(self.lines))),
            _SEEN.exactly(self.lines[-1]["seen"]),
        ]
        return [*rows, _DIAGNOSIS.fact(findings[-1][1].names or str(findings[-1][1]))] if findings else rows

    def _losses(self) -> str:
        """Every term's mean and deviation over the run's second half."""
        late = [line for line in self.lines if 2 * line["seen"] >= self.lines[-1]["seen"]]
        stated = []
        for name in terms(late[-1]):
            values = [line[name] for line in late if name in line]
            spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
            stated.append(f"{name} {statistics.mean(values):.4g}{spread}")
        return ", ".join(stated)


_LOSSES = Figure("losses", "losses over the second half, mean ± deviation", "neither")
_ROLLBACKS = Figure("rollbacks", "roll-backs while training", "lower")
_TIME = Figure("training_time", "training time", "neither")
_SEEN = Figure("images_seen", "images seen", "neither")
_DIAGNOSIS = Figure("diagnosis", "diagnosis at the end", "neither")


def largest_setback(quality: Sequence[Score]) -> Score | None:
    """The most by which a distance ever rose above the lowest before it; 0 where it only fell.

    Being a largest one, it is not 0 for noise alone: about three of its errors over twenty equal snapshots.
    """
    if len(quality) < 2:
        return None
    worst, best = Score(0.0, 0.0, quality[0].n), quality[0]
    for score in quality[1:]:
        rise = score.value - best.value
        if rise > worst.value:
            worst = Score(rise, math.hypot(score.error, best.error), score.n)
        best = min(best, score, key=lambda one: one.value)
    return worst if worst.value else worst._replace(error=quality[-1].error)


def spread_over_seeds(distances: Sequence[Row | None]) -> str:
    """Of a distance over several runs of one method."""
    values = [row.score.value for row in distances if row is not None and row.score is not None]
    if len(values) < 2:
        return "one run only"
    return f"{statistics.mean(values):.4g} ± {statistics.stdev(values):.2g} (deviation over {len(values)} runs)"


def seconds_of(lines: Sequence[dict[str, Any]]) -> float:
    """Training time over all sessions: the log's clock begins anew with each."""
    total, last = 0.0, 0.0
    for line in lines:
        now = float(line.get("seconds", last))
        if now < last:
            total += last
        last = now
    return total + last


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _read(path: Path) -> np.ndarray:
    array = np.asarray(Image.open(path))
    return array[..., None] if array.ndim == 2 else array
