"""A run's folder: names of its files, the log, what is written when."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imaginable.core import files
from imaginable.core.errors import UserError

_NO_TERMS = ("seen", "step", "seconds", "health", "vitals")


def terms(line: dict[str, Any]) -> dict[str, float]:
    """The losses' terms in a line of the log."""
    return {name: value for name, value in line.items() if name not in _NO_TERMS}


class Run:
    """runs/NAME and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.job = self.folder / "job.yaml"
        self.manifest = self.folder / "manifest.json"
        self.log = self.folder / "log.jsonl"
        self.samples = self.folder / "samples"
        self.checkpoint = self.folder / "checkpoint.pt"
        self.sound = self.folder / "sound.pt"
        self.model = self.folder / "model"
        self.best = self.folder / "best"
        self.report = self.folder / "report.html"

    def create(self, job: str, manifest: dict[str, Any]) -> None:
        """Begins a new run. Raises UserError when the folder holds one already."""
        self.refuse_existing()
        files.write_text(self.job, job)  # first: a folder with a job.yaml is a run, however early it was killed
        self.record(manifest)

    def record(self, manifest: dict[str, Any]) -> None:
        """Writes what went into the run, if it is not written yet."""
        if not self.manifest.exists():
            files.write_text(self.manifest, json.dumps(manifest, indent=1, ensure_ascii=False, default=str))

    def refuse_existing(self) -> None:
        if self.job.exists():
            raise UserError(
                f"{self.folder}: a run is there already; choose another name with --run, "
                f"or go on with it: imaginable resume {self.folder}"
            )
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise UserError(f"{self.folder}: the folder is not empty and holds no run; choose another with --run")

    def require(self) -> None:
        """Raises UserError when there is no run here."""
        if not self.job.exists():
            raise UserError(f"{self.folder}: no run here (a run is a folder with a job.yaml)")

    def append(self, line: dict[str, Any]) -> None:
        with files.explained(self.log), self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + os.linesep)

    def lines(self) -> list[dict[str, Any]]:
        """The log so far; a line cut off by a kill is left out."""
        return list(self._readable()) if self.log.exists() else []

    def _readable(self) -> Iterator[dict[str, Any]]:
        for line in self.log.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue

    def rewind(self, seen: int) -> None:
        """Drops what the log says of images after `seen`, which will be seen again, and what a kill left."""
        for leftover in self.folder.rglob(".*.tmp*"):
            leftover.unlink()
        kept = [json.dumps(line) for line in self.lines() if line.get("seen", 0) <= seen or "health" in line]
        files.write_text(self.log, "".join(line + os.linesep for line in kept))

    def sheets(self, kind: str) -> list[Path]:
        """Snapshots of a kind (samples, reconstructions, translations, scores), oldest first."""
        return sorted(self.samples.glob(f"{kind}-*.png"))

    def shown(self) -> list[Path]:
        """Those of the kind that shows the method best."""
        return (
            self.sheets("samples")
            or self.sheets("reconstructions")
            or self.sheets("translations")
            or self.sheets("scores")
        )
