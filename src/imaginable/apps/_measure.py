"""Everything that is measured of one model against held-out items: rows of figures, the same ones for every model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from imaginable.apps._reference import Reference
from imaginable.apps._rows import Figure, Row, row, rows
from imaginable.core import seeds
from imaginable.data import images
from imaginable.methods._method import Bounds, Decodes, Encodes, Quantises, Samples
from imaginable.metrics import structure
from imaginable.metrics.classes import class_divergence, classifier_score
from imaginable.metrics.likelihood import bits_per_dimension, bounds, mean_and_error
from imaginable.metrics.manifold import manifold
from imaginable.metrics.neighbours import copies, duplicates, nearest
from imaginable.metrics.path_length import perceptual_path_length
from imaginable.metrics.reconstruction import mean_squared_error, peak_signal_to_noise
from imaginable.metrics.score import Score
from imaginable.metrics.sharpness import sharpness
from imaginable.metrics.sliced_wasserstein import sliced_wasserstein
from imaginable.model import Model

PAIRS = 500
"""pairs of codes whose paths are looked at"""
STEP = 1e-2
"""along a path, whose length is 1: short enough to be straight, long enough for single precision"""
BOUND_ITEMS, BOUND_DRAWS = 500, 20
"""of the likelihood's row; evaluate --likelihood takes more"""
PATCHES = 16
"""of every picture, for the sliced Wasserstein distance"""
_BLOCK = 512


@dataclass(frozen=True)
class Measured:
    """A model beside the reference. What is drawn is drawn once, with the same seed for every model."""

    model: Model
    reference: Reference

    @property
    def draws(self) -> bool:
        """Whether there is a prior to draw samples from."""
        return self.model.can(Decodes) and (self.model.can(Samples) or self.model.fitted is not None)

    @cached_property
    def samples(self) -> np.ndarray:
        """As many as there are held-out items, uint8 (n, h, w, c), of the same classes where it was told them."""
        n, seed = len(self.reference.items), self.reference.seed
        labels = self.reference.items.labels(self.model)
        return self.decoded(self.model.latents(n, seed, label=labels), labels)

    @cached_property
    def features(self) -> np.ndarray:
        return self.reference.extractor.features(self.samples)

    @cached_property
    def to_training(self) -> tuple[np.ndarray, np.ndarray]:
        """Of every sample: distance to its nearest training item, and which of `reference.training` that is."""
        return nearest(self.features, self.reference.training_features)

    @cached_property
    def rebuilt(self) -> Tensor:
        """Reconstructions of the held-out items."""
        labels = self.reference.items.labels(self.model)
        codes = self.model.encode_tensor(self.reference.items.x, labels)
        return self.model.decode_tensor(codes, labels)

    def decoded(self, codes: Tensor, labels: Tensor | None) -> np.ndarray:
        """In blocks, kept as bytes: floats of thousands of large pictures would not fit."""
        parts = []
        for at in range(0, len(codes), _BLOCK):
            own = None if labels is None else labels[at : at + _BLOCK]
            x = self.model.decode_tensor(codes[at : at + _BLOCK], own)
            parts.append(images.to_uint8(x) if self.reference.items.are_pictures else x.numpy())
        return np.concatenate(parts)

    @cached_property
    def rows(self) -> list[Row]:
        return [*self._of_samples(), *self._of_codes()]

    def row(self, key: str) -> Row | None:
        return next((one for one in self.rows if one.key == key), None)

    # ---- samples

    def _of_samples(self) -> Iterator[Row]:
        if not self.draws:
            why = f"{self.model.name} has no prior to draw samples from (fit one: imaginable sample RUN --prior fitted)"
            figures = [*self.reference.distance_figures, *_MANIFOLD, _SHARPNESS, *_DUPLICATES, self._path_figure]
            yield from (figure.none(why) for figure in figures)
            return
        yield from self.reference.distances(self.features)
        yield from rows(_MANIFOLD, lambda: manifold(self.reference.features, self.features))
        yield from self._of_classes()
        if self.reference.items.are_pictures:
            held_out = self.reference.items.seen
            yield row(_SHARPNESS, lambda: sharpness(self.samples, held_out))
            yield from self._of_textures(held_out)
        yield from rows(_DUPLICATES, lambda: duplicates(self.features, self.reference.close))
        yield row(_COPIES, lambda: copies(self.to_training[0], self.reference.to_training))
        yield self._smoothness()

    def _of_classes(self) -> Iterator[Row]:
        extractor = self.reference.extractor
        probabilities = extractor.probabilities(self.features)
        if probabilities is None:
            return
        yield row(
            Figure("classifier_score", f"classifier score, at most {probabilities.shape[1]}", "higher"),
            lambda: classifier_score(probabilities),
        )
        yield row(_CLASSES, lambda: class_divergence(probabilities.argmax(1), self.reference.shares))

    def _of_textures(self, held_out: np.ndarray) -> Iterator[Row]:
        def compute() -> list[Score]:
            return list(sliced_wasserstein(held_out, self.samples, self.reference.seed, PATCHES).values())

        size = min(held_out.shape[1:3])
        sizes = [size]
        while (half := (sizes[-1] + 1) // 2) >= 16:
            sizes.append(half)
        figures = [Figure(f"swd_{at}", f"sliced Wasserstein at {at} px, x 1,000", "lower") for at in sizes]
        yield from rows(figures, compute)

    @property
    def _path_figure(self) -> Figure:
        name = self.reference.extractor.figure("path length")
        return Figure("path_length", f"{name} (latent smoothness)", "lower", of="pairs of codes")

    def _smoothness(self) -> Row:
        figure = self._path_figure
        if self.model.can(Quantises):
            return figure.none("the codes are entries of a codebook, with nothing between them")
        return row(figure, self._path_length)

    def _path_length(self) -> Score:
        labels = self.reference.items.labels(self.model)
        labels = None if labels is None else labels[:PAIRS]
        pairs = PAIRS if labels is None else len(labels)
        seed = self.reference.seed
        ends = [self.model.latents(pairs, seeds.derive(seed, "path", end), label=labels) for end in (0, 1)]
        where = torch.rand(pairs, generator=seeds.generator(seed, "path")) * (1 - STEP)
        before, after = (
            self.reference.extractor.features_of(self.model.decode_tensor(self.model.between(*ends, t), labels))
            for t in (where, where + STEP)
        )
        return perceptual_path_length(before, after, STEP)

    # ---- codes

    def _of_codes(self) -> Iterator[Row]:
        if not (self.model.can(Encodes) and self.model.can(Decodes)):
            yield _PSNR.none(f"{self.model.name} has no encoder")
        else:
            errors = mean_squared_error(self.reference.items.x, self.rebuilt)
            yield _MSE.row(_mean(errors))
            if self.reference.items.are_pictures:
                yield _PSNR.row(_mean(peak_signal_to_noise(errors)))
                yield from self._similarity()
        yield from self._likelihood()

    def _similarity(self) -> Iterator[Row]:
        real, rebuilt = self.reference.items.seen, images.to_uint8(self.rebuilt)
        yield row(_SSIM, lambda: _mean(structure.structural_similarity(real, rebuilt)))
        figure = Figure("ms_ssim", f"reconstruction, MS-SSIM{_scales(real)}", "higher")
        yield row(figure, lambda: _mean(structure.multiscale_structural_similarity(real, rebuilt)))

    def _likelihood(self) -> Iterator[Row]:
        method, items = self.model.method, self.reference.items
        if not isinstance(method, Bounds):
            yield _LIKELIHOOD.none(f"{self.model.name} has no likelihood")
            return
        generator = seeds.generator(self.reference.seed, "likelihood")
        labels = items.labels(self.model)
        labels = None if labels is None else labels[:BOUND_ITEMS]
        nets = self.model.trained.networks
        found = bounds(
            lambda x, y, k: method.log_weights(nets, x, k, generator, y), items.x[:BOUND_ITEMS], BOUND_DRAWS, labels
        )
        yield _LIKELIHOOD.row(_mean(found.importance))
        if method.levels is None:
            yield _BITS.none("the output is a density, which has no length in bits (--output logistic or mixture has)")
        elif method.levels == 2 and not items.options.binarise:
            yield _BITS.none("the pictures are not black and white (train with --binarise)")
        else:
            yield _BITS.row(_mean(bits_per_dimension(found.importance, self.model.trained.spec.dimensions)))


def _mean(values: np.ndarray) -> Score:
    return Score(*mean_and_error(values), len(values))


def _scales(pictures: np.ndarray) -> str:
    count = structure.scales(min(pictures.shape[1:3])) if min(pictures.shape[1:3]) >= structure.WINDOW else 0
    return f" ({count} scales)" if count < len(structure.WEIGHTS) else ""


_MANIFOLD = [
    Figure("precision", "precision (samples that could be real)", "higher"),
    Figure("recall", "recall (real items that could be samples)", "higher"),
    Figure("density", "density", "higher"),
    Figure("coverage", "coverage (real items with a sample near)", "higher"),
]
_CLASSES = Figure("class_divergence", "class histogram against held-out", "lower", "nats")
_SHARPNESS = Figure("sharpness", "sharpness (1 = as sharp as real)", "near one")
_DUPLICATES = [
    Figure("duplicates", "near-duplicates among samples (real: 1 %)", "lower"),
    Figure("support", "distinct pictures, birthday estimate", "higher"),
]
_COPIES = Figure("copies", "nearer to a training item than 99 % of held-out", "lower")
_MSE = Figure("mse", "reconstruction, mean squared error", "lower")
_PSNR = Figure("psnr", "reconstruction, PSNR", "higher", "dB")
_SSIM = Figure("ssim", "reconstruction, SSIM", "higher")
_LIKELIHOOD = Figure("bound", f"log p(x), bound of {BOUND_DRAWS} draws", "higher", "nats")
_BITS = Figure("bits_per_dimension", "bits per dimension, from it", "lower")
