"""Pictures with labelled defects, and good ones, that a model is tried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaginable.apps import _calibration, _items, _pictures, _truth
from imaginable.apps._contest import Asked
from imaginable.apps._detector import Detector
from imaginable.apps._truth import Truth
from imaginable.core.errors import UserError, nearest
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.data.prepare import prepare
from imaginable.model import Model

GOOD = ("good", "normal", "ok")
"""names by which a class of good pictures is known"""


@dataclass(frozen=True)
class Labelled:
    """Pictures `index` of a data set. is_good: (n,) bool, those with nothing wrong. kinds: (n,) bool each, the others,
    by the names of their defects. truth: where these are, if that is known. own: what the model was trained on."""

    dataset: Dataset
    index: np.ndarray
    is_good: np.ndarray
    kinds: Mapping[str, np.ndarray]
    truth: Truth | None
    own: Dataset
    said: str

    def show(self, number: int) -> np.ndarray:
        """One of them, uint8 (h, w, c)."""
        picture: np.ndarray = images.to_uint8(self.dataset.batch(self.index[number : number + 1]).x)[0]
        return picture


def labelled(detector: Detector, asked: Asked, good: str | None, boxes: Path | None) -> Labelled:
    """The pictures of DATA: of one with a split of its own the held-out ones, else all; neither trained nor calibrated
    on. Raises UserError without good pictures or without others."""
    model, own = detector.model, _pictures.training_data(asked.run, "labelled defects")
    options = _items.options_like(model, asked.data)
    dataset = prepare(options, say=asked.say)
    if dataset.spec.shape != model.trained.spec.shape:
        raise UserError(f"{asked.data}: {dataset.spec.said}, and {model.name} was trained on {model.trained.spec.said}")
    names = _good_names(dataset, asked.data, good)
    own_split = dataset.manifest["split"]["how"].startswith("as given")
    index = dataset.held_out if own_split else np.arange(len(dataset.items))
    before = len(index)
    index = _items.drawn(index, asked.n, asked.seed)
    index = index[_fresh(dataset, index, own, detector) & (dataset.labels[index] >= 0)]
    numbers = [dataset.spec.classes.index(name) for name in names]
    is_good = np.isin(dataset.labels[index], numbers)
    if not is_good.any() or is_good.all():
        what = "good pictures" if not is_good.any() else "defects"
        raise UserError(
            f"{asked.data}: no {what} among its {len(index):,} labelled pictures that were not learned from"
        )
    kinds = {
        name: dataset.labels[index] == number
        for number, name in enumerate(dataset.spec.classes)
        if name not in names and (dataset.labels[index] == number).any()
    }
    left_out = f", {before - len(index):,} learned from or unlabelled left out" if before > len(index) else ""
    said = f"{is_good.sum():,} good pictures and {(~is_good).sum():,} with defects of {asked.data}{left_out}"
    return Labelled(dataset, index, is_good, kinds, _truth_of(model, dataset, index, asked, boxes), own, said)


def _good_names(dataset: Dataset, data: str, good: str | None) -> list[str]:
    classes = dataset.spec.classes
    if not classes:
        raise UserError(
            f"{data}: no labelled defects; put good pictures and each kind of defect into folders of their own"
        )
    names = good.split(",") if good else [name for name in classes if name.lower() in GOOD][:1]
    if not names:
        raise UserError(
            f"{data}: which of {', '.join(classes)} are good? name them with --good NAME or --good NAME,NAME"
        )
    for name in names:
        if name not in classes:
            raise UserError(f"--good {name}: no such class{nearest(name, classes)} (there are: {', '.join(classes)})")
    return names


def _fresh(dataset: Dataset, index: np.ndarray, own: Dataset, detector: Detector) -> np.ndarray:
    """Which were neither trained on nor calibrated on, by what they look like, (n,) bool."""
    seen = {_calibration.digest_of(own.items[item]) for item in own.train} | detector.used
    return np.array([_calibration.digest_of(dataset.items[item]) not in seen for item in index], dtype=bool)


def _truth_of(model: Model, dataset: Dataset, index: np.ndarray, asked: Asked, boxes: Path | None) -> Truth | None:
    names = [dataset.names[item] for item in index]
    if asked.masks is not None and boxes is not None:
        raise UserError("--masks and --boxes both say where defects are: name one of them")
    if boxes is not None:
        return _truth.from_boxes(boxes, _items.options_like(model, asked.data), names, model.shape)
    return None if asked.masks is None else _truth.from_masks(asked.masks, names, model.shape)
