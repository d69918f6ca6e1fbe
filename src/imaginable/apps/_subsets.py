"""The few real pictures that a proof is made with, and those that accuracy is measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import cache
from imaginable.data.dataset import Dataset


@dataclass(frozen=True)
class Real:
    """The different pictures of a data set's training part by class, in an order that their content and a seed decide:
    the first ten are among the first thirty. test: pictures of known class that nobody trains on, and no copies of what
    is trained on."""

    dataset: Dataset
    seed: int
    order: tuple[np.ndarray, ...]
    test: np.ndarray

    def subset(self, amount: int) -> Dataset:
        """So many pictures of each class (all, where there are fewer), and nothing else: nothing is held out.

        It holds copies of these items alone, so that whoever is given it cannot see others.
        """
        index = np.concatenate([order[:amount] for order in self.order])
        names = tuple(self.dataset.names[item] for item in index)
        digest = cache.key(self.dataset.manifest["digest"], list(names), self.seed)
        return replace(
            self.dataset,
            spec=replace(self.dataset.spec, count=len(index)),
            items=np.ascontiguousarray(self.dataset.items[index]),
            labels=self.dataset.labels[index],
            factors=self.dataset.factors[index],
            names=names,
            train=np.arange(len(index)),
            held_out=np.zeros(0, np.int64),
            masks=None,
            manifest={
                "source": self.dataset.manifest.get("source"),
                "digest": digest,
                "of_each_class": amount,
                "names": list(names),
            },
        )

    def short(self, amount: int) -> dict[str, int]:
        """Classes with fewer different pictures, and how many they have."""
        classes = self.dataset.spec.classes
        return {name: len(own) for name, own in zip(classes, self.order, strict=True) if len(own) < amount}


def real(dataset: Dataset, seed: int) -> Real:
    """Raises UserError where no picture of a known class is held out."""
    digests = [blake2b(np.ascontiguousarray(item).data, digest_size=16).hexdigest() for item in dataset.items]
    labels = dataset.labels
    count = len(dataset.spec.classes)
    order = tuple(_ordered(dataset.train[labels[dataset.train] == label], digests, seed) for label in range(count))
    trained = {digests[item] for item in dataset.train}
    aside = np.setdiff1d(np.arange(len(dataset.items)), dataset.train)
    test = np.array([item for item in aside if labels[item] >= 0 and digests[item] not in trained], dtype=np.int64)
    if not len(test):
        raise UserError("--prove: no picture of a known class is held out, so there is nothing to measure accuracy on")
    return Real(dataset, seed, order, test)


def _ordered(index: np.ndarray, digests: list[str], seed: int) -> np.ndarray:
    """Without copies, in an order that no name or place decides."""
    first = {digests[item]: int(item) for item in reversed(index)}
    return np.array([first[one] for one in sorted(first, key=lambda one: seeds.derive(seed, "subset", one))], np.int64)
