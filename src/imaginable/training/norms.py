"""Norms of the gradients, phase by phase: what a step usually has, and whether one is out of all proportion."""

from __future__ import annotations

import statistics
from typing import Any

EXPLODED = 1000.0
"""times the usual norm. GANs have steps of 100 times, when a generator finds what its discriminator never saw"""
LEAST_USUAL = 1.0
"""what counts as usual at least: the gradients of a discriminator that tells all apart are next to nothing, and when it
errs for once they are a few dozen, as they were at the beginning"""
WINDOW = 50
"""steps whose median is taken; fewer say nothing of what is usual"""


class Norms:
    """last: of each player's last step. Usual of a phase is the highest median of WINDOW successive steps so far."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self._recent: dict[str, list[float]] = {}
        self._usual: dict[str, float] = {}

    def usual(self, phase: str) -> float | None:
        """None before there are enough steps."""
        known = self._usual.get(phase)
        return None if known is None else max(LEAST_USUAL, known)

    def add(self, phase: str, player: str, norm: float) -> None:
        self.last[player] = norm
        recent = self._recent.setdefault(phase, [])
        recent.append(norm)
        if len(recent) >= WINDOW:
            self._usual[phase] = max(self._usual.get(phase, 0.0), statistics.median(recent))
            recent.clear()

    def explodes(self, phase: str, norm: float) -> bool:
        usual = self.usual(phase)
        return usual is not None and norm > EXPLODED * usual

    def state_dict(self) -> dict[str, Any]:
        recent = {phase: list(norms) for phase, norms in self._recent.items()}
        return {"last": dict(self.last), "recent": recent, "usual": dict(self._usual)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last, self._usual = dict(state["last"]), dict(state["usual"])
        self._recent = {phase: list(norms) for phase, norms in state["recent"].items()}
