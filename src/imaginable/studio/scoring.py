"""A run whose model does nothing but say how unlike its data a picture is, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from imaginable.model import Model
from imaginable.studio.served import Stamp, name_in_words, said


@dataclass(frozen=True)
class Scoring:
    """A run in memory. stamp: of its files when they were read."""

    does: ClassVar = "says how unlike its data a picture is"

    id: str
    folder: Path
    model: Model
    stamp: Stamp

    def about(self) -> dict[str, Any]:
        """What the page is told of it."""
        channels, size, _ = self.model.trained.spec.shape
        return {
            "id": self.id,
            "name": name_in_words(self.folder, self.id),
            "method": self.model.name,
            "task": "score",
            "scores": True,
            "size": size,
            "channels": channels,
            "about": said(self.model),
            "gone": False,
            "stale": "",
        }
