"""A picture moved along named directions, and the recipe that makes it again byte for byte."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from imaginable import model as models
from imaginable.apps import _design, _priors
from imaginable.apps._book import Book
from imaginable.apps._design import Design, Move
from imaginable.apps._operands import code
from imaginable.apps._pictures import Say
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.model import Model


def edit(
    run: Path,
    start: Sequence[str] = (),
    *,
    seed: int = 0,
    move: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
    lock: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
    label: str | None = None,
    truncation: float | None = None,
    recipe: Path | None = None,
    strip: str | None = None,
    out: Path | None = None,
    say: Say = print,
) -> Path:
    """From a seed or a PICTURE, along `--move NAME=+2` (in standard deviations; as often as you like); writes the
    picture and beside it its recipe.

    lock: names of directions whose meaning shall stay: moves go at right angles to them. recipe: a design's JSON, or a
    picture that carries one, made again; moves and locks are added to it. strip: also a strip of the design moved from
    -3 to +3 along this direction. The directions a model knows: imaginable directions RUN.
    """
    model = _priors.with_prior(_able(models.load(run)), run, say)
    book = Book.of(model)
    if book.stale:
        say(book.stale)
    if recipe is not None:
        if start:
            raise UserError(f"{start[0]!r} and --recipe both say where to start: name one of them")
        design = _design.load_recipe(recipe, model)
    elif start:
        if len(start) > 1:
            raise UserError(f"{start[1]!r} is one word too many: imaginable edit RUN PICTURE --move NAME=+2")
        number = int(start[0]) if start[0].isdigit() else None
        own = None if number is not None else tuple(code(start[0], run, model, say).flatten().tolist())
        design = Design(seed=number, code=own, label=label, truncation=truncation)
    else:
        design = Design(seed=seed, label=label, truncation=truncation)
    design = _design.complete(model, with_moves(design, [parse(one) for one in move], lock), book)
    out = out or Path(run) / "edited.png"
    if out.suffix != ".png":
        raise UserError(f"--out {out}: pictures are written as .png")
    files.write_bytes(out, _design.png(model, design, book))
    files.write_text(out.with_suffix(".json"), _design.recipe_text(_design.recipe(model, design, book)))
    say(f"{out}, and its recipe {out.with_suffix('.json')}")
    if strip is not None:
        path = out.with_name(f"{out.stem}-strip.png")
        images.save(path, images.sheet(strip_of(model, design, strip, book), 7), model.origin(design.seed))
        say(f"{strip} from -3 to +3 in {path}")
    return out


def _able(model: Model) -> Model:
    if model.trained.spec.kind == "points":
        raise UserError(f"{model.name} was trained on points: there is no picture to edit")
    model.code_shape_or_refuse()
    return model


def parse(move: str) -> tuple[str, float]:
    """`NAME=+2` as (NAME, 2.0). Raises UserError when it is none."""
    name, equals, amount = move.rpartition("=")
    try:
        value = float(amount)
    except ValueError:
        value = float("nan")
    if not equals or not name or not abs(value) <= _design.FURTHEST:
        raise UserError(f"--move {move}: a direction's name and standard deviations were expected, such as NAME=+2")
    return name, value


def with_moves(design: Design, moves: Sequence[tuple[str, float]], locks: Sequence[str]) -> Design:
    """A design moved further, with these directions locked."""
    have = {one.name: one for one in design.moves}
    for name, amount in moves:
        before = have.get(name, Move(name, 0.0))
        have[name] = dataclasses.replace(before, amount=before.amount + amount)
    for name in locks:
        have[name] = dataclasses.replace(have.get(name, Move(name, 0.0)), locked=True)
    return dataclasses.replace(design, moves=tuple(have.values()))


def strip_of(model: Model, design: Design, name: str, book: Book) -> np.ndarray:
    """uint8 (7, h, w, c): the design moved from -3 to +3 along a direction."""
    steps = [with_moves(design, [(name, float(amount))], ()) for amount in range(-3, 4)]
    return np.stack([_design.render(model, step, book) for step in steps])
