"""Finding, teaching, naming and removing the directions that a model keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _book, _design, _found, _layers, _priors
from imaginable.apps._book import Book
from imaginable.apps._design import Design
from imaginable.apps._pictures import Say
from imaginable.core import files, seeds
from imaginable.core.errors import UserError, nearest
from imaginable.data import images
from imaginable.latent.directions import Direction, pointed
from imaginable.latent.traverse import traversal
from imaginable.model import Model

ACTIONS = ("list", "find", "sheet", "teach", "show", "rename", "remove", "save", "load")
SHEET = 48
"""pictures to point at"""


def directions(
    run: Path,
    action: Sequence[str] = (),
    *,
    count: int = 8,
    most: tuple[int, ...] = (),
    least: tuple[int, ...] = (),
    seed: int = 0,
    label: str | None = None,
    layers: str | None = None,
    out: Path | None = None,
    say: Say = print,
) -> list[Direction]:
    """What the model knows, and, with words behind RUN, more of it:

    find principal|layer|factorised|dimensions|labels: the ways codes vary most, the same of the decoder's second
    layer, what the first layer amplifies most, a VAE's dimensions by their KL, or what labels and factors say.
    labels takes one label's name after it. sheet: numbered samples to point at. teach NAME --most 3 8 21 --least 4 17:
    a direction from numbers on that sheet. show [NAME ...]: strips. rename OLD NEW, remove NAME.
    save NAME --out x.json, load x.json: one direction as a file.

    count: how many to find. seed, label: of the sheet, the same for sheet and teach. layers: such as 3-6, of models
    whose layers have codes of their own (stylegan2): found ones act in these alone, and factorised is of these. There
    factorised is of all layers' styles, and principal of the codes w.
    """
    word, rest = (action[0], list(action[1:])) if action else ("list", [])
    if word not in ACTIONS:
        raise UserError(f"{word!r}: one of {', '.join(ACTIONS)} was expected{nearest(word, ACTIONS)}")
    model = _priors.with_prior(models.load(run), run, say)
    model.code_shape_or_refuse()
    if layers is not None and word != "find":
        raise UserError(f"--layers {layers}: it is of find; leave it out (edit --move NAME=+2:{layers} moves in them)")
    book = Book.of(model)
    if book.stale:
        say(book.stale)
    if word == "find":
        book = _find(book, Path(run), rest, count, layers, say)
    elif word == "teach":
        one = taught(model, Path(run), _only(rest, 1, "teach NAME")[0], most, least, seed, label)
        book = book.add(one)
        say(f"{one.name}: {one.about}" + advice(one))
    elif word == "rename":
        book = book.rename(*_only(rest, 2, "rename OLD NEW"))
    elif word == "remove":
        book = book.remove(_only(rest, 1, "remove NAME")[0])
    elif word == "load":
        book = book.add(_book.imported(Path(_only(rest, 1, "load FILE.json")[0]), model))
    elif word == "save":
        one = book.get(_only(rest, 1, "save NAME")[0])
        out = out or Path(run) / f"{files.plain(one.name)}.json"
        files.write_text(out, _book.exported(one, book.weights))
        say(f"{one.name} in {out}")
    if word in ("sheet", "show"):
        _picture(word, book, rest, seed, label, out or Path(run) / f"directions-{word}.png", say)
    else:
        for one in book.directions:
            say(f"{one.name:24s} {one.kind:11s} {one.measure} {one.confidence:.2f}{'  weak' if one.weak else ''}")
        if not book.directions:
            say(f"no directions yet: imaginable directions {run} find principal (or labels, or sheet and teach)")
    return list(book.directions)


def _find(book: Book, run: Path, words: list[str], count: int, layers: str | None, say: Say) -> Book:
    hows = get_args(_found.How)
    how = words[0] if words else "principal"
    if how not in hows:
        raise UserError(f"find {how}: one of {', '.join(hows)} was expected{nearest(how, hows)}")
    if count < 1:
        raise UserError(f"--count {count}: must be at least 1")
    chosen = None if layers is None else _layers.parse(layers, f"--layers {layers}")
    _layers.checked(book.model, chosen, f"--layers {layers}")
    if how == "labels" and len(words) > 1:
        return book.add_found(_found.from_labels(book.model, run, say, " ".join(words[1:]), chosen), say)
    return book.add_found(_found.found(book.model, run, how, count, say, chosen), say)  # type: ignore[arg-type]


def sheet_seeds(seed: int, count: int = SHEET) -> list[int]:
    """Of the samples that are shown to be pointed at."""
    return [seeds.derive("sheet", seed, number) % 2**31 for number in range(count)]


def taught(
    model: Model, run: Path, name: str, most: Sequence[int], least: Sequence[int], seed: int, label: str | None
) -> Direction:
    """From the numbers of pictures on the sheet. Raises UserError for numbers that are not on it."""
    on_sheet = sheet_seeds(seed)
    for number in (*most, *least):
        if not 0 <= number < SHEET:
            raise UserError(f"{number}: the sheet's pictures have numbers from 0 to {SHEET - 1}")
    ends = [[Design(seed=on_sheet[number], label=label) for number in side] for side in (most, least)]
    return by_pointing(model, run, name, ends[0], ends[1])


def by_pointing(
    model: Model, run: Path, name: str, most: Sequence[Design], least: Sequence[Design], codes: Tensor | None = None
) -> Direction:
    """From designs that show the most and the least of something. codes: those of `spread`, where they are at hand.
    Raises UserError where a side is empty."""
    if not most or not least:
        raise UserError("teach: name at least one picture with the most and one with the least (better five of each)")
    if {one.mapping().__repr__() for one in most} & {one.mapping().__repr__() for one in least}:
        raise UserError("teach: a picture cannot show both the most and the least")
    high, low = (torch.stack([_design.code_of(model, one) for one in side]) for side in (most, least))
    vector, confidence = pointed(high, low, _found.spread(model, run) if codes is None else codes)
    about = f"{confidence:.0%} of {len(high)} + {len(low)} pictures fall on their side when left out"
    return Direction(_book.checked_name(name), vector, "pointed", confidence, "accuracy", about, named=True)


def advice(one: Direction) -> str:
    if not one.weak:
        return ""
    return "; too weak to trust: point at more pictures, and at clearer ones"


def _only(words: list[str], count: int, usage: str) -> list[str]:
    if len(words) != count:
        raise UserError(f"imaginable directions RUN {usage} was expected (names with spaces in quotes)")
    return words


def _picture(word: str, book: Book, names: list[str], seed: int, label: str | None, out: Path, say: Say) -> None:
    model = book.model
    if word == "sheet":
        shown = [_design.render(model, Design(seed=one, label=label)) for one in sheet_seeds(seed)]
        images.save(out, images.numbered(np.stack(shown), columns=8), model.origin(seed))
        say(f"{SHEET} samples in {out}; then: imaginable directions RUN teach NAME --most 3 8 --least 4 17")
        return
    chosen = [book.get(name) for name in names] or list(book.directions[:12])
    if not chosen:
        raise UserError("show: the model knows no directions yet")
    strips = [_strip(model, one, seed) for one in chosen]
    images.save(out, images.rows(strips), model.origin(seed))
    say(f"from -3 to +3, one to a row: {', '.join(one.name for one in chosen)}; in {out}")


def _strip(model: Model, one: Direction, seed: int) -> np.ndarray:
    codes = traversal(_design.code_of(model, Design(seed=seed)), one.vector, torch.arange(-3.0, 4.0))
    return model.decode_array(codes, model.classes[0] if model.classes else None)
