"""The real items that models are measured against, with everything of them that is computed once for all models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import uniform_filter

from imaginable.apps._features import Extractor
from imaginable.apps._items import Items
from imaginable.apps._rows import Figure, Row, row
from imaginable.core import seeds
from imaginable.metrics.frechet import frechet_distance
from imaginable.metrics.kernel import kernel_distance
from imaginable.metrics.neighbours import close_pair_distance, nearest

NOISE = 0.1
"""deviation of the noise in the frame of reference, in shares of the range from black to white"""
MOST_TRAINING = 50_000
"""training items that samples are looked for among"""


@dataclass(frozen=True)
class Reference:
    """Held-out items, and the features to compare by."""

    items: Items
    extractor: Extractor
    seed: int

    @cached_property
    def features(self) -> np.ndarray:
        """(n, d)"""
        return self.extractor.features(self.items.seen)

    @cached_property
    def training(self) -> np.ndarray:
        """Indices of training items, at most MOST_TRAINING, in random order."""
        random = np.random.Generator(np.random.Philox(seeds.derive(self.seed, "training items")))
        order: np.ndarray = random.permutation(self.items.dataset.train)[:MOST_TRAINING]
        return order

    @cached_property
    def training_features(self) -> np.ndarray:
        blocks = (self.training[at : at + 1024] for at in range(0, len(self.training), 1024))
        return np.concatenate([self.extractor.features(self.items.show(block)) for block in blocks])

    @cached_property
    def to_training(self) -> np.ndarray:
        """Distance of every held-out item to its nearest training item, (n,)."""
        return nearest(self.features, self.training_features)[0]

    @cached_property
    def close(self) -> float:
        """The distance below which two items are near-duplicates."""
        return close_pair_distance(self.features)

    @cached_property
    def shares(self) -> np.ndarray:
        """Of the classes among the held-out items, as the extractor sees them, (classes,)."""
        probabilities = self.extractor.probabilities(self.features)
        assert probabilities is not None, "asked of a classifier only"
        counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
        shares: np.ndarray = counts / counts.sum()
        return shares

    @property
    def distance_figures(self) -> tuple[Figure, Figure]:
        of = self.extractor.figure
        return Figure("fd", of("FD"), "lower"), Figure("kd", of("KD"), "lower")

    def distances(self, features: np.ndarray) -> list[Row]:
        """From the held-out items: the Fréchet and the kernel distance."""
        return self._between(self.features, features)

    def _between(self, first: np.ndarray, second: np.ndarray) -> list[Row]:
        frechet, kernel = self.distance_figures
        return [
            row(frechet, lambda: frechet_distance(first, second)),
            row(kernel, lambda: kernel_distance(first, second)),
        ]

    @cached_property
    def frame(self) -> dict[str, list[Row]]:
        """What the distances come to where one knows what to think of them.

        All from as many training items, and not from the held-out ones: the kernel distance is unbiased for independent
        sets only, and falls far below zero between items and a slight change of themselves.
        """
        training = self.training_features[: len(self.items)]
        found = {"held-out items (the floor)": self._between(training, self.features)}
        if self.items.are_pictures:
            blurred, noisy = blur(self.items.seen), noise(self.items.seen, self.seed)
            found["held-out items, blurred by a 3x3 box"] = self._between(training, self.extractor.features(blurred))
            found[f"held-out items, with {NOISE:.0%} noise"] = self._between(training, self.extractor.features(noisy))
        return found

    def frame_lines(self) -> Iterator[str]:
        """The same for a terminal; reasons for what is none are in the table already."""
        for name, found in self.frame.items():
            known = [f"{one.name} {one.text}" for one in found if one.score is not None]
            yield f"  {name}: {', '.join(known) or 'none'}"


def blur(pictures: np.ndarray, size: int = 3) -> np.ndarray:
    """uint8 (n, h, w, c) under a box filter of size x size pixels."""
    blurred = uniform_filter(pictures.astype(np.float32), (0, size, size, 0), mode="nearest")
    return np.asarray(blurred.round(), np.uint8)


def noise(pictures: np.ndarray, seed: int, deviation: float = NOISE) -> np.ndarray:
    """uint8 (n, h, w, c) with Gaussian noise, its deviation in shares of the range."""
    random = np.random.Generator(np.random.Philox(seeds.derive(seed, "noise")))
    noisy = pictures + np.float32(255 * deviation) * random.standard_normal(pictures.shape, dtype=np.float32)
    return np.asarray(noisy.round().clip(0, 255), np.uint8)
