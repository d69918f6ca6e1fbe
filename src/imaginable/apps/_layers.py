"""Layers as a person names them: `3-6`, or [3, 6] in a recipe; of models whose layers have codes of their own."""

from __future__ import annotations

import re

from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.latent.styles import Layers
from imaginable.methods._method import Styles
from imaginable.model import Model


def parse(text: str, where: str) -> Layers:
    """`3-6` or `5`. Raises UserError, beginning with `where`, when it is none."""
    found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", text)
    if found is None:
        raise UserError(f"{where}: layers {text[:40]!r}: a first and a last one were expected, such as 3-6")
    return _ordered(int(found[1]), int(found[2] or found[1]), where)


def read(reader: Reader) -> Layers:
    """The two whole numbers at `layers`. Raises UserError when they are none."""
    values = reader.numbers("layers")
    if len(values) != 2 or not all(value.is_integer() for value in values):
        raise UserError(f"{reader.where}: layers {values}: a first and a last one were expected, such as [3, 6]")
    return _ordered(int(values[0]), int(values[1]), reader.where)


def _ordered(first: int, last: int, where: str) -> Layers:
    if not 1 <= first <= last:
        raise UserError(f"{where}: layers {first}-{last}: they are counted from 1, and the first comes first")
    return first, last


def checked(model: Model, layers: Layers | None, where: str) -> None:
    """Raises UserError, beginning with `where`, for layers that the model has not. None is all of them, and fits any
    model."""
    if layers is None:
        return
    if not model.can(Styles):
        raise UserError(f"{where}: {model.name} has no layers with codes of their own; leave layers out")
    if layers[1] > model.code_shape[0]:
        named = f"{layers[0]}-{layers[1]}"
        raise UserError(f"{where}: layers {named}: those of this model go from 1 to {model.code_shape[0]}")
