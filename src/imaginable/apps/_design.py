"""A design: everything that decides a picture, and the recipe that makes it again byte for byte."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imaginable.apps import _layers
from imaginable.apps._book import Book, fingerprint
from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.latent.directions import orthogonal
from imaginable.latent.styles import Layers, mixed, restricted
from imaginable.latent.traverse import moved
from imaginable.model import Model

FORMAT = 1
FURTHEST = 100.0
"""standard deviations: a slider that far out is a mistake"""


@dataclass(frozen=True)
class Move:
    """So many deviations along a direction. vector: flat; None is looked up by name.

    locked: the others go at right angles to it, so that what it stands for stays. layers: where it acts; None is all.
    """

    name: str
    amount: float
    locked: bool = False
    layers: Layers | None = None
    vector: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Mix:
    """Layers whose codes are those of another start: the one drawn with seed, unless code (flat, of all layers) gives
    it."""

    layers: Layers
    seed: int | None = None
    code: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Design:
    """seed: the start is drawn with it, unless code (flat) gives the start. mix: what it takes of other starts, the
    later ones last. truncation acts on the start so mixed, and not on the moves."""

    seed: int | None = 0
    code: tuple[float, ...] | None = None
    label: str | None = None
    truncation: float | None = None
    moves: tuple[Move, ...] = ()
    mix: tuple[Mix, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> Design:
        """Of a recipe or a message. Raises UserError naming the first value that makes no sense."""
        seed, code = _start(reader)
        truncation = reader.maybe_number("truncation")
        if truncation is not None and not 0 < truncation <= FURTHEST:
            raise UserError(f"{reader.where}: truncation {truncation}: a number above 0 was expected, such as 0.7")
        moves = tuple(_move(one) for one in reader.items("moves"))
        if len({move.name for move in moves}) != len(moves):
            raise UserError(f"{reader.where}: moves name a direction twice")
        mixes = reader.items("mix") if reader.content.get("mix") is not None else []
        mix = tuple(Mix(_layers.read(one), *_start(one)) for one in mixes)
        return cls(seed, code, reader.maybe_text("label"), truncation, moves, mix)

    def mapping(self) -> dict[str, Any]:
        moves = [{k: v for k, v in dataclasses.asdict(move).items() if v is not None} for move in self.moves]
        mix = [{"layers": list(one.layers), "start": _written(one)} for one in self.mix]
        mapping = {"start": _written(self), "label": self.label, "truncation": self.truncation, "moves": moves}
        return mapping | ({"mix": mix} if mix else {})


def _start(reader: Reader) -> tuple[int | None, tuple[float, ...] | None]:
    """Seed and code of what begins there, at least one of them."""
    start = reader.part("start")
    code = tuple(start.numbers("code")) if "code" in start.content else None
    seed = start.whole("seed") if start.content.get("seed") is not None else None
    if code is None and seed is None:
        raise UserError(f"{start.where}: a seed or a code was expected")
    return seed, code


def _written(start: Design | Mix) -> dict[str, Any]:
    seed: dict[str, Any] = {} if start.seed is None else {"seed": start.seed}
    return seed if start.code is None else seed | {"code": list(start.code)}


def _move(reader: Reader) -> Move:
    amount = reader.number("amount")
    if abs(amount) > FURTHEST:
        raise UserError(f"{reader.where}: amount {amount:g}: at most {FURTHEST:g} standard deviations were expected")
    vector = tuple(reader.numbers("vector")) if reader.content.get("vector") is not None else None
    layers = _layers.read(reader) if reader.content.get("layers") is not None else None
    return Move(reader.text("name"), amount, reader.flag("locked"), layers, vector)


def complete(model: Model, design: Design, book: Book | None = None) -> Design:
    """With all starts' codes and all vectors written in, so that nothing but the weights decides the picture.

    Raises UserError for what does not fit the model: a class, direction or layers it does not know, codes of another
    size.
    """
    label = _label(model, design.label)
    if design.truncation is not None and not can_truncate(model):
        raise UserError(f"truncation is of a normal prior, and {model.name} draws from another: leave it out")
    code = _code("the start's code", model, design, label)
    mix = []
    for number, one in enumerate(design.mix, 1):
        _layers.checked(model, one.layers, f"mix {number}")
        mix.append(dataclasses.replace(one, code=_code(f"the code of mix {number}", model, one, label)))
    moves = []
    for move in design.moves:
        what = f"direction {move.name!r}"
        _layers.checked(model, move.layers, what)
        vector = move.vector
        if vector is None:
            book = book or Book.of(model)
            vector = tuple(book.get(move.name).vector.flatten().tolist())
        moves.append(dataclasses.replace(move, vector=_fitting(what, vector, model)))
    return dataclasses.replace(design, code=code, label=label, moves=tuple(moves), mix=tuple(mix))


def _code(what: str, model: Model, start: Design | Mix, label: str | None) -> tuple[float, ...]:
    code = start.code
    if code is None:
        code = tuple(model.latents(1, start.seed or 0, label=label).flatten().tolist())
    return _fitting(what, code, model)


def _fitting(what: str, values: tuple[float, ...], model: Model) -> tuple[float, ...]:
    size = math.prod(model.code_shape)
    if len(values) != size:
        raise UserError(f"{what} has {len(values)} numbers, and this model's codes have {size}: it is of another model")
    return values


def can_truncate(model: Model) -> bool:
    """Whether its codes are drawn around a middle, which truncation goes to."""
    return model.can_truncate and model.fitted is None


def _label(model: Model, label: str | None) -> str | None:
    if label is None:
        return model.classes[0] if model.classes else None
    model.labels(label, 1)  # refuses one it does not know
    return label


def code_of(model: Model, design: Design, book: Book | None = None) -> Tensor:
    """The design's code, of the model's code shape: start + Σ amount · vector."""
    return _moved(model, complete(model, design, book))


def _moved(model: Model, whole: Design) -> Tensor:
    start = _shaped(whole.code, model)
    for one in whole.mix:
        start = mixed(start, _shaped(one.code, model), one.layers)
    if whole.truncation is not None:
        start = model.truncated(start[None], whole.truncation)[0]
    vectors = [restricted(_shaped(move.vector, model), move.layers) for move in whole.moves]
    locked = [vector for vector, move in zip(vectors, whole.moves, strict=True) if move.locked]
    moves = []
    for vector, move in zip(vectors, whole.moves, strict=True):
        if move.amount:
            # at right angles within its own layers, so that it stays in them
            held = [] if move.locked else [restricted(one, move.layers) for one in locked]
            moves.append((orthogonal(vector, held), move.amount))
    return moved(start, moves)


def _shaped(values: tuple[float, ...] | None, model: Model) -> Tensor:
    return torch.tensor(values).reshape(model.code_shape)


def render(model: Model, design: Design, book: Book | None = None) -> np.ndarray:
    """The picture, uint8 (h, w, c). Always decoded alone: in a batch, sums may come in another order."""
    whole = complete(model, design, book)
    picture: np.ndarray = model.decode_array(_moved(model, whole)[None], whole.label)[0]
    return picture


def recipe(model: Model, design: Design, book: Book | None = None) -> dict[str, Any]:
    """A design with the weights it belongs to, as JSON."""
    weights = book.weights if book else fingerprint(model)
    about = {"format": FORMAT, "model": weights, "method": model.name, "run": str(model.about.get("run", ""))}
    return about | complete(model, design, book).mapping()


def recipe_text(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"


def png(model: Model, design: Design, book: Book | None = None) -> bytes:
    """The picture as a PNG file, with its recipe inside."""
    content = recipe(model, design, book)
    array, origin = render(model, design, book), model.origin(design.seed)
    return images.png(array, origin, {"imaginable model": content["model"], "imaginable recipe": recipe_text(content)})


def read_recipe(reader: Reader, model: Model) -> Design:
    """Raises UserError for another model's recipe, naming both hashes, and for nonsense."""
    if reader.content.get("format") != FORMAT:
        raise UserError(f"{reader.where}: no recipe of format {FORMAT}")
    weights, own = reader.text("model"), fingerprint(model)
    if weights != own:
        by = f"{str(reader.content.get('method', 'a model'))[:40]} {str(reader.content.get('run', ''))[:40]}".strip()
        raise UserError(
            f"{reader.where}: a recipe of another model ({by}, {weights[:8]}); this one is {model.origin()}, {own[:8]}"
        )
    return complete(model, Design.read(reader))


def load_recipe(path: Path, model: Model) -> Design:
    """A recipe's file, or a picture that carries one. Raises UserError as `read_recipe`."""
    if path.suffix.lower() == ".png":
        return read_recipe(Reader.of_text(images.text_of(path, "imaginable recipe"), str(path)), model)
    return read_recipe(Reader.of_file(path), model)
