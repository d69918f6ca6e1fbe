"""A run in memory: its pictures, and what the page is told of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from imaginable.apps import _design, _scorers
from imaginable.apps._book import Book, described
from imaginable.apps._design import Design
from imaginable.apps._found import spread
from imaginable.apps._neighbours import Neighbours
from imaginable.latent.directions import Direction
from imaginable.methods._method import Encodes, Styles
from imaginable.model import Model

_SEEDS = 256
"""starts that are remembered for each run"""


@dataclass(frozen=True)
class Stamp:
    """When the files of a run were written, and their sizes: another one means that they are others."""

    weights: tuple[object, ...]
    directions: object


@dataclass
class Known:
    """What is computed of a run's data once it is needed, and then kept: it takes seconds."""

    spread: Tensor | None = None
    neighbours: Neighbours | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Served:
    """A run in memory. stamp: of its files when they were read."""

    does: ClassVar = "makes pictures of codes"

    id: str
    folder: Path
    model: Model
    book: Book
    stamp: Stamp
    known: Known = field(default_factory=Known)

    def __post_init__(self) -> None:
        self.drawn = lru_cache(_SEEDS)(self._draw)

    def with_book(self, book: Book, stamp: Stamp) -> Served:
        """The same model with other directions."""
        return replace(self, book=book, stamp=stamp)

    def whole(self, design: Design) -> Design:
        """The design with its start's code and its directions written in."""
        if design.code is None and design.seed is not None:
            design = replace(design, code=self.drawn(design.seed, design.label))
        drawn = [one.code or self.drawn(one.seed or 0, design.label) for one in design.mix]
        mix = (replace(one, code=code) for one, code in zip(design.mix, drawn, strict=True))
        design = replace(design, mix=tuple(mix))
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
        return introduced(self.id, self.folder, self.model) | {
            "latents": int(np.prod(self.model.code_shape)),
            "classes": list(self.model.classes),
            "hash": self.book.weights[:8],
            "layers": self.model.code_shape[0] if self.model.can(Styles) else 0,
            "truncates": _design.can_truncate(self.model),
            "encodes": self.model.can(Encodes),
            "directions": self.directions(),
            "stale": self.book.stale,
        }

    def directions(self) -> list[dict[str, Any]]:
        return [direction(one) for one in self.book.directions]


def direction(one: Direction) -> dict[str, Any]:
    """What the page is told of a direction."""
    return described(one) | {"weak": one.weak}


def introduced(id: str, folder: Path, model: Model) -> dict[str, Any]:
    """What the page is told of every run, whatever it can do."""
    channels, size, _ = model.trained.spec.shape
    return {
        "id": id,
        "name": name_in_words(folder, id),
        "method": model.name,
        "scores": _scorers.has_any(model),
        "size": size,
        "channels": channels,
        "about": said(model),
        "gone": False,
        "stale": "",
    }


def name_in_words(folder: Path, id: str) -> str:
    """What a run is called on the page."""
    return folder.name if folder.name not in ("model", "best") else id


def said(model: Model) -> str:
    """What it learned from, in a line."""
    about = model.about
    seen = f", {about['images_seen']:,} images seen" if isinstance(about.get("images_seen"), int) else ""
    return f"{model.name} trained on {about.get('data', 'unknown data')}{seen}"
