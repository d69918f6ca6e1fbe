"""The directions kept with a model: what they are in `directions.json`, the vectors in `directions.safetensors`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from imaginable.apps._json import Reader
from imaginable.apps._pictures import Say
from imaginable.core import files
from imaginable.core.errors import UserError, nearest
from imaginable.latent.directions import Direction, Kind, Measure
from imaginable.model import Model
from imaginable.training import given

FORMAT = 1
LONGEST_NAME = 60
MOST = 500
"""directions of a model: as many as nobody would look through"""


def fingerprint(model: Model) -> str:
    """SHA-256 of a model's weights file: what its directions and recipes belong to. Raises UserError without one."""
    if model.folder is None:
        raise UserError(f"{model.name}: save the model first; directions and recipes belong to a file of weights")
    try:
        return given.fingerprint(model.folder)
    except OSError as error:
        raise UserError(f"{model.folder}: the model is no longer there") from error


def checked_name(name: object) -> str:
    """A name that a person gives. Raises UserError for one that no list could show."""
    text = " ".join(name.split()) if isinstance(name, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable() or "=" in text:
        raise UserError(f"name {str(name)[:80]!r}: 1 to {LONGEST_NAME} printable characters without = were expected")
    return text


@dataclass(frozen=True)
class Book:
    """Directions of a model, named ones first. What changes them writes them at once and returns the new book.

    stale: a line for a person, where directions lie there that were made for other weights.
    """

    model: Model
    weights: str
    directions: tuple[Direction, ...] = ()
    stale: str = ""

    @classmethod
    def of(cls, model: Model) -> Book:
        """Those kept with the model. Raises UserError for damaged files."""
        weights = fingerprint(model)
        listed, folder = _files(model)
        if not listed.exists():
            return cls(model, weights)
        reader = Reader.of_file(listed)
        if reader.text("model") != weights:
            count = len(reader.items("directions"))
            line = f"{count} directions were made for earlier weights of this model and do not fit: find them anew"
            return cls(model, weights, stale=line)
        vectors = _vectors(folder)
        found = tuple(_direction(one, vectors, model.code_shape) for one in reader.items("directions"))
        return cls(model, weights, found)

    def get(self, name: str) -> Direction:
        """Raises UserError for an unknown one, with the nearest."""
        for one in self.directions:
            if one.name == name:
                return one
        names = [one.name for one in self.directions]
        known = ", ".join(names) or "none yet, find some: imaginable directions RUN find principal"
        raise UserError(f"direction {name!r}: the model knows none of that name{nearest(name, names)} (known: {known})")

    def add(self, *directions: Direction) -> Book:
        """Those of a name that is taken are replaced."""
        for one in directions:
            if one.vector.shape != self.model.code_shape:
                have, want = tuple(one.vector.shape), self.model.code_shape
                raise UserError(f"direction {one.name!r}: made for codes of shape {have}, and this model's are {want}")
        names = {one.name for one in directions}
        return self._with([one for one in self.directions if one.name not in names] + list(directions))

    def add_found(self, directions: Sequence[Direction], say: Say) -> Book:
        """The same for found ones, which leave alone what a person taught under the same name."""
        taught = {one.name for one in self.directions if one.kind == "pointed"}
        for one in directions:
            if one.name in taught:
                say(f"{one.name}: kept as it was taught; to take the found one, rename or remove that first")
        return self.add(*(one for one in directions if one.name not in taught))

    def remove(self, name: str) -> Book:
        self.get(name)
        return self._with(one for one in self.directions if one.name != name)

    def rename(self, name: str, new: str) -> Book:
        """A person's name for it. Raises UserError where the new name is taken."""
        new = checked_name(new)
        if new != name and any(one.name == new for one in self.directions):
            raise UserError(f"direction {new!r}: there is one of that name already")
        renamed = replace(self.get(name), name=new, named=True)
        return self._with(renamed if one.name == name else one for one in self.directions)

    def _with(self, directions: Iterable[Direction]) -> Book:
        ordered = sorted(directions, key=lambda one: not one.named)
        if len(ordered) > MOST:
            raise UserError(f"{len(ordered)} directions: a model keeps at most {MOST}; remove some")
        book = replace(self, directions=tuple(ordered), stale="")
        book._write()
        return book

    def _write(self) -> None:
        """Vectors first, together with those that were there: so no listed direction is ever without its vector."""
        listed, folder = _files(self.model)
        vectors = {_key(one.vector): one.vector.contiguous().clone() for one in self.directions}
        before = _vectors(folder) if folder.exists() and listed.exists() else {}
        _save(folder, before | vectors)
        entries = [described(one) | {"vector": _key(one.vector)} for one in self.directions]
        content = {"format": FORMAT, "model": self.weights, "directions": entries}
        files.write_text(listed, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        if before.keys() - vectors.keys():
            _save(folder, vectors)


def described(direction: Direction) -> dict[str, Any]:
    """All of a direction but its vector, as JSON."""
    return {key: value for key, value in asdict(replace(direction, vector=torch.empty(0))).items() if key != "vector"}


def exported(direction: Direction, weights: str) -> str:
    """A direction as a file of its own."""
    content = {"format": FORMAT, "model": weights, **described(direction), "shape": list(direction.vector.shape)}
    return json.dumps(content | {"vector": direction.vector.flatten().tolist()}, indent=1, ensure_ascii=False) + "\n"


def imported(path: Path, model: Model) -> Direction:
    """What `exported` wrote. Raises UserError for another model's, or for nonsense."""
    reader = Reader.of_file(path)
    weights, own = reader.text("model"), fingerprint(model)
    if weights != own:
        raise UserError(f"{path}: a direction of other weights ({weights[:8]}, not {own[:8]})")
    size = torch.Size(model.code_shape).numel()
    vector = torch.tensor(reader.numbers("vector", size)).reshape(model.code_shape)
    return _described(reader, vector)


def _described(reader: Reader, vector: Tensor) -> Direction:
    return Direction(
        checked_name(reader.text("name")),
        vector,
        reader.one_of("kind", get_args(Kind)),
        reader.number("confidence"),
        reader.one_of("measure", get_args(Measure)),
        reader.text("about"),
        reader.flag("named"),
        reader.maybe_number("reach") or 0.0,
    )


def _direction(reader: Reader, vectors: dict[str, Tensor], shape: tuple[int, ...]) -> Direction:
    vector = vectors.get(reader.text("vector"))
    if vector is None or vector.shape != shape:
        raise UserError(f"{reader.where}: its vector is missing or of another size; find the directions anew")
    return _described(reader, vector)


def _files(model: Model) -> tuple[Path, Path]:
    assert model.folder is not None, "fingerprint refuses a model without a folder"
    return model.folder / "directions.json", model.folder / "directions.safetensors"


def _vectors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path}: damaged or missing ({error}); remove directions.json beside it") from error


def _save(path: Path, vectors: dict[str, Tensor]) -> None:
    with files.replacing(path) as temporary:
        safetensors.torch.save_file(vectors, temporary)


def _key(vector: Tensor) -> str:
    return hashlib.sha256(vector.contiguous().numpy().tobytes()).hexdigest()[:24]
