"""The runs that are served: loaded once, read again when their weights changed, gone when their folder vanished."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _design
from imaginable.apps._book import Book, described
from imaginable.apps._design import Design
from imaginable.apps._found import spread
from imaginable.apps._neighbours import Neighbours
from imaginable.core.errors import UserError
from imaginable.latent.directions import Direction
from imaginable.methods._method import Decodes, Encodes
from imaginable.model import Model

_SEEDS = 256
"""starts that are remembered for each run"""

Stamp = tuple[tuple[int, int], ...]


@dataclass
class Known:
    """What is computed of a run's data once it is needed, and then kept: it takes seconds."""

    spread: Tensor | None = None
    neighbours: Neighbours | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Served:
    """A run in memory. stamp: of its files when they were read."""

    id: str
    folder: Path
    model: Model
    book: Book
    stamp: Stamp
    known: Known = field(default_factory=Known)

    def __post_init__(self) -> None:
        self._drawn = lru_cache(_SEEDS)(self._draw)

    def whole(self, design: Design) -> Design:
        """The design with its start's code and its directions written in."""
        if design.code is None and design.seed is not None:
            design = replace(design, code=self._drawn(design.seed, design.label))
        return _design.complete(self.model, design, self.book)

    def picture(self, design: Design) -> np.ndarray:
        """uint8 (h, w, c); the same bytes as `imaginable edit` makes of it."""
        return _design.render(self.model, self.whole(design), self.book)

    def _draw(self, seed: int, label: str | None) -> tuple[float, ...]:
        code = _design.complete(self.model, Design(seed=seed, label=label), self.book).code
        assert code is not None, "a complete design has its code"
        return code

    def spread(self) -> Tensor:
        """Codes as they occur, (n, *code shape)."""
        with self.known.lock:
            if self.known.spread is None:
                self.known.spread = spread(self.model, self.folder)
            return self.known.spread

    def neighbours(self) -> Neighbours:
        with self.known.lock:
            if self.known.neighbours is None:
                self.known.neighbours = Neighbours.of(self.model, self.folder)
            return self.known.neighbours

    def about(self) -> dict[str, Any]:
        """What the page is told of it."""
        channels, size, _ = self.model.trained.spec.shape
        return {
            "id": self.id,
            "name": self.folder.name if self.folder.name not in ("model", "best") else self.id,
            "method": self.model.name,
            "size": size,
            "channels": channels,
            "latents": int(np.prod(self.model.code_shape)),
            "classes": list(self.model.classes),
            "hash": self.book.weights[:8],
            "gaussian": _design.can_truncate(self.model),
            "encodes": self.model.can(Encodes),
            "about": _said(self.model),
            "directions": self.directions(),
            "gone": False,
            "stale": self.book.stale,
        }

    def directions(self) -> list[dict[str, Any]]:
        return [direction(one) for one in self.book.directions]


def direction(one: Direction) -> dict[str, Any]:
    """What the page is told of a direction."""
    return described(one) | {"weak": one.weak}


def _said(model: Model) -> str:
    about = model.about
    seen = f", {about['images_seen']:,} images seen" if isinstance(about.get("images_seen"), int) else ""
    return f"{model.name} trained on {about.get('data', 'unknown data')}{seen}"


class Runs:
    """Those named when the studio was started, or all of runs/*, and those trained here. For several threads."""

    def __init__(self, named: Sequence[Path] = ()) -> None:
        self._named = list(named)
        self._all = not named
        self._folders: dict[str, Path] = {}
        self._served: dict[str, Served] = {}
        self._lost: dict[str, str] = {}
        self._lock = threading.RLock()
        for folder in self._named:
            self.get(self._admit(folder))
        self.look()

    def add(self, folder: Path) -> dict[str, Any]:
        """A run that was trained here."""
        with self._lock:
            return self.get(self._admit(folder)).about()

    def look(self) -> None:
        """Finds runs that have appeared since."""
        if self._all:
            found = (path.parent.parent for path in Path("runs").glob("*/model/model.yaml"))
            with self._lock:
                for folder in sorted(found):
                    self._admit(folder)

    def about(self) -> list[dict[str, Any]]:
        """All of them, as the page is told; those that cannot be read only say why."""
        self.look()
        told = []
        for id in list(self._folders):
            try:
                told.append(self.get(id).about())
            except UserError as error:
                if id in self._served:
                    told.append(self._served[id].about() | {"gone": True, "stale": str(error)})
                elif id not in self._lost:
                    self._lost[id] = str(error)  # it never was of use here: points, or made by a method elsewhere
        return told

    def present(self) -> list[str]:
        """Those that can be used now."""
        return [id for id, folder in self.folders().items() if _stamp(folder)]

    def folders(self) -> dict[str, Path]:
        """Of all that were opened."""
        return {id: self._folders[id] for id in list(self._served)}

    def get(self, id: str) -> Served:
        """Raises UserError for one that is unknown, gone or unreadable."""
        folder = self._folders.get(id)
        if folder is None:
            raise UserError(f"run {id[:60]!r}: no such run is open here")
        with self._lock:
            stamp, served = _stamp(folder), self._served.get(id)
            if stamp is None:
                raise UserError(f"run {id}: its folder or its model is gone; bring it back, or go on with another")
            if served is None or served.stamp != stamp:
                model = _loaded(folder)
                served = Served(id, folder, model, Book.of(model), stamp)
                self._served[id] = served
            return served

    def change(self, id: str, change: Callable[[Book], Book]) -> Served:
        """Writes another book of directions; one change after the other, whoever asks."""
        with self._lock:
            old = self.get(id)
            changed = change(old.book)
            self._served[id] = Served(id, old.folder, old.model, changed, _stamp(old.folder) or old.stamp, old.known)
            return self._served[id]

    def _admit(self, folder: Path) -> str:
        for id, known in self._folders.items():
            if known == folder:
                return id
        name = folder.name if folder.name not in ("model", "best") else f"{folder.parent.name}-{folder.name}"
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
        count = 1
        while (id := base if count == 1 else f"{base}-{count}") in self._folders:
            count += 1
        self._folders[id] = folder
        return id


def _loaded(folder: Path) -> Model:
    model = models.load(folder)
    if model.trained.spec.kind != "images" or not model.can(Decodes):
        raise UserError(f"{folder}: {model.name} of {model.trained.spec.kind} makes no pictures from codes")
    return model


def _stamp(folder: Path) -> Stamp | None:
    """Changes when the weights or the directions were written; None where there are none."""
    inner = folder / "model" if (folder / "model" / "model.yaml").exists() else folder
    stamps = []
    for name in ("model.yaml", "model.safetensors", "prior.safetensors", "directions.json"):
        try:
            of = (inner / name).stat()
            stamps.append((of.st_mtime_ns, of.st_size))
        except OSError:
            if name.startswith("model"):
                return None
            stamps.append((0, 0))
    return tuple(stamps)
