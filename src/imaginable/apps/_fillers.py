"""Two ways to fill holes: by a model that has learned to, at one pass, and by any model of whole pictures, whose codes
are searched for one that shows what is known of the picture (latent/complete.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _translator
from imaginable.apps._codes import decoding, rate, reach
from imaginable.apps._holes import Look, looked_at
from imaginable.apps._pictures import Say
from imaginable.apps._translator import Translator
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.latent.complete import complete, with_means
from imaginable.methods._method import Decodes, Encodes, Samples, Translates
from imaginable.model import Model

Fill = Callable[[Tensor, Tensor], Tensor]
"""pictures (n, c, h, w) in [-1, 1] and their holes (n, 1, h, w), 1 = to be filled, to the pictures filled; what is
known is as it was, to the last bit"""
STEPS, STARTS = 100, 3
_POOL = 256
"""draws of the prior, of which those that look most like what is known of a picture are starts"""


def filler(model: Model, seed: int = 0, *, steps: int = STEPS, starts: int = STARTS) -> Fill:
    """How the model fills holes. Of one with codes, pictures are of its own size, and seed, steps and starts decide.

    The same for the same picture and hole, whatever is beside them. Raises UserError for a model that does neither.
    """
    method = model.method
    if isinstance(method, Translates) and method.task == "inpaint":
        return model.translate_tensor
    if not model.can(Decodes):
        raise UserError(f"{model.name} does not inpaint; it can {_translator.abilities(model)}")
    if model.trained.spec.kind == "points":
        raise UserError(f"{model.name} was trained on points: there are no pictures to fill")
    return _Completion(model, _Pool.of(model, seed), steps, starts)


@dataclass(frozen=True)
class _Pool:
    """Codes from the prior (k, *code shape), their classes (k,), if there are any, and the pictures they stand for."""

    codes: Tensor
    label: Tensor | None
    pictures: Tensor

    @classmethod
    def of(cls, model: Model, seed: int) -> _Pool | None:
        """None where the model has no prior: then its encoder's codes are all there is to start from."""
        if not model.can(Samples) and model.fitted is None:
            return None
        label = model.in_turn(_POOL)
        codes = model.latents(_POOL, seeds.derive("completion", seed), label=label)
        return cls(codes, label, model.decode_tensor(codes, label))

    def order(self, x: Tensor, known: Tensor) -> Tensor:
        """Numbers of its codes, those whose pictures are nearest to what is known of x (1, c, h, w) first."""
        return _off(self.pictures, x, known).argsort(stable=True)


@dataclass(frozen=True)
class _Completion:
    model: Model
    pool: _Pool | None
    steps: int
    starts: int

    def __call__(self, x: Tensor, hole: Tensor) -> Tensor:
        # one by one: what is made of a picture must not depend on those beside it, not even by rounding
        return torch.cat([self._one(x[at : at + 1], hole[at : at + 1]) for at in range(len(x))])

    def _one(self, x: Tensor, hole: Tensor) -> Tensor:
        if not (hole > 0.5).any():
            return x
        codes, label = self._starts(x, hole)
        draws, decode = None if self.pool is None else self.pool.codes, decoding(self.model)
        far, lr = None if draws is None else reach(self.model, draws), rate(self.model, draws)
        return complete(decode, x, hole, codes[:, None], label=label, reach=far, steps=self.steps, lr=lr).items

    def _starts(self, x: Tensor, hole: Tensor) -> tuple[Tensor, Tensor | None]:
        """(starts, *code shape) and the picture's class (1,): the one that shows best what is known."""
        known = (hole <= 0.5).to(x.dtype)
        parts, label = [], None
        if self.model.can(Encodes):
            encoded, label = self._encoded(x, with_means(x, hole), known)
            parts.append(encoded)
        if self.pool is not None:
            order = self.pool.order(x, known)
            if self.pool.label is not None:
                label = self.pool.label[order[:1]] if label is None else label
                order = order[self.pool.label[order] == label]
            parts.append(self.pool.codes[order[: max(1, self.starts - len(parts))]])
        return torch.cat(parts), label

    def _encoded(self, x: Tensor, seen: Tensor, known: Tensor) -> tuple[Tensor, Tensor | None]:
        """The encoder's code of what is seen, (1, *code shape), by the class that it is best rebuilt with."""
        if not self.model.classes:
            return self.model.encode_tensor(seen), None
        each = torch.arange(len(self.model.classes))
        codes = self.model.encode_tensor(seen.expand(len(each), -1, -1, -1), each)
        best = _off(self.model.decode_tensor(codes, each), x, known).argmin()[None]
        return codes[best], each[best]


def _off(pictures: Tensor, x: Tensor, known: Tensor) -> Tensor:
    """Squared distance of each from what is known of x (1, c, h, w), (k,)."""
    return ((pictures - x) * known).square().flatten(1).sum(1)


@dataclass(frozen=True)
class Filling:
    """A model at work on holes in pictures of any size. look: fills what is seen at once."""

    model: Model
    look: Look
    tile: int | None = None

    def side(self, hole: np.ndarray) -> int:
        """Pixels on a side that are seen at once: a model with codes knows whole pictures and not their parts, so it
        sees as much as is square."""
        return self.tile or min(hole.shape)


def load(run: Path, tile: int, steps: int, seed: int, say: Say) -> Filling:
    """The run's model, ready to fill. Raises UserError for one that cannot, and for flags that are of no use to it."""
    model = models.load(run)
    if not model.can(Decodes):
        filling = in_one_pass(_translator.load(run, "inpaint", tile))
        if (steps, seed) != (STEPS, 0):
            raise UserError(
                f"--steps and --seed are of a search for codes; {model.name} fills at one pass: leave them out"
            )
        return filling
    if tile != _translator.TILE:
        raise UserError(f"--tile {tile}: {model.name} fills by codes, which are of whole pictures; leave it out")
    if steps < 0:
        raise UserError(f"--steps {steps}: must not be negative")
    fill, size = filler(model, seed, steps=steps), model.trained.spec.shape[-1]
    say(
        f"{model.name} was not trained to fill holes: looks for codes that show what is known, seen at {size}x{size} "
        f"(--steps {steps}, --seed {seed})"
    )
    return Filling(model, lambda colour, hole: _by_codes(fill, model, colour, hole))


def in_one_pass(translator: Translator) -> Filling:
    """Of a model that learned to fill."""

    def look(colour: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return translator.in_colours_of(colour, lambda share: None, hole)

    return Filling(translator.model, look, translator.tiling.side)


def _by_codes(fill: Fill, model: Model, colour: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Brought to a square of the model's size, filled, and brought back: uint8 (h, w, c) and bool (h, w) of any size.

    What has to be added to make it square counts as unknown. A grey model fills each channel on its own.
    """
    (height, width, count), (channels, size, _) = colour.shape, model.trained.spec.shape
    seen = _translator.in_channels(colour, channels) if channels >= count else colour
    side = max(height, width)
    below = ((0, side - height), (0, side - width))
    square, unknown = np.pad(seen, (*below, (0, 0))), np.pad(hole, below, constant_values=True)

    def look(small: np.ndarray, holes: np.ndarray) -> np.ndarray:
        x = images.to_float(small[None])
        planes = x.reshape(-1, channels, size, size)  # (1, c, ...), or (c, 1, ...) for a grey model
        mask = torch.from_numpy(holes).float()[None, None].expand(len(planes), -1, -1, -1)
        filled: np.ndarray = images.to_uint8(fill(planes, mask).reshape(x.shape))[0]
        return filled

    return _translator.in_channels(looked_at(square, unknown, (size, size), look)[:height, :width], count)
