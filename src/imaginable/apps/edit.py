"""A picture moved along named directions, and the recipe that makes it again byte for byte."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from imaginable import model as models
from imaginable.apps import _design, _layers, _priors
from imaginable.apps._book import Book
from imaginable.apps._design import Design, Mix, Move
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
    mix: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
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
    picture that carries one, made again; moves, locks and mixes are added to it. strip: also a strip of the design
    moved from -3 to +3 along this direction. The directions a model knows: imaginable directions RUN.

    Of models whose layers have codes of their own (stylegan2): `--move NAME=+2:3-6` in layers 3 to 6 alone;
    `--mix SEED:5-10`, or a PICTURE or recipe in place of the seed: layers 5 to 10 are that one's. The first layers make
    what is coarse, the last what is fine.
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
        number, own = _named(start[0], run, model, say)
        design = Design(seed=number, code=own, label=label, truncation=truncation)
    else:
        design = Design(seed=seed, label=label, truncation=truncation)
    design = with_moves(design, [parse(one) for one in move], lock)
    mixes = tuple(_mix(one, run, model, say) for one in mix)
    design = _design.complete(model, dataclasses.replace(design, mix=(*design.mix, *mixes)), book)
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


def _named(word: str, run: Path, model: Model, say: Say) -> tuple[int | None, tuple[float, ...] | None]:
    """A start as seed, or as code."""
    if word.isdigit():
        return int(word), None
    return None, tuple(code(word, run, model, say).flatten().tolist())


def _mix(text: str, run: Path, model: Model, say: Say) -> Mix:
    word, colon, layers = text.rpartition(":")
    if not colon or not word:
        raise UserError(f"--mix {text}: a seed or picture and layers were expected, such as 4:5-10")
    own = _layers.parse(layers, f"--mix {text}")
    _layers.checked(model, own, f"--mix {text}")  # before minutes go into looking for a picture's code
    return Mix(own, *_named(word, run, model, say))


def parse(move: str) -> Move:
    """`NAME=+2`, or `NAME=+2:3-6` with layers. Raises UserError when it is none."""
    name, equals, told = move.rpartition("=")
    amount, colon, layers = told.partition(":")
    try:
        value = float(amount)
    except ValueError:
        value = float("nan")
    if not equals or not name or not abs(value) <= _design.FURTHEST:
        raise UserError(f"--move {move}: a direction's name and standard deviations were expected, such as NAME=+2")
    return Move(name, value, layers=_layers.parse(layers, f"--move {move}") if colon else None)


def with_moves(design: Design, moves: Sequence[Move], locks: Sequence[str]) -> Design:
    """A design moved further, with these directions locked. A move without layers goes where its direction did before.

    Raises UserError where one direction would act in other layers than it did.
    """
    have = {one.name: one for one in design.moves}
    for move in moves:
        before = have.get(move.name, dataclasses.replace(move, amount=0.0))
        if move.layers not in (None, before.layers):
            raise UserError(f"--move {move.name}: it is in the design already, in other layers; name none")
        have[move.name] = dataclasses.replace(before, amount=before.amount + move.amount)
    for name in locks:
        have[name] = dataclasses.replace(have.get(name, Move(name, 0.0)), locked=True)
    return dataclasses.replace(design, moves=tuple(have.values()))


def strip_of(model: Model, design: Design, name: str, book: Book) -> np.ndarray:
    """uint8 (7, h, w, c): the design moved from -3 to +3 along a direction."""
    steps = [with_moves(design, [Move(name, float(amount))], ()) for amount in range(-3, 4)]
    return np.stack([_design.render(model, step, book) for step in steps])
