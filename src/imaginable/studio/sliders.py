"""Directions of a run: found, taught by pointing, renamed, removed. Whatever changes them is on the disk at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _design
from imaginable.apps._book import Book, checked_name
from imaginable.apps._found import How, found
from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.latent import directions
from imaginable.latent.directions import Direction
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
    directions_found = found(models.load(served.folder), served.folder, how, count, _quietly)
    return _changed(runs, run, lambda book: book.add(*_but_named(book, directions_found)))


def _but_named(book: Book, these: list[Direction]) -> list[Direction]:
    """Finding again replaces what was found before, and nothing that a person taught by pointing."""
    taught = {one.name for one in book.directions if one.kind == "pointed"}
    return [one for one in these if one.name not in taught]


def teach(runs: Runs, run: str, given: Reader) -> Answer:
    """A direction from the least to the most of a sheet. Without a name it is only judged, and not kept."""
    served = runs.get(run)
    most, least = (_codes(served, wire.items(given, key, 1, MOST_CLICKS), given) for key in ("most", "least"))
    named = given.maybe_text("name")
    name = "taught" if named is None else checked_name(named)
    vector, confidence = directions.pointed(most, least, served.spread())
    if not vector.any():
        raise UserError("the most and the least are the same pictures: nothing tells them apart")
    about = f"{confidence:.0%} of {len(most)} and {len(least)} clicked pictures fall on their own side when left out"
    taught = Direction(name, vector, "pointed", confidence, "accuracy", about, named=True)
    if named is not None:
        if any(one.name == name and one.kind != "pointed" for one in served.book.directions):
            raise UserError(f"direction {name!r}: there is one of that name already; choose another")
        _changed(runs, run, lambda book: book.add(taught))
    return {"direction": direction(taught), "saved": named is not None}


def rename(runs: Runs, run: str, given: Reader) -> Answer:
    return _changed(runs, run, lambda book: book.rename(given.text("name"), given.text("new")))


def remove(runs: Runs, run: str, given: Reader) -> Answer:
    return _changed(runs, run, lambda book: book.remove(given.text("name")))


def _changed(runs: Runs, run: str, change: Any) -> Answer:
    return {"directions": runs.change(run, change).directions()}


def _codes(served: Served, starts: list[Reader], conditions: Reader) -> Tensor:
    designs = wire.designs_of(starts, conditions)
    return torch.stack([_design.code_of(served.model, served.whole(one), served.book) for one in designs])


def _quietly(line: str) -> None:
    """The page shows what was found, and not how."""
