"""Codes that a person names: a picture, a seed, or the average of a labelled group."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from imaginable.apps import _design, _pictures
from imaginable.apps._inverter import Inverter
from imaginable.apps._pictures import Say
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.methods._method import Encodes
from imaginable.model import Model


def code(word: str, run: Path, model: Model, say: Say = print) -> Tensor:
    """The code that `word` stands for, of the model's code shape.

    A whole number is a seed; a .json file a recipe; an existing file or folder its (mean) code; `label:NAME` the mean
    code of the training items of that class. Raises UserError for anything else.
    """
    if word.isdigit():
        return model.latents(1, int(word))[0]
    if word.startswith("label:"):
        _need_encoder(word, model)
        return _group(word.removeprefix("label:"), run, model)
    if word.endswith(".json"):
        return _design.code_of(model, _design.load_recipe(Path(word), model))
    if _pictures.is_data(word):
        x = images.to_float(_pictures.read(word, model, say).arrays)
        return model.encode_tensor(x).mean(0) if model.can(Encodes) else _inverted(x, word, run, model, say)
    others = "nor a picture or folder, nor a recipe (.json), nor label:NAME of a class"
    raise UserError(f"{word}: neither a seed (a whole number), {others}")


def _inverted(x: Tensor, word: str, run: Path, model: Model, say: Say) -> Tensor:
    say(f"{model.name} has no encoder: looking for the code of {word}")
    found = Inverter.of(model, run, say).invert(x)
    say(f"{word}: found with a mean squared error of {float(found.error.mean()):.5f} (see: imaginable invert)")
    return found.code.mean(0)


def _need_encoder(word: str, model: Model) -> None:
    if not model.can(Encodes):
        raise UserError(
            f"{word}: {model.name} has no encoder, so groups have no codes; name pictures or seeds (whole numbers)"
        )


def _group(name: str, run: Path, model: Model) -> Tensor:
    classes = model.trained.spec.classes
    if name not in classes:
        known = ", ".join(classes) or "none: the model was trained without labels"
        raise UserError(f"label:{name}: no such class (classes: {known})")
    dataset = _pictures.training_data(run, f"label:{name}")
    chosen = dataset.train[dataset.labels[dataset.train] == classes.index(name)]
    return model.encode_tensor(dataset.batch(chosen).x).mean(0)
