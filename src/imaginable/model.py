"""A trained model in the hand: load, sample, encode, decode, reconstruct, translate."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from imaginable.core import fast, seeds
from imaginable.core.errors import UserError, nearest
from imaginable.data import images
from imaginable.data.dataset import DataOptions
from imaginable.data.handed import Handed, fitted_to
from imaginable.data.shape import Shape, shape_of
from imaginable.latent import interpolate, truncate
from imaginable.latent.prior import FittedPrior, fit
from imaginable.methods import _storage
from imaginable.methods._method import (
    Decodes,
    Encodes,
    Method,
    Quantises,
    Samples,
    Styles,
    Trained,
    Translates,
    name_of,
)
from imaginable.nn.half import halved

Pictures = Sequence[Handed] | np.ndarray | Tensor
Prior = Literal["auto", "plain", "fitted"]
Label = str | int | None | Sequence[str | int | None] | np.ndarray | Tensor
"""a class by name or number, the same for all items or one each; None or -1 is unknown"""
_BLOCK = 64


@dataclass(frozen=True)
class Model:
    """A trained model. Pixels at this edge are PIL images or uint8 arrays (n, h, w, c); inside, and where
    a name ends in `_tensor`, float tensors (n, c, h, w) in [-1, 1]. Codes are float32 (n, *code shape); of a model that
    Styles they are w of all layers, (layers, styles), where straight ways and mixed layers make sense.

    `label` is for models that were told the classes (see `classes`); others refuse one."""

    trained: Trained
    about: dict[str, Any]
    folder: Path | None = None
    fitted: FittedPrior | None = None
    quick: nn.Module | None = None  # see `half`: the networks that decode instead of those that are saved

    @property
    def method(self) -> Method[Any]:
        return self.trained.method

    @property
    def name(self) -> str:
        return name_of(self.method)

    def can(self, capability: type) -> bool:
        """Whether the method satisfies a capability of methods/_method.py (Samples, Encodes, ...)."""
        return isinstance(self.method, capability)

    def origin(self, seed: int | None = None) -> str:
        """What a picture's metadata says of where it comes from."""
        of = f"{self.name} ({self.about.get('run', 'model')})"
        return of if seed is None else f"{of}, seed {seed}"

    # ---- classes

    @property
    def classes(self) -> tuple[str, ...]:
        """What `label` can be; empty where the method does not use classes."""
        return self.trained.spec.classes if self.method.labels != "none" else ()

    def labels(self, label: Label, n: int) -> Tensor | None:
        """`label` of n items as networks take it, (n,) int64, -1 = unknown; None where it is None.

        Raises UserError for a class the model does not know, with the nearest and all of them.
        """
        if label is None:
            return None
        if not self.classes:
            raise UserError(f"label {label!r}: {self.name} was not told the classes and makes none on request")
        each = [label] * n if isinstance(label, (str, int)) else list(label)
        if len(each) != n:
            raise UserError(f"{len(each)} labels for {n} items: give one for all, or one each")
        return torch.tensor([self._number(one) for one in each])

    def in_turn(self, n: int) -> Tensor | None:
        """Labels of n items that take all classes in turn; None without classes."""
        return torch.arange(n) % len(self.classes) if self.classes else None

    def _number(self, label: Any) -> int:
        if label is None:
            return -1
        if isinstance(label, str) and label in self.classes:
            return self.classes.index(label)
        if not isinstance(label, str) and -1 <= int(label) < len(self.classes):
            return int(label)
        hint = nearest(str(label), self.classes)
        raise UserError(f"label {label!r}: no such class{hint} (classes: {', '.join(self.classes)})")

    # ---- codes

    def latents(
        self, n: int, seed: int = 0, prior: Prior = "auto", label: Label = None, truncation: float | None = None
    ) -> Tensor:
        """n codes from a prior: plain is the method's own, fitted one fitted to codes of the training data, and
        auto is the fitted one where there is one. truncation: see `truncated`. Raises UserError without any."""
        if truncation is not None:
            if prior == "fitted":
                raise UserError("truncation is of a normal prior, and --prior fitted is none: leave one of them out")
            return self.truncated(self.latents(n, seed, "plain", label), truncation)
        generator = seeds.generator(seed, "sample")
        if prior == "fitted" and self.fitted is None:
            raise UserError(f"{self.name}: no prior is fitted yet (in Python: model = model.fit_prior(images))")
        if prior != "plain" and self.fitted is not None:
            return self.fitted.sample(n, generator).reshape(n, *self.code_shape)
        self._need(
            Samples,
            f"{self.name} has no prior: training it does not say which codes are likely, and random ones "
            "decode to nonsense.\nFit a prior to the codes of its training data first: add --prior fitted "
            "(in Python: model = model.fit_prior(images))",
        )
        return self.trained.codes(n, generator, self.labels(label, n))

    @property
    def can_truncate(self) -> bool:
        """Whether there is a middle of its codes to go nearer to: a standard normal's, or the average of styles."""
        return self.is_gaussian or isinstance(self.method, Styles)

    def truncated(self, codes: Tensor, truncation: float) -> Tensor:
        """Codes (n, *code shape) nearer to the middle: better pictures, fewer kinds of them.

        Of styles w̄ + ψ (w - w̄), ψ the truncation (Karras et al. 2019, arXiv:1812.04948, appendix B); else the normal
        prior cut off at ± so many deviations. Raises UserError where the prior has no such middle.
        """
        if not self.can_truncate:
            raise UserError(f"truncation is of a normal prior, and {self.name} draws from another: leave it out")
        if not truncation > 0:
            raise UserError(f"truncation {truncation}: a number above 0 was expected, such as 0.7")
        if isinstance(self.method, Styles):
            return torch.lerp(self.method.average(self.trained.networks).to(codes), codes, truncation)
        return truncate.truncated(codes, truncation)

    def fit_prior(self, pictures: Pictures, components: int = 10, label: Label = None) -> Model:
        """This model with a mixture of Gaussians fitted to the codes of `pictures` as its prior.

        Saved beside a model that has a folder, and found there when it is loaded again.
        """
        return self.fit_prior_to(self.encode_tensor(self.tensor(pictures), label), components)

    def fit_prior_to(self, codes: Tensor, components: int = 10) -> Model:
        """The same, for codes (n, *code shape) at hand."""
        prior = fit(codes, components)
        if self.folder is not None:
            prior.save(self.folder / _storage.PRIOR)
        return replace(self, fitted=prior)

    def encode(self, pictures: Pictures, label: Label = None) -> np.ndarray:
        """The posterior mean of each picture's code. Raises UserError without an encoder."""
        return self.encode_tensor(self.tensor(pictures), label).numpy()

    def encode_tensor(self, x: Tensor, label: Label = None) -> Tensor:
        self._need(
            Encodes, f"{self.name} has no encoder: it makes pictures from codes (imaginable invert finds theirs)"
        )
        return self._blockwise(self.method.encode, x, self.labels(label, len(x)))  # type: ignore[attr-defined]

    def path(self, points: Tensor, steps: int, closed: bool = False) -> Tensor:
        """A way through codes: along great circles where the prior is Gaussian, else straight."""
        return interpolate.path(points, steps, closed, on_sphere=self.is_gaussian)

    def between(self, starts: Tensor, stops: Tensor, t: Tensor) -> Tensor:
        """The code at t, (n,) in [0, 1], of each such way from a start to its stop, (n, *code shape) each."""
        return interpolate.between(starts, stops, t, on_sphere=self.is_gaussian)

    @property
    def is_gaussian(self) -> bool:
        """Whether the codes' prior is a standard normal."""
        return self.can(Samples) and not self.can(Quantises) and not self.can(Styles)

    # ---- pictures

    def sample(self, n: int, seed: int = 0, prior: Prior = "auto", label: Label = None) -> list[Image.Image]:
        """n pictures from a prior (see `latents`); the same ones for the same seed. Without a label, all
        classes in turn."""
        label = self.in_turn(n) if label is None else label
        return self.decode(self.latents(n, seed, prior, label), label)

    def decode(self, z: Tensor | np.ndarray, label: Label = None) -> list[Image.Image]:
        """Pictures of codes."""
        return [images.picture(array) for array in self.decode_array(torch.as_tensor(z), label)]

    def decode_array(self, z: Tensor, label: Label = None) -> np.ndarray:
        """uint8 (n, h, w, c)."""
        return images.to_uint8(self.decode_tensor(z, label))

    def decode_tensor(self, z: Tensor, label: Label = None) -> Tensor:
        self._need(Decodes, f"{self.name} does not make items from codes")
        used = self.trained if self.quick is None else replace(self.trained, networks=self.quick)
        with fast.autocast(torch.device("cpu"), torch.float32 if self.quick is None else torch.bfloat16):
            return self._blockwise(lambda _, part, label: used.items(part, label), z, self.labels(label, len(z)))

    def half(self) -> Model:
        """This model, decoding in bfloat16: about twice as quick on a CPU that multiplies it natively, slower on
        others. Pictures differ by a grey level or two from those of this one, and may from processor to processor."""
        return replace(self, quick=fast.channels_last(halved(self.trained.networks)))

    def reconstruct(self, pictures: Pictures, label: Label = None) -> list[Image.Image]:
        """What the model makes of pictures: decode(encode(x))."""
        return self.decode(self.encode_tensor(self.tensor(pictures), label), label)

    def translate(self, pictures: Pictures, to: str | None = None) -> list[Image.Image]:
        """What the model makes of pictures, brought to its size first. to: "a" or "b", where it knows both ways."""
        return [images.picture(array) for array in images.to_uint8(self.translate_tensor(self.tensor(pictures), to=to))]

    def translate_tensor(self, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        """The same of (n, c, h, w) of any size that the networks take; hole: (n, 1, h, w), 1 = to be filled."""
        self._need(Translates, f"{self.name} makes no pictures of pictures")
        translate = self.method.translate  # type: ignore[attr-defined]
        nets, holes = self.trained.networks, itertools.repeat(None) if hole is None else hole.split(_BLOCK)
        with torch.no_grad():
            parts = zip(x.contiguous(memory_format=torch.channels_last).split(_BLOCK), holes, strict=False)
            return torch.cat([translate(nets, part, own, to).float() for part, own in parts])

    def tensor(self, pictures: Pictures) -> Tensor:
        """Pictures in any accepted form, made to fit as in training: (n, c, h, w) in [-1, 1]."""
        if isinstance(pictures, Tensor):
            return pictures  # as the networks take it, points included
        return images.to_float(fitted_to(self.shape, pictures))

    @property
    def shape(self) -> Shape:
        """What a picture is brought to before this model sees it."""
        channels, size, _ = self.trained.spec.shape
        fit, background = self.about.get("fit", "crop"), self.about.get("background", "white")
        colour: Literal["grey", "rgb"] = "grey" if channels == 1 else "rgb"
        return shape_of(DataOptions("", fit=fit, background=background, colour=colour), size)

    def save(self, folder: str | Path) -> None:
        """Writes model.safetensors and model.yaml (and the fitted prior) into `folder`."""
        _storage.save(self.trained, Path(folder), self.about)
        if self.fitted is not None:
            self.fitted.save(Path(folder) / _storage.PRIOR)

    @cached_property
    def code_shape(self) -> tuple[int, ...]:
        """Of one code."""
        return self.trained.code_shape

    def code_shape_or_refuse(self) -> tuple[int, ...]:
        """The same. Raises UserError for a model that makes nothing from codes."""
        self._need(Decodes, f"{self.name} does not make pictures from codes, so there is nothing to steer")
        return self.code_shape

    def _need(self, capability: type, otherwise: str) -> None:
        if self.can(capability):
            return
        if isinstance(self.method, Translates) and capability is not Translates:
            otherwise = f"{self.name} makes pictures of pictures and has no codes (imaginable {self.method.task})"
        raise UserError(otherwise)

    @torch.no_grad()
    def _blockwise(self, function: Any, x: Tensor, label: Tensor | None) -> Tensor:
        """function(networks, part of x, its labels) of all parts: bounded memory however many items."""
        x = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
        labels = itertools.repeat(None) if label is None else label.split(_BLOCK)
        parts = zip(x.split(_BLOCK), labels, strict=False)
        return torch.cat([function(self.trained.networks, part, label=own).float() for part, own in parts])


def load(path: str | Path, method: type[Method[Any]] | None = None) -> Model:
    """The model of a run's folder, or of a model's own folder. Runs no code from the files.

    `method`: its class, for a model made by a method outside the package. Raises UserError where there
    is no readable model.
    """
    folder = Path(path)
    if (folder / "model" / "model.yaml").exists():
        folder = folder / "model"
    if not (folder / "model.yaml").exists():
        hint = "; its first snapshot is not written yet" if (folder / "job.yaml").exists() else ""
        raise UserError(f"{path}: no model here (a run's folder, or a folder with model.yaml){hint}")
    fast.tune_process()
    trained = _storage.load(folder, method)
    fast.channels_last(trained.networks)
    prior = folder / _storage.PRIOR
    fitted = FittedPrior.load(prior) if prior.exists() else None
    return Model(trained, _storage.about(folder), folder, fitted)
