"""Codes of pictures for any model: by its own encoder, or by one trained for it once, then refined by descent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imaginable.apps._codes import Space, decoding, rate, reach, space_of
from imaginable.apps._fast_encoder import ready
from imaginable.apps._pictures import Say
from imaginable.core import files, seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.latent.invert import Found, refine
from imaginable.methods._method import Encodes, Samples, Styles
from imaginable.model import Label, Model
from imaginable.networks.features import RandomFeatures
from imaginable.training.given import fingerprint

FOLDER = "inverter"
STEPS, STARTS = 100, 3
OWN = 16
"""pictures of its own that a model is tried on first"""
_DRAWS = 256
"""of the prior, to see where codes lie"""
_HARDLY_SEEN = 0.0004
"""mean squared error of a fiftieth of the range: what is better needs no excuse"""
_LOST = 0.5
"""share of the mean picture's error from which a photo is not called found"""

OnStep = Callable[[int, int], None]
"""told the steps done and all there are; may raise to stop"""


@dataclass(frozen=True)
class Yardstick:
    """How well a model finds its own pictures again: mean squared errors, values in [0, 1], of `n` of them. encoded: by
    the encoder alone. refined: then refined. random: refined from one random code. mean: of the mean picture, which
    is what knowing nothing comes to."""

    encoded: float
    refined: float
    random: float
    mean: float
    n: int

    def verdict(self, error: float, fast: bool = False) -> str:
        """What the error of a photo says of the model, in plain words. fast: it is that of the encoder alone.

        Where its own pictures are found again, what a photo lacks is not the search's fault. How much that is, the
        mean picture shows: its error is what tells the model's own pictures apart.
        """
        if error <= max(_HARDLY_SEEN, 2 * (self.encoded if fast else self.refined)):
            return "found, as good as one of its own"
        lacking = error / self.mean
        if lacking < _LOST:
            return f"near, {lacking:.0%} of what tells its own pictures apart is lost"
        return f"the model cannot make this one ({lacking:.1f} times the error of a mean picture)"


@dataclass(frozen=True)
class Inverted:
    """Of n pictures: codes (n, *code shape), classes (n,) where the model was told any, what the encoder's codes and
    the refined ones decode to (n, c, h, w), and their mean squared errors (n,), values in [0, 1]."""

    code: Tensor
    label: Tensor | None
    encoded: Tensor
    refined: Tensor
    error_before: Tensor
    error: Tensor


@dataclass(frozen=True)
class Inverter:
    """A model with an encoder, its own or one trained for it."""

    model: Model
    folder: Path
    encoder: Model

    @classmethod
    def of(
        cls,
        model: Model,
        run: Path,
        say: Say = print,
        *,
        images: int | None = None,
        on_progress: OnStep | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Inverter:
        """Trains an encoder first where the model has none, and none is there for these weights: for so many `images`,
        telling `on_progress` (by default, a bar or lines). Raises `Cancelled` when it was; the next call goes on."""
        if model.trained.spec.kind == "points":
            raise UserError(f"{model.name} was trained on points: there are no pictures to find codes of")
        model.code_shape_or_refuse()
        if not model.can(Samples) and model.fitted is None:
            raise UserError(
                f"{model.name} has no prior, so no pictures of its own to be tried on; fit one first: "
                f"imaginable sample {run} --prior fitted"
            )
        folder = Path(run) / FOLDER
        if model.can(Encodes):
            return cls(model, folder, model)
        return cls(model, folder, ready(model, folder / "encoder", images, say, on_progress, cancelled))

    def invert(
        self,
        x: Tensor,
        label: Label = None,
        *,
        steps: int = STEPS,
        starts: int = STARTS,
        space: Space | None = None,
        on_step: OnStep | None = None,
    ) -> Inverted:
        """Codes of pictures (n, c, h, w) in [-1, 1]. label: their classes; by default those that fit best. steps 0:
        by the encoder alone. space: of a model that Styles, one code for all layers, or (by default) one for each."""
        space = space_of(self.model, space)
        encoded, told = self._encode(x, label)
        if space == "w":
            encoded = encoded.mean(1, keepdim=True).expand_as(encoded)
        before = self.model.decode_tensor(encoded, told)
        if steps:
            codes = self._refine(x, self._starts(encoded, told, starts), told, steps, space, on_step).codes
        else:
            codes = encoded
        after = self.model.decode_tensor(codes, told) if steps else before
        return Inverted(codes, told, before, after, _error(before, x), _error(after, x))

    def refined_from_random(
        self,
        x: Tensor,
        label: Tensor | None = None,
        steps: int = STEPS,
        on_step: OnStep | None = None,
        space: Space | None = None,
    ) -> Found:
        """What descent comes to without an encoder, from one random code of each picture."""
        start = self.model.latents(len(x), seeds.derive("random start"), label=label)
        return self._refine(x, start[None], label, steps, space_of(self.model, space), on_step)

    def yardstick(
        self,
        steps: int = STEPS,
        starts: int = STARTS,
        on_step: OnStep | None = None,
        space: Space | None = None,
    ) -> Yardstick:
        """Of pictures the model made itself; kept for these weights and settings."""
        space = space_of(self.model, space)
        weights = {"encoder": self._weights(self.encoder)} if self.encoder is not self.model else {}
        of = {"model": self._weights(self.model), **weights, "steps": steps, "starts": starts, "n": OWN}
        of |= {"space": space} if space else {}
        path = self.folder / "yardstick.json"
        kept = _read(path)
        if kept.get("of") != of:
            kept = {"of": of, "errors": asdict(self._measure(steps, starts, on_step, space))}
            files.write_text(path, json.dumps(kept, indent=1))
        return Yardstick(**kept["errors"])

    def _measure(self, steps: int, starts: int, on_step: OnStep | None, space: Space | None) -> Yardstick:
        label = self.model.in_turn(OWN)
        z = self.model.latents(OWN, seeds.derive("yardstick"), label=label)
        x = images.to_float(self.model.decode_array(z, label))  # rounded to bytes, as a photo is
        found = self.invert(x, label, steps=steps, starts=starts, space=space, on_step=on_step)
        random = self.refined_from_random(x, label, steps, on_step, space)
        errors = (found.error_before, found.error, random.error, _error(x.mean(0), x))
        encoded, refined, lost, mean = (float(error.mean()) for error in errors)
        return Yardstick(encoded, refined, lost, mean, OWN)

    def _encode(self, x: Tensor, label: Label) -> tuple[Tensor, Tensor | None]:
        """Codes, and classes: where none are told, of each picture the one it is best rebuilt with."""
        told = self.model.labels(label, len(x))
        if told is not None or not self.model.classes or self.model.can(Styles):  # styles have their class in them
            return self._codes(x, told), told
        each = [torch.full((len(x),), number) for number in range(len(self.model.classes))]
        codes = torch.stack([self._codes(x, one) for one in each])
        made = (self.model.decode_tensor(z, one) for z, one in zip(codes, each, strict=True))
        best = torch.stack([_error(one, x) for one in made]).argmin(0)
        return codes[best, torch.arange(len(x))], best

    def _codes(self, x: Tensor, label: Tensor | None) -> Tensor:
        return self.encoder.encode_tensor(x, label if self.encoder is self.model else None)

    def _starts(self, encoded: Tensor, label: Tensor | None, count: int) -> Tensor:
        """(count, n, *code shape): the encoder's codes, the mean code, random ones."""
        mean = self._draws.mean(0).expand_as(encoded)
        random = [self.model.latents(len(encoded), seeds.derive("start", at), label=label) for at in range(2, count)]
        return torch.stack([encoded, mean, *random][:count])

    def _refine(
        self,
        x: Tensor,
        starts: Tensor,
        label: Tensor | None,
        steps: int,
        space: Space | None,
        on_step: OnStep | None,
    ) -> Found:
        draws = self._draws
        if space == "w":
            draws, starts = draws[:, :1], starts.mean(2, keepdim=True)
        found = refine(
            decoding(self.model),
            x,
            starts,
            label=label,
            features=RandomFeatures(x.shape[1]).requires_grad_(False),
            reach=reach(self.model, draws),
            steps=steps,
            lr=rate(self.model, draws),
            on_step=on_step,
        )
        return replace(found, codes=found.codes.expand(-1, *self.model.code_shape))

    @cached_property
    def _draws(self) -> Tensor:
        return self.model.latents(_DRAWS, seeds.derive("draws"), label=self.model.in_turn(_DRAWS))

    @staticmethod
    def _weights(model: Model) -> str:
        assert model.folder is not None, "models are loaded from folders here"
        return fingerprint(model.folder)


def _error(one: Tensor, two: Tensor) -> Tensor:
    """Mean squared, values in [0, 1], (n,)."""
    return ((one - two) / 2).square().flatten(1).mean(1)


def _read(path: Path) -> dict[str, Any]:
    """What is kept there; nothing where it is missing or damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
