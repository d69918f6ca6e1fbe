"""The items of a data set that a model is measured on: held out from training, and the same ones every time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from torch import Tensor

from imaginable.apps._pictures import Say
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.data.sources import open_source
from imaginable.model import Model


@dataclass(frozen=True)
class Items:
    """Items `index` of a data set. said: which they are, for a person. target_index: those of B, of domains."""

    options: DataOptions
    dataset: Dataset
    index: np.ndarray
    said: str
    target_index: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

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


def choose(
    model: Model,
    data: str,
    most: int,
    *,
    everything: bool,
    binarise: bool,
    seed: int,
    say: Say,
    masks: str | None = None,
    side_by_side: bool = False,
) -> Items:
    """At most so many items of the data, read as the model's own were, chosen by the seed.

    Those held out are the same ones as in training, however the data is limited; `everything` chooses among all.
    masks, side_by_side: as in DataOptions. Raises UserError where the data's items are not of the model's shape, or
    none is held out.
    """
    options = options_like(model, data, binarise, masks, side_by_side)
    dataset = prepare(options, say=say, consumes=frozenset({model.trained.spec.kind}))
    spec = model.trained.spec
    if dataset.spec.said != spec.said:
        raise UserError(f"{data}: {dataset.spec.said}, and {model.name} was trained on {spec.said}")
    kept = [(dataset.train, dataset.held_out)]
    if dataset.spec.kind == "domains":
        kept.append((dataset.target_train, dataset.target_held_out))
    among = [np.sort(np.concatenate(both)) if everything else both[1] for both in kept]
    if not all(len(index) for index in among):
        raise UserError(f"{data}: nothing in it is held out from training; measure on all of it with --everything")
    index, *rest = (drawn(index, most, seed) for index in among)
    counts, of = (" and ".join(f"{len(one):,}" for one in ones) for ones in ((index, *rest), among))
    what = {"pairs": "pairs", "domains": "items of A and of B"}.get(dataset.spec.kind, "items")
    which = f"{of} {what if everything else f'held-out {what}'}"
    binarised = ", binarised once with a fixed seed" if options.binarise else ""
    read = "" if dataset.spec.kind == "points" else f", read as {_read(dataset.spec.shape)} like the model's own"
    return Items(options, dataset, index, f"{counts} of the {which} of {data}{read}{binarised} (seed {seed})", *rest)


def choose_whole(model: Model, data: str, most: int, *, everything: bool, seed: int, say: Say) -> tuple[list[str], str]:
    """Names of at most so many pictures, which will be read in their own sizes; and which they are, for a person."""
    if everything:
        with open_source(options_like(model, data)) as source:
            if source.points:
                raise UserError(f"{data}: these are points, no pictures")
            names = [item.name for item in source.items]
    else:
        dataset = prepare(options_like(model, data), say=say)
        if not len(dataset.held_out):
            raise UserError(f"{data}: nothing in it is held out from training; measure on all of it with --everything")
        names = [dataset.names[item] for item in dataset.held_out]
    chosen = [names[number] for number in drawn(np.arange(len(names)), most, seed)]
    which = "pictures" if everything else "held-out pictures"
    return chosen, f"{len(chosen):,} of the {len(names):,} {which} of {data}, in their own sizes (seed {seed})"


def drawn(index: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of them, in their order."""
    order = np.random.Generator(np.random.Philox(seeds.derive(seed, "evaluate"))).permutation(len(index))
    chosen: np.ndarray = index[np.sort(order[:most])]
    return chosen


def _read(shape: tuple[int, ...]) -> str:
    return f"{shape[2]}x{shape[1]} {'grey' if shape[0] == 1 else 'colour'}"


def options_like(
    model: Model, data: str, binarise: bool = False, masks: str | None = None, side_by_side: bool = False
) -> DataOptions:
    """Data read as the model's own was."""
    about, spec = model.about, model.trained.spec
    if spec.kind == "points":
        return DataOptions(data)
    unlike = len({shape[0] for shape in spec.shapes}) > 1  # one side grey, and one in colour
    return DataOptions(
        data,
        size=model.shape.size,
        colour="auto" if unlike else model.shape.colour,
        fit=about.get("fit", "crop"),
        background=about.get("background", "white"),
        side_by_side=side_by_side,
        masks=masks,
        binarise=binarise or about.get("binarise", False),
    )
