"""Drawing pictures of a class until enough of them pass the filter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from imaginable.apps._filter import Filter
from imaginable.apps._makers import BLOCK, Asked, Maker

EXAMPLES = 8
"""refused pictures that are shown, of every class and reason"""


@dataclass(frozen=True)
class Kept:
    """A picture that passed, uint8 (h, w, c). number: which draw of its class and seed it was, from 0.
    probability, features, distance, nearest: as in `Judged`."""

    pixels: np.ndarray
    number: int
    probability: float
    features: float
    distance: float
    nearest: str


@dataclass
class Harvest:
    """Of one class. refused: how many for which reason, among the first `drawn`. examples: some of those."""

    name: str
    kept: list[Kept] = field(default_factory=list)
    drawn: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))

    def take(self, number: int, pixels: np.ndarray, reason: str, figures: Kept) -> bool:
        """Counts one draw; whether it is kept."""
        self.drawn = number + 1
        if not reason:
            self.kept.append(figures)
            return True
        self.refused[reason] += 1
        if len(self.examples[reason]) < EXAMPLES:
            self.examples[reason].append(pixels)
        return False


def fill(harvest: Harvest, maker: Maker, rule: Filter, asked: Asked, keep: Callable[[Kept], None]) -> None:
    """Draws until there are as many as asked for; `keep` gets each that passes, at once."""
    label = maker.classes.index(harvest.name)
    for block in range(-(-asked.most_draws // BLOCK)):
        arrays = maker.draw(harvest.name, block, asked)
        judged = rule.judge(arrays, label)
        for at, pixels in enumerate(arrays):
            number = block * BLOCK + at
            if len(harvest.kept) >= asked.per_class or number >= asked.most_draws:
                return
            figures = Kept(
                pixels,
                number,
                float(judged.probability[at]),
                float(judged.features[at]),
                float(judged.distance[at]),
                judged.nearest[at],
            )
            if harvest.take(number, pixels, judged.reason[at], figures):
                keep(figures)
