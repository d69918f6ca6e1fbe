"""A run whose model does nothing but say how unlike its data a picture is, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from imaginable.model import Model
from imaginable.studio.served import Stamp, introduced


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
        return introduced(self.id, self.folder, self.model) | {"task": "score"}
