"""The items of a data set that a model is measured on: held out from training, and the same ones every time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from imaginable.apps._pictures import Say
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.model import Model


@dataclass(frozen=True)
class Items:
    """Items `index` of a data set. said: which they are, for a person."""

    options: DataOptions
    dataset: Dataset
    index: np.ndarray
    said: str

    def __len__(self) -> int:
        return len(self.index)

    @property
    def are_pictures(self) -> bool:
        return self.dataset.spec.kind == "images"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.dataset.names[item] for item in self.index)

    @cached_property
    def x(self) -> Tensor:
        """(n, *shape), as networks take them."""
        return self.dataset.batch(self.index).x

    @cached_property
    def seen(self) -> np.ndarray:
        """As people see them: uint8 (n, h, w, c), or points (n, d)."""
        return self.show(self.index)

    def show(self, index: np.ndarray) -> np.ndarray:
        """The same of any items of the data set."""
        x = self.dataset.batch(index).x
        return images.to_uint8(x) if self.are_pictures else x.numpy()

    def labels(self, model: Model) -> Tensor | None:
        """Their classes, where the model was told the same ones."""
        told = model.classes and model.classes == self.dataset.spec.classes
        return self.dataset.batch(self.index).label if told else None


def choose(model: Model, data: str, most: int, *, everything: bool, binarise: bool, seed: int, say: Say) -> Items:
    """At most so many items of the data, read as the model's own were, chosen by the seed.

    Those held out are the same ones as in training, however the data is limited; `everything` chooses among all.
    Raises UserError where the data's items are not of the model's shape, or none is held out.
    """
    options = _options(model, data, binarise)
    dataset = prepare(options, say=say)
    if dataset.spec.shape != model.trained.spec.shape:
        raise UserError(f"{data}: {_shape(dataset)}, and {model.name} was trained on {_shape(model.trained)}")
    index = np.sort(np.concatenate([dataset.train, dataset.held_out])) if everything else dataset.held_out
    if not len(index):
        raise UserError(f"{data}: nothing in it is held out from training; measure on all of it with --everything")
    which = f"{len(index):,} {'items' if everything else 'held-out items'}"
    order = np.random.Generator(np.random.Philox(seeds.derive(seed, "evaluate"))).permutation(len(index))
    index = index[np.sort(order[:most])]
    drawn = ", binarised once with a fixed seed" if options.binarise else ""
    read = "" if dataset.spec.kind == "points" else f", read as {_read(dataset.spec.shape)} like the model's own"
    return Items(options, dataset, index, f"{len(index):,} of the {which} of {data}{read}{drawn} (seed {seed})")


def _read(shape: tuple[int, ...]) -> str:
    return f"{shape[2]}x{shape[1]} {'grey' if shape[0] == 1 else 'colour'}"


def _options(model: Model, data: str, binarise: bool) -> DataOptions:
    """Data read as the model's own was."""
    about = model.about
    if model.trained.spec.kind != "images":
        return DataOptions(data)
    return DataOptions(
        data,
        size=model.shape.size,
        colour=model.shape.colour,
        fit=about.get("fit", "crop"),
        background=about.get("background", "white"),
        binarise=binarise or about.get("binarise", False),
    )


def _shape(of: Any) -> str:
    return f"{of.spec.kind} {'x'.join(map(str, of.spec.shape))}"
