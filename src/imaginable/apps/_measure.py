"""Everything that is measured of one model against held-out items: rows of figures, the same ones for every model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imaginable.apps import _equivariance, _of_samples
from imaginable.apps._of_samples import Drawn
from imaginable.apps._reference import Reference
from imaginable.apps._rows import Figure, Row, row
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.latent import interpolate
from imaginable.methods._method import Bounds, Decodes, Encodes, Quantises, Samples, Styles, Translates
from imaginable.metrics import structure
from imaginable.metrics.likelihood import bits_per_dimension, bounds, mean_and_error
from imaginable.metrics.path_length import perceptual_path_length
from imaginable.metrics.reconstruction import mean_squared_error, peak_signal_to_noise
from imaginable.metrics.score import Score
from imaginable.model import Model

PAIRS = 500
"""pairs of codes whose paths are looked at"""
STEP = 1e-2
"""along a path, whose length is 1: short enough to be straight, long enough for single precision"""
BOUND_ITEMS, BOUND_DRAWS = 500, 20
"""of the likelihood's row; evaluate --likelihood takes more"""
_BLOCK = 512

_MSE = Figure("mse", "reconstruction, mean squared error", "lower")
_PSNR = Figure("psnr", "reconstruction, PSNR", "higher", "dB")
_SSIM = Figure("ssim", "reconstruction, SSIM", "higher")
_BOUND = Figure("bound", f"log p(x), bound of {BOUND_DRAWS} draws", "higher")
_BITS = Figure("bits_per_dimension", "bits per dimension, from it", "lower")


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
    def labels(self) -> Tensor | None:
        """Classes of the held-out items, where the model was told the same ones: samples get them too."""
        return self.reference.items.labels(self.model)

    @cached_property
    def drawn(self) -> Drawn:
        """As many samples as there are held-out items."""
        codes = self.model.latents(len(self.reference.items), self.reference.seed, label=self.labels)
        parts = []
        for at in range(0, len(codes), _BLOCK):  # kept as bytes: floats of thousands of large pictures would not fit
            own = None if self.labels is None else self.labels[at : at + _BLOCK]
            x = self._decoded(codes[at : at + _BLOCK], own)
            parts.append(images.to_uint8(x) if self.reference.items.are_pictures else x.numpy())
        return Drawn(np.concatenate(parts), self.reference)

    @cached_property
    def rebuilt(self) -> Tensor:
        """Reconstructions of the held-out items."""
        return self._decoded(self.model.encode_tensor(self.reference.items.x, self.labels), self.labels)

    def _decoded(self, codes: Tensor, labels: Tensor | None) -> Tensor:
        x = self.model.decode_tensor(codes, labels)
        if not bool(x.isfinite().all()):  # a byte has no NaN: it would turn black
            raise UserError(
                f"{self.model.origin()}: what the model makes is no numbers, so nothing can be measured of it"
            )
        return x

    @cached_property
    def rows(self) -> list[Row]:
        if self.draws:
            of_samples = [*self.drawn.rows(), *self._smoothness()]
        else:
            why = f"{self.model.name} has no prior to draw samples from (imaginable sample RUN --prior fitted fits one)"
            of_samples = [
                *_of_samples.without(self.reference, why),
                *(figure.none(why) for figure in self._path_figures),
            ]
        moved = _equivariance.rows(self.model, self.reference.seed)
        return [*of_samples, *moved, *self._reconstruction(), *self._likelihood()]

    def row(self, key: str) -> Row | None:
        return next((one for one in self.rows if one.key == key), None)

    @property
    def _path_figures(self) -> tuple[Figure, ...]:
        """Of a model that Styles, paths between its z come first: they are what other models' codes are."""
        of_styles = self.model.can(Styles)
        places = {"path_length": " in Z", "path_length_w": " in W"} if of_styles else {"path_length": ""}
        named = {key: self.reference.extractor.figure(f"path length{place}") for key, place in places.items()}
        return tuple(
            Figure(key, f"{name} (latent smoothness)", "lower", of="pairs of codes") for key, name in named.items()
        )

    def _smoothness(self) -> Iterator[Row]:
        figures = self._path_figures
        if self.model.can(Quantises):
            yield from (
                figure.none("the codes are entries of a codebook, with nothing between them") for figure in figures
            )
            return
        ways = (self._between_latents, self._between_codes) if self.model.can(Styles) else (self._between_codes,)
        for figure, way in zip(figures, ways, strict=True):
            yield row(figure, partial(self._path_length, way))

    def _path_length(self, way: Callable[[Tensor, Tensor | None], Tensor]) -> Score:
        labels = None if self.labels is None else self.labels[:PAIRS]
        pairs = PAIRS if labels is None else len(labels)
        where = torch.rand(pairs, generator=seeds.generator(self.reference.seed, "path")) * (1 - STEP)
        before, after = (
            self.reference.extractor.features_of(self._decoded(way(at, labels), labels)) for at in (where, where + STEP)
        )
        return perceptual_path_length(before, after, STEP)

    def _between_codes(self, at: Tensor, labels: Tensor | None) -> Tensor:
        """The code at `at`, (n,), on each way between two of the model's codes, (n, *code shape)."""
        starts, stops = (self.model.latents(len(at), seed, label=labels) for seed in self._ends)
        return self.model.between(starts, stops, at)

    def _between_latents(self, at: Tensor, labels: Tensor | None) -> Tensor:
        """The same of a model that Styles, where the way is along the sphere between the codes' z, which are normal."""
        method, (nets, spec) = self.model.method, (self.model.trained.networks, self.model.trained.spec)
        assert isinstance(method, Samples)
        assert isinstance(method, Styles)
        starts, stops = (
            method.prior(nets, len(at), spec, seeds.generator(seed, "sample"), labels) for seed in self._ends
        )
        with torch.no_grad():
            return method.map(nets, interpolate.between(starts, stops, at), labels)

    @property
    def _ends(self) -> tuple[int, int]:
        """Seeds of the codes at both ends of the paths."""
        first, last = (seeds.derive(self.reference.seed, "path", end) for end in (0, 1))
        return first, last

    @property
    def _similarities(self) -> tuple[Figure, ...]:
        """Of pictures only: PSNR, SSIM, and SSIM at several scales."""
        if not self.reference.items.are_pictures:
            return ()
        scales = _scales(self.reference.items.seen)
        return _PSNR, _SSIM, Figure("ms_ssim", f"reconstruction, MS-SSIM{scales}", "higher")

    def _reconstruction(self) -> Iterator[Row]:
        if not (self.model.can(Encodes) and self.model.can(Decodes)):
            for figure in (_MSE, *self._similarities):
                yield figure.none(f"{self.model.name} has no encoder")
            return
        errors = mean_squared_error(self.reference.items.x, self.rebuilt)
        yield _MSE.row(_mean(errors))
        if not self._similarities:
            return
        psnr, ssim, multiscale = self._similarities
        real, rebuilt = self.reference.items.seen, images.to_uint8(self.rebuilt)
        yield psnr.row(_mean(peak_signal_to_noise(errors)))
        yield row(ssim, lambda: _mean(structure.structural_similarity(real, rebuilt)))
        yield row(multiscale, lambda: _mean(structure.multiscale_structural_similarity(real, rebuilt)))

    def _likelihood(self) -> Iterator[Row]:
        method, items = self.model.method, self.reference.items
        if not isinstance(method, Bounds):
            for figure in (_BOUND, _BITS):
                yield figure.none(f"{self.model.name} has no likelihood")
            return
        generator = seeds.generator(self.reference.seed, "likelihood")
        labels = None if self.labels is None else self.labels[:BOUND_ITEMS]
        nets = self.model.trained.networks
        found = bounds(
            lambda x, y, k: method.log_weights(nets, x, k, generator, y), items.x[:BOUND_ITEMS], BOUND_DRAWS, labels
        ).importance
        kind = {None: "density", 2: "binary"}.get(method.levels, "discrete")  # of one kind only do they compare
        yield dataclasses.replace(_BOUND, unit=f"nats ({kind})").row(_mean(found))
        refusal = why_no_bits(method.levels, items.options.binarise)
        bits = bits_per_dimension(found, self.model.trained.spec.dimensions)
        yield _BITS.none(refusal) if refusal else _BITS.row(_mean(bits))


def refuse_unmeasured(model: Model, run: Path) -> None:
    """Raises UserError for a model with weights that are no numbers, or that has neither samples nor codes."""
    if isinstance(model.method, Translates):
        raise UserError(
            f"{run}: {model.name} makes pictures of pictures, and compare looks at samples and codes; "
            f"for these there is\nimaginable evaluate {run} DATA --beside RUN"
        )
    refuse_no_numbers(model, run)


def refuse_no_numbers(model: Model, run: Path) -> None:
    """Raises UserError for a model with weights that are none."""
    if not all(bool(value.isfinite().all()) for value in model.trained.networks.state_dict().values()):
        raise UserError(f"{run}: the model has weights that are no numbers, so nothing can be measured of it")


def why_no_bits(levels: int | None, binarised: bool) -> str:
    """Empty where bits per dimension are defined."""
    if levels is None:
        return "the output is a density, which has no length in bits; train with --output logistic or mixture"
    if levels == 2 and not binarised:
        return "the pictures are not black and white; train with --binarise, or with --output logistic or mixture"
    return ""


def _mean(values: np.ndarray) -> Score:
    return Score(*mean_and_error(values), len(values))


def _scales(pictures: np.ndarray) -> str:
    """Where there are fewer than the paper's five."""
    side = min(pictures.shape[1:3])
    count = structure.scales(side) if side >= structure.WINDOW else 0
    return f" ({count} scale{'s' if count > 1 else ''})" if 0 < count < len(structure.WEIGHTS) else ""
