"""A design: everything that decides a picture, and the recipe that makes it again byte for byte."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imaginable.apps._book import Book, fingerprint
from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.latent.directions import orthogonal
from imaginable.latent.traverse import moved
from imaginable.model import Model

FORMAT = 1
FURTHEST = 100.0
"""standard deviations: a slider that far out is a mistake"""


@dataclass(frozen=True)
class Move:
    """So many deviations along a direction. vector: flat; None is looked up by name.

    locked: the others go at right angles to it, so that what it stands for stays.
    """

    name: str
    amount: float
    locked: bool = False
    vector: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Design:
    """seed: the start is drawn with it, unless code (flat) gives the start. truncation acts on the start alone."""

    seed: int | None = 0
    code: tuple[float, ...] | None = None
    label: str | None = None
    truncation: float | None = None
    moves: tuple[Move, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> Design:
        """Of a recipe or a message. Raises UserError naming the first value that makes no sense."""
        start = reader.part("start")
        code = tuple(start.numbers("code")) if "code" in start.content else None
        seed = start.whole("seed") if start.content.get("seed") is not None else None
        if code is None and seed is None:
            raise UserError(f"{start.where}: a seed or a code was expected")
        truncation = reader.maybe_number("truncation")
        if truncation is not None and not 0 < truncation <= FURTHEST:
            raise UserError(f"{reader.where}: truncation {truncation}: a number above 0 was expected, such as 0.7")
        moves = tuple(_move(one) for one in reader.items("moves"))
        if len({move.name for move in moves}) != len(moves):
            raise UserError(f"{reader.where}: moves name a direction twice")
        return cls(seed, code, reader.maybe_text("label"), truncation, moves)

    def mapping(self) -> dict[str, Any]:
        start: dict[str, Any] = {} if self.seed is None else {"seed": self.seed}
        if self.code is not None:
            start["code"] = list(self.code)
        moves = [{k: v for k, v in dataclasses.asdict(move).items() if v is not None} for move in self.moves]
        return {"start": start, "label": self.label, "truncation": self.truncation, "moves": moves}


def _move(reader: Reader) -> Move:
    amount = reader.number("amount")
    if abs(amount) > FURTHEST:
        raise UserError(f"{reader.where}: amount {amount:g}: at most {FURTHEST:g} standard deviations were expected")
    vector = tuple(reader.numbers("vector")) if reader.content.get("vector") is not None else None
    return Move(reader.text("name"), amount, reader.flag("locked"), vector)


def complete(model: Model, design: Design, book: Book | None = None) -> Design:
    """With the start's code and all vectors written in, so that nothing but the weights decides the picture.

    Raises UserError for what does not fit the model: a class or direction it does not know, codes of another size.
    """
    size = torch.Size(model.code_shape).numel()
    label = _label(model, design.label)
    if design.truncation is not None and not can_truncate(model):
        raise UserError(f"truncation is of a normal prior, and {model.name} draws from another: leave it out")
    code = design.code
    if code is None:
        code = tuple(model.latents(1, design.seed or 0, label=label).flatten().tolist())
    _fits("the start's code", code, size)
    moves = []
    for move in design.moves:
        vector = move.vector
        if vector is None:
            book = book or Book.of(model)
            vector = tuple(book.get(move.name).vector.flatten().tolist())
        _fits(f"direction {move.name!r}", vector, size)
        moves.append(dataclasses.replace(move, vector=vector))
    return dataclasses.replace(design, code=code, label=label, moves=tuple(moves))


def can_truncate(model: Model) -> bool:
    """Whether its codes are drawn around a middle, which truncation goes to."""
    return model.can_truncate and model.fitted is None


def _label(model: Model, label: str | None) -> str | None:
    if label is None:
        return model.classes[0] if model.classes else None
    model.labels(label, 1)  # refuses one it does not know
    return label


def _fits(what: str, values: tuple[float, ...], size: int) -> None:
    if len(values) != size:
        raise UserError(f"{what} has {len(values)} numbers, and this model's codes have {size}: it is of another model")


def code_of(model: Model, design: Design, book: Book | None = None) -> Tensor:
    """The design's code, of the model's code shape: start + Σ amount · vector."""
    return _moved(model, complete(model, design, book))


def _moved(model: Model, whole: Design) -> Tensor:
    start = torch.tensor(whole.code)
    if whole.truncation is not None:
        start = model.truncated(start.reshape(1, *model.code_shape), whole.truncation).flatten()
    locked = [torch.tensor(move.vector) for move in whole.moves if move.locked]
    moves = []
    for move in whole.moves:
        if move.amount:
            vector = torch.tensor(move.vector)
            moves.append((vector if move.locked else orthogonal(vector, locked), move.amount))
    return moved(start, moves).reshape(model.code_shape)


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
