"""What people said of pictures, class by class and factor by factor, and a network that says the same of new ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from imaginable.apps import _networks
from imaginable.apps._pictures import Say
from imaginable.core import config
from imaginable.data import cache, images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods import _storage
from imaginable.methods._reader import Reader
from imaginable.training.job import Job, Training

LONGEST = 60_000
"""images that a reader is trained on at most"""
EPOCHS, SHORTEST = 15, 20_000
_BLOCK = 256


@dataclass(frozen=True)
class Known:
    """One thing said of items. values: (n,) float, NaN = unknown; indices into `words`, or numbers without words."""

    name: str
    values: np.ndarray
    words: tuple[str, ...] = ()

    def is_word(self, word: str) -> np.ndarray:
        """Which items it is said of, (n,) bool."""
        chosen: np.ndarray = self.values == self.words.index(word)
        return chosen

    @property
    def told(self) -> np.ndarray:
        """Which items anything is known of, (n,) bool."""
        told: np.ndarray = np.isfinite(self.values)
        return told


def everything_known(dataset: Dataset) -> list[Known]:
    """Of all items: the classes first, as "class", then the factors."""
    known = []
    if dataset.spec.classes:
        labels = np.where(dataset.labels < 0, np.nan, dataset.labels.astype(np.float64))
        known.append(Known("class", labels, dataset.spec.classes))
    for column, name in enumerate(dataset.spec.factors):
        known.append(Known(name, dataset.factors[:, column].astype(np.float64), _words(dataset, name)))
    return known


def _words(dataset: Dataset, factor: str) -> tuple[str, ...]:
    return tuple(dataset.manifest.get("factor_values", {}).get(factor, ()))


@dataclass(frozen=True)
class PictureReader:
    """Reads pictures: a number for each factor that is one, probabilities of the words for each other."""

    network: nn.Module
    parts: tuple[tuple[str, tuple[str, ...], float, float], ...]  # name, words, mean, deviation

    @torch.no_grad()
    def read(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        """Of uint8 pictures (n, h, w, c): (n,) for numbers, in their own unit, (n, words) for the others."""
        blocks = [pictures[at : at + _BLOCK] for at in range(0, len(pictures), _BLOCK)]
        answers = torch.cat([self.network(images.to_float(block)).float() for block in blocks])
        found, at = {}, 0
        for name, words, mean, deviation in self.parts:
            if words:
                found[name] = torch.softmax(answers[:, at : at + len(words)].double(), 1).numpy()
            else:
                found[name] = (answers[:, at].double() * deviation + mean).numpy()
            at += max(1, len(words))
        return found


def reader_of(
    options: DataOptions, dataset: Dataset, say: Say, seed: int = 0, part: np.ndarray | None = None
) -> PictureReader:
    """Trained once on a data set's training items, or on `part` of them, and kept.

    seed: readers with different seeds and parts are independent of each other.
    """
    known = everything_known(dataset)
    if part is not None:
        dataset = dataclasses.replace(dataset, train=part)
    scaled, parts = _standardised(dataset, known)
    method = Reader(words=tuple(len(one.words) for one in known if one.name in dataset.spec.factors))
    epochs = EPOCHS * len(dataset.train)
    training = Training(images=min(LONGEST, max(SHORTEST, epochs)), batch=64, seed=seed)
    folder = _folder(options, dataset, method, training, part)
    if not (folder / "model.yaml").exists():
        say(f"training a reader of {', '.join(one.name for one in known)}, once ({training.images:,} images)")
        _networks.train_once(Job(method, options, training, ""), scaled, folder, say)
    network = _storage.load(folder, Reader).networks.get_submodule("reader")
    return PictureReader(network, parts)


def _standardised(
    dataset: Dataset, known: Sequence[Known]
) -> tuple[Dataset, tuple[tuple[str, tuple[str, ...], float, float], ...]]:
    """The data set with factors that are numbers at mean 0 and deviation 1 over its training items."""
    factors, parts = dataset.factors.copy(), []
    for one in known:
        mean, deviation = 0.0, 1.0
        if not one.words:
            own = one.values[dataset.train]
            mean, deviation = float(np.nanmean(own)), float(np.nanstd(own)) or 1.0
            factors[:, dataset.spec.factors.index(one.name)] = (one.values - mean) / deviation
        parts.append((one.name, one.words, mean, deviation))
    return dataclasses.replace(dataset, factors=factors), tuple(parts)


def _folder(
    options: DataOptions, dataset: Dataset, method: Reader, training: Training, part: np.ndarray | None
) -> Path:
    """By content, as the classifiers' (apps/_features.py)."""
    spec = dataset.spec
    matters = [options.fit, options.background, options.limit, options.unlabelled, options.binarise]
    fields = [config.to_mapping(method), config.to_mapping(training), None if part is None else part.tolist()]
    name = cache.key("reader", dataset.manifest["digest"], list(spec.shape), list(spec.factors), matters, fields)
    return cache.folder() / "readers" / name
