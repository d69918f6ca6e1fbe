"""Designs that a person kept: RUN/studio/ID.json beside its picture ID.png. They are there again after a restart."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imaginable.apps import _design
from imaginable.apps._json import Reader
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.studio import wire
from imaginable.studio.pictures import told
from imaginable.studio.runs import Runs
from imaginable.studio.wire import Wanted

FORMAT = 1
MOST = 500
"""of a run; as many as nobody would look through"""


@dataclass(frozen=True)
class Snapshots:
    """Those of all runs that are served. Files are found by listing folders, never by a path from the page."""

    runs: Runs

    def listed(self) -> list[dict[str, Any]]:
        """Oldest first; files that make no sense are left out."""
        found = []
        for id, path in self._files().items():
            try:
                found.append(self._read(id, path))
            except UserError:
                continue
        return sorted(found, key=lambda one: (one["created"], one["id"]))

    def keep(self, name: str, wanted: Wanted) -> dict[str, Any]:
        served = self.runs.get(wanted.run)
        folder = served.folder / "studio"
        if len(list(folder.glob("*.json"))) >= MOST:
            raise UserError(f"{served.folder.name} has {MOST} snapshots already; remove some")
        recipe = _design.recipe(served.model, served.whole(wanted.design), served.book)
        picture = _design.png(served.model, served.whole(wanted.design), served.book)
        stem = f"{files.plain(name.lower())[:30]}-{secrets.token_hex(4)}"
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        content = {"format": FORMAT, "name": name, "created": created, "recipe": recipe}
        files.write_bytes(folder / f"{stem}.png", picture)  # first: no snapshot is ever listed without its picture
        files.write_text(folder / f"{stem}.json", json.dumps(content, ensure_ascii=False) + "\n")
        return self._read(f"{served.id}.{stem}", folder / f"{stem}.json")

    def remove(self, id: str) -> None:
        path = self._path(id)
        path.unlink(missing_ok=True)
        path.with_suffix(".png").unlink(missing_ok=True)

    def picture(self, id: str) -> bytes:
        path = self._path(id).with_suffix(".png")
        if not _is_plain(path):
            raise UserError(f"snapshot {id}: its picture is gone")
        return path.read_bytes()

    def _path(self, id: str) -> Path:
        path = self._files().get(id)
        if path is None:
            raise UserError(f"snapshot {id[:80]!r}: there is none of that name")
        return path

    def _files(self) -> dict[str, Path]:
        """Plain files alone: a link would lead out of the run's folder."""
        found = {}
        for id, folder in self.runs.folders().items():
            for path in sorted((folder / "studio").glob("*.json")):
                if not path.name.startswith(".") and _is_plain(path) and not path.parent.is_symlink():
                    found[f"{id}.{path.stem}"] = path
        return found

    def _read(self, id: str, path: Path) -> dict[str, Any]:
        reader = Reader.of_file(path)
        served = self.runs.get(id.partition(".")[0])
        recipe = reader.part("recipe")
        own = recipe.text("model") == served.book.weights
        design = told(served, _design.Design.read(recipe))
        return {
            "id": id,
            "name": reader.text("name"),
            "run": served.id,
            "design": wire.mapping(served.id, design),
            "created": reader.text("created"),
            "stale": "" if own else "made with earlier weights of this model: it looks different now",
        }


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
