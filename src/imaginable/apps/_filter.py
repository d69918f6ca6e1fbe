"""The rule by which made pictures are kept: they are of their class, near to it, and no near-copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imaginable.apps import _features
from imaginable.apps._neighbours import Neighbours, own_distances
from imaginable.apps._pictures import Say
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._classifier import Classifier
from imaginable.metrics.neighbours import nearest

COPY, OTHER, FAR = "nearly a copy", "another class", "far from its class"
REASONS = (COPY, OTHER, FAR)
"""in the order in which they are asked: a picture that several hold for is counted at the first"""
SHARE = 0.99
"""of the real pictures' distances that are near"""
ENOUGH = 100
"""pictures of a class with a quantile of their own"""
_BLOCK = 1024


@dataclass(frozen=True)
class Judged:
    """Of each picture, (n,): the reason why it is refused, or "". probability: of its class, by the classifier.
    features: distance to the nearest training picture of its class. distance: to the nearest one of all, in grey
    levels; nearest: that one's name."""

    reason: np.ndarray
    probability: np.ndarray
    features: np.ndarray
    distance: np.ndarray
    nearest: tuple[str, ...]


class Filter:
    """Made of the training part of a data set with classes; nothing else of it is looked at, but for `yardstick`.

    Trains a classifier on it, once. mirrored: a mirror image counts as a copy.
    """

    def __init__(self, options: DataOptions, dataset: Dataset, mirrored: bool, say: Say) -> None:
        size = dataset.spec.shape[-1]
        if not Classifier.sizes.takes(size):
            raise UserError(
                f"augment: the classifier takes {Classifier.sizes.least} to {Classifier.sizes.most} px, not {size}"
            )
        self.dataset, self.mirrored = dataset, mirrored
        self.extractor = _features.classifier(options, dataset, say)
        self.neighbours = Neighbours(dataset)
        labels = dataset.labels[dataset.train]
        count = len(dataset.spec.classes)
        self._real = [self._features_of(dataset.train[labels == label]) for label in range(count)]
        self.limits = _limits(self._real)

    def _features_of(self, index: np.ndarray) -> np.ndarray:
        blocks = [index[at : at + _BLOCK] for at in range(0, len(index), _BLOCK)]
        found = [self.extractor.features(images.to_uint8(self.dataset.batch(block).x)) for block in blocks]
        return np.concatenate(found) if found else np.zeros((0, 1), np.float32)

    def judge(self, arrays: np.ndarray, label: int) -> Judged:
        """Pictures that were made to be of a class, uint8 (n, h, w, c)."""
        features = self.extractor.features(arrays)
        chances = self.extractor.probabilities(features)
        assert chances is not None, "a classifier knows classes"
        apart, _ = nearest(features, self._real[label])
        distance, index = self.neighbours.apart(arrays, self.mirrored)
        reason = np.full(len(arrays), "", dtype=object)
        reason[apart > self.limits[label]] = FAR
        reason[chances.argmax(1) != label] = OTHER
        reason[distance < self.neighbours.copy_below] = COPY
        names = tuple(self.dataset.names[item] for item in index)
        return Judged(reason, chances[:, label], apart, distance, names)

    def yardstick(self, labels: Sequence[int], most: int = 1000) -> dict[str, float]:
        """Shares of held-out real pictures of these classes that each reason refuses; empty where none are held out."""
        held_out = self.dataset.held_out[:: max(1, len(self.dataset.held_out) // most)]
        reasons: list[str] = []
        for label in labels:
            own = held_out[self.dataset.labels[held_out] == label]
            if len(own):
                reasons += list(self.judge(images.to_uint8(self.dataset.batch(own).x), label).reason)
        return {one: reasons.count(one) / len(reasons) for one in REASONS} | {"n": len(reasons)} if reasons else {}

    def said(self) -> dict[str, str]:
        """The rule, a sentence for each reason."""
        mirrored = ", mirrored or not," if self.mirrored else ""
        return {
            COPY: f"below {self.neighbours.copy_below:.1f} grey levels (root mean square, at 16 pixels on a side) from "
            f"some training picture{mirrored} as 1 % of those are from each other, or half as far as is usual "
            f"({self.neighbours.usual:.1f}), whichever is less",
            OTHER: "a classifier trained on the training pictures holds another class for more probable",
            FAR: "by the classifier's features farther from the nearest training picture of its class than "
            f"{SHARE:.0%} of those are from their nearest other one (of all classes, where one has under {ENOUGH})",
        }


def _limits(real: Sequence[np.ndarray]) -> list[float]:
    """A distance for each class, of whose training pictures these are the features."""
    own = [own_distances(features) if len(features) > 1 else np.zeros(0) for features in real]
    pooled = np.concatenate(own)
    of = [distances if len(distances) >= ENOUGH else pooled for distances in own]
    return [float(np.quantile(distances, SHARE)) if len(distances) else 0.0 for distances in of]


def refuse_unusable(dataset: Dataset, classes: Sequence[str], source: str) -> None:
    """Raises UserError, naming the class, where it has no two training pictures that differ."""
    for name in classes:
        label = dataset.spec.classes.index(name)
        own = dataset.train[dataset.labels[dataset.train] == label]
        if len(own) < 2:
            aside = int((dataset.labels == label).sum()) - len(own)
            held = f"{'1 training picture' if len(own) else 'no training picture'} ({aside} held out or not used)"
            raise UserError(f"{source}: class {name!r} has {held}, and at least 2 are needed: add pictures of it")
        if not (dataset.items[own[1:]] != dataset.items[own[0]]).any():
            raise UserError(
                f"{source}: all {len(own)} training pictures of class {name!r} look exactly the same, "
                "so there is nothing to vary: add other pictures"
            )
