"""Directions of a run: found, taught by pointing, renamed, removed. Whatever changes them is on the disk at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imaginable import model as models
from imaginable.apps._book import Book
from imaginable.apps._design import Design
from imaginable.apps._found import How, found
from imaginable.apps._json import Reader
from imaginable.apps.directions import by_pointing
from imaginable.core.errors import UserError
from imaginable.studio import wire
from imaginable.studio.runs import Runs
from imaginable.studio.served import Served, direction

KINDS: dict[str, How] = {
    "principal": "principal",
    "layer": "layer",
    "factorised": "factorised",
    "dimensions": "dimensions",
    "supervised": "labels",
}
MOST_CLICKS = 200
Answer = dict[str, Any]


def find(runs: Runs, run: str, given: Reader) -> Answer:
    """Takes from seconds to minutes: the labels of a GAN's pictures are read by a network that is trained for it."""
    how = KINDS[given.one_of("kind", tuple(KINDS))]
    count = wire.whole(given, "count", 1, 64, 8)
    served = runs.get(run)
    # a model of its own: finding listens in on layers, and must not hear what the sliders do meanwhile
    these = found(models.load(served.folder), served.folder, how, count, _quietly)
    return _changed(runs, run, lambda book: book.add_found(these, _quietly))


def teach(runs: Runs, run: str, given: Reader) -> Answer:
    """A direction from the least to the most of a sheet. Without a name it is only judged, and not kept."""
    served = runs.get(run)
    most, least = (_designs(served, wire.items(given, key, 1, MOST_CLICKS), given) for key in ("most", "least"))
    named = given.maybe_text("name")
    name = "taught" if named is None else named
    taught = by_pointing(served.model, served.folder, name, most, least, served.spread())
    if named is not None:
        if any(one.name == taught.name and one.kind != "pointed" for one in served.book.directions):
            raise UserError(f"direction {taught.name!r}: there is one of that name already; choose another")
        _changed(runs, run, lambda book: book.add(taught))
    return {"direction": direction(taught), "saved": named is not None}


def rename(runs: Runs, run: str, given: Reader) -> Answer:
    return _changed(runs, run, lambda book: book.rename(given.text("name"), given.text("new")))


def remove(runs: Runs, run: str, given: Reader) -> Answer:
    return _changed(runs, run, lambda book: book.remove(given.text("name")))


def _changed(runs: Runs, run: str, change: Callable[[Book], Book]) -> Answer:
    return {"directions": runs.change(run, change).directions()}


def _designs(served: Served, starts: list[Reader], conditions: Reader) -> list[Design]:
    return [served.whole(one) for one in wire.designs_of(starts, conditions)]


def _quietly(line: str) -> None:
    """The page shows what was found, and not how."""
