"""What is measured of samples alone, whoever made them: rows of figures against held-out items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imaginable.apps._reference import Reference
from imaginable.apps._rows import Figure, Row, row, rows
from imaginable.metrics.classes import class_divergence, classifier_score
from imaginable.metrics.manifold import manifold
from imaginable.metrics.neighbours import copies, duplicates, nearest
from imaginable.metrics.sharpness import sharpness
from imaginable.metrics.sliced_wasserstein import sizes_of, sliced_wasserstein

PATCHES = 16
"""of every picture, for the sliced Wasserstein distance"""

MANIFOLD = (
    Figure("precision", "precision (samples that could be real)", "higher"),
    Figure("recall", "recall (real items that could be samples)", "higher"),
    Figure("density", "density of real items around samples", "higher"),
    Figure("coverage", "coverage (real items with a sample near)", "higher"),
)
SHARPNESS = Figure("sharpness", "sharpness (1 = as sharp as real)", "near one")
DUPLICATES = (
    Figure("duplicates", "near-duplicates (real: 0.01)", "lower"),
    Figure("support", "distinct pictures, birthday estimate", "higher"),
)
COPIES = Figure("copies", "copies of training items (real: 0.01)", "lower")


@dataclass(frozen=True)
class Drawn:
    """Samples as people see them, uint8 (n, h, w, c) or points (n, d), beside the reference."""

    samples: np.ndarray
    reference: Reference

    @cached_property
    def features(self) -> np.ndarray:
        return self.reference.extractor.features(self.samples)

    @cached_property
    def to_training(self) -> tuple[np.ndarray, np.ndarray]:
        """Of every sample: distance to its nearest training item, and which of `reference.training` that is."""
        return nearest(self.features, self.reference.training_features)

    def rows(self) -> Iterator[Row]:
        reference = self.reference
        yield from reference.distances(self.features)
        yield from rows(MANIFOLD, lambda: manifold(reference.features, self.features))
        yield from self._classes()
        if reference.items.are_pictures:
            yield row(SHARPNESS, lambda: sharpness(self.samples, reference.items.seen))
            yield from self._textures()
        yield from rows(DUPLICATES, lambda: duplicates(self.features, reference.close))
        yield row(COPIES, lambda: copies(self.to_training[0], reference.to_training))

    def _classes(self) -> Iterator[Row]:
        probabilities = self.reference.extractor.probabilities(self.features)
        if probabilities is None:
            return
        score, divergence = _of_classes(self.reference)
        yield row(score, lambda: classifier_score(probabilities))
        yield row(divergence, lambda: class_divergence(probabilities.argmax(1), self.reference.shares))

    def _textures(self) -> Iterator[Row]:
        real, seed = self.reference.items.seen, self.reference.seed
        yield from rows(
            _of_textures(self.reference), lambda: list(sliced_wasserstein(real, self.samples, seed, PATCHES).values())
        )


def without(reference: Reference, why: str) -> Iterator[Row]:
    """The same rows of a model that draws nothing."""
    classes = () if reference.extractor.head is None else _of_classes(reference)
    pictured = (SHARPNESS, *_of_textures(reference)) if reference.items.are_pictures else ()
    for figure in (*reference.distance_figures, *MANIFOLD, *classes, *pictured, *DUPLICATES, COPIES):
        yield figure.none(why)


def _of_classes(reference: Reference) -> tuple[Figure, Figure]:
    most = len(reference.items.dataset.spec.classes)
    return (
        Figure("classifier_score", f"classifier score, at most {most}", "higher"),
        Figure("class_divergence", "class histogram against held-out", "lower", "nats"),
    )


def _of_textures(reference: Reference) -> list[Figure]:
    levels = sizes_of(min(reference.items.seen.shape[1:3]))
    return [Figure(f"swd_{at}", f"sliced Wasserstein at {at} px, x 1,000", "lower") for at in levels]
