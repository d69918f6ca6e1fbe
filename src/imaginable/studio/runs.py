"""The runs that are served: loaded once, read again when their weights changed, gone when their folder vanished."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imaginable import model as models
from imaginable.apps import _priors, _scorers
from imaginable.apps._book import Book
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.methods._method import Decodes, Scores, Translates
from imaginable.model import Model
from imaginable.studio.scoring import Scoring
from imaginable.studio.served import Served, Stamp
from imaginable.studio.translating import Translating

_log = logging.getLogger(__name__)
Opened = Served | Translating | Scoring


class Runs:
    """Those named when the studio was started, or all of runs/*, and those trained here. For several threads."""

    def __init__(self, named: Sequence[Path] = ()) -> None:
        self._all = not named
        self._folders: dict[str, Path] = {}
        self._served: dict[str, Opened] = {}
        self._useless: dict[str, Stamp] = {}
        self._locks: dict[str, threading.RLock] = {}
        self._admitting = threading.Lock()
        for folder in named:
            self._open(self._admit(folder))
        self._look()

    def about(self) -> list[dict[str, Any]]:
        """All of them, as the page is told. Of runs/* those with no use here are left out."""
        self._look()
        told = []
        for id, folder in list(self._folders.items()):
            stamp = _stamp(folder)
            if stamp is not None and self._useless.get(id) == stamp:
                continue
            try:
                told.append(self._open(id).about())
            except UserError as error:
                if id in self._served:
                    told.append(self._served[id].about() | {"gone": True, "stale": str(error)})
                elif stamp is not None:
                    self._useless[id] = stamp
        return told

    def add(self, folder: Path) -> dict[str, Any]:
        """A run that was trained here."""
        return self._open(self._admit(folder)).about()

    def present(self) -> list[Served]:
        """Those with codes that can be used now."""
        opened = [self._open(id) for id, folder in self.folders().items() if _stamp(folder)]
        return [one for one in opened if isinstance(one, Served)]

    def folders(self) -> dict[str, Path]:
        """Of all that were opened."""
        return {id: self._folders[id] for id in list(self._served)}

    def get(self, id: str) -> Served:
        """One with codes. Raises UserError for one that is unknown, gone or unreadable, or without."""
        found = self._open(id)
        if not isinstance(found, Served):
            raise UserError(f"run {id}: {found.model.name} {found.does} and has no codes")
        return found

    def translating(self, id: str) -> Translating:
        """One that makes pictures of pictures. Raises UserError as `get` does."""
        found = self._open(id)
        if not isinstance(found, Translating):
            raise UserError(f"run {id}: {found.model.name} {found.does}, and no pictures of pictures")
        return found

    def scoring(self, id: str) -> Opened:
        """One that says how unlike its data a picture is, whatever else it does. Raises UserError as `get` does."""
        found = self._open(id)
        if not _scorers.has_any(found.model):
            raise UserError(f"run {id}: {found.model.name} {found.does}, and says nothing of anomalies")
        return found

    def _open(self, id: str) -> Opened:
        folder = self._folders.get(id)
        if folder is None:
            raise UserError(f"run {id[:60]!r}: no such run is open here")
        with self._locks[id]:
            stamp, old = _stamp(folder), self._served.get(id)
            if stamp is None and old is None:
                _loaded(folder)  # says why there is none
            if stamp is None:
                raise UserError(f"run {id}: its folder or its model is gone; bring it back, or go on with another")
            if old is None or old.stamp.weights != stamp.weights:
                self._served[id] = _served(id, folder, _loaded(folder), stamp)
            elif old.stamp != stamp and isinstance(old, Served):
                self._served[id] = old.with_book(Book.of(old.model), stamp)
            return self._served[id]

    def change(self, id: str, change: Callable[[Book], Book]) -> Served:
        """Writes another book of directions; one change after the other, whoever asks."""
        if id not in self._folders:
            return self.get(id)  # refuses it
        with self._locks[id]:
            old = self.get(id)
            book = change(old.book)
            self._served[id] = new = old.with_book(book, _stamp(old.folder) or old.stamp)
            return new

    def _look(self) -> None:
        """Finds runs that have appeared since."""
        if self._all:
            for description in sorted(Path("runs").glob("*/model/model.yaml")):
                self._admit(description.parent.parent)

    def _admit(self, folder: Path) -> str:
        folder = folder.absolute()
        with self._admitting:
            for id, known in self._folders.items():
                if known == folder:
                    return id
            id = self._new_id(folder)
            self._locks[id] = threading.RLock()
            self._folders[id] = folder
            return id

    def _new_id(self, folder: Path) -> str:
        name = folder.name if folder.name not in ("model", "best") else f"{folder.parent.name}-{folder.name}"
        base, count = files.plain(name.lower()), 1
        while (id := base if count == 1 else f"{base}-{count}") in self._folders:
            count += 1
        return id


def _served(id: str, folder: Path, model: Model, stamp: Stamp) -> Opened:
    if model.can(Translates):
        return Translating(id, folder, model, stamp)
    if not model.can(Decodes):
        return Scoring(id, folder, model, stamp)
    return Served(id, folder, model, Book.of(model), stamp)


def _loaded(folder: Path) -> Model:
    model = models.load(folder)
    if model.can(Translates) or (model.trained.spec.kind == "images" and _only_scores(model)):
        return model
    if model.trained.spec.kind != "images" or not model.can(Decodes):
        raise UserError(f"{folder}: {model.name} makes no pictures from codes, so there is nothing to slide")
    return _priors.with_prior(model, folder, _log.info)  # a plain autoencoder too has starts to draw


def _only_scores(model: Model) -> bool:
    return model.can(Scores) and not model.can(Decodes)


def _stamp(folder: Path) -> Stamp | None:
    """None where there is no model."""
    inner = folder / "model" if (folder / "model" / "model.yaml").exists() else folder
    needed = [_stamp_of(inner / name) for name in ("model.yaml", "model.safetensors")]
    if None in needed:
        return None
    return Stamp((*needed, _stamp_of(inner / "prior.safetensors")), _stamp_of(inner / "directions.json"))


def _stamp_of(path: Path) -> tuple[int, int] | None:
    try:
        of = path.stat()
    except OSError:
        return None
    return of.st_mtime_ns, of.st_size
