"""Pictures judged one block after the other: every score is kept, and of the highest also the picture and its heat."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from imaginable.apps._detector import Detector
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.metrics.score import Undefined


@dataclass(frozen=True)
class Judged:
    """One picture. p_value: the chance that a good picture scores as high. others: further scores."""

    name: str
    score: float
    p_value: float
    anomalous: bool
    others: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """A picture, uint8 (h, w, c) at the model's size, and its heat (h, w) in [0, 1], where there is any."""

    judged: Judged
    pixels: np.ndarray
    heat: np.ndarray | None


class Alarms:
    """name: the score they are raised by. rate: of good pictures that may be. shown: how many pictures are kept.
    Raises UserError for a rate that too few good pictures stand behind."""

    def __init__(self, detector: Detector, name: str, rate: float, every: bool = False, shown: int = 0) -> None:
        self.detector, self.name, self.rate = detector, name, rate
        self.threshold = _threshold(detector, name, rate)
        self.others = tuple(other for other in detector.names if other != name) if every else ()
        self.judged: list[Judged] = []
        self.unreadable: dict[str, str] = {}
        self._shown = shown
        self._highest: list[tuple[float, int, Kept]] = []

    def judge(self, pixels: np.ndarray, names: list[str]) -> list[Kept]:
        """Pictures uint8 (n, h, w, c) at the model's size; returns what was found of each."""
        where = self.detector.shown_by(self.name)
        seen = self.detector.look(images.to_float(pixels), {self.name, where, *self.others})
        heat = self.detector.heat(where, seen[where])
        standard, found = self.detector.standards[self.name], []
        for number, name in enumerate(names):
            score = float(seen[self.name].score[number].double())
            others = {other: float(seen[other].score[number]) for other in self.others}
            judged = Judged(name, score, standard.p_value(score), score > self.threshold, others)
            found.append(Kept(judged, pixels[number], None if heat is None else heat[number].numpy()))
            self.judged.append(judged)
            self._keep(found[-1])
        return found

    def _keep(self, one: Kept) -> None:
        entry = (one.judged.score, -len(self.judged), one)
        if len(self._highest) < self._shown:
            heapq.heappush(self._highest, entry)
        elif self._highest:
            heapq.heappushpop(self._highest, entry)

    @property
    def ranked(self) -> list[Judged]:
        """Highest first."""
        return sorted(self.judged, key=lambda one: -one.score)

    @property
    def kept(self) -> list[Kept]:
        """Those of the highest, highest first."""
        return [one for _, _, one in sorted(self._highest, key=lambda entry: entry[:2], reverse=True)]

    @cached_property
    def rule(self) -> str:
        n = len(self.detector.standards[self.name].calibration)
        return (
            f"anomalous: {self.name} above {self.threshold:.4g}, which at most {self.rate:.1%} of good pictures exceed "
            f"(set on {n:,} {self.detector.said})"
        )

    @property
    def conclusion(self) -> str:
        found = sum(one.anomalous for one in self.judged)
        left_out = f", {len(self.unreadable):,} could not be read" if self.unreadable else ""
        return (
            f"{found:,} of {len(self.judged):,} pictures are anomalous{left_out}; "
            f"if all were good, about {self.rate * len(self.judged):.0f} would be called so"
        )


def _threshold(detector: Detector, name: str, rate: float) -> float:
    """Raises UserError, with what would do, where too few good pictures stand behind it."""
    standard = detector.standards[name]
    try:
        return standard.threshold(rate)
    except Undefined as error:
        least = 1 / (len(standard.calibration) + 1)
        raise UserError(
            f"--rate {rate:g}: {len(standard.calibration)} good pictures {detector.said} set the threshold, and that "
            f"takes {math.ceil(1 / rate - 1e-9) - 1}\nbring more with --calibrate FOLDER, or allow more alarms: "
            f"--rate {math.ceil(1000 * least) / 1000:g}"
        ) from error
