"""A model that makes pictures of pictures, at work on one of any size, colours and transparency."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imaginable import model as models
from imaginable.apps._tiles import Advance, Tiling, through
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.whole import Whole
from imaginable.methods._method import Decodes, Encodes, Enlarges, Samples, Translates
from imaginable.model import Model

Task = Literal["translate", "upscale", "inpaint"]
TILE = 512
"""pixels on a side of the result that are made at once"""
SMALLEST_TILE = 32


@dataclass(frozen=True)
class Translator:
    """A model and how a picture goes through it. inputs, outputs: channels. to: the domain, where there are two."""

    model: Model
    tiling: Tiling
    inputs: int
    outputs: int
    to: str | None = None

    def picture(self, colour: np.ndarray, advance: Advance, hole: np.ndarray | None = None) -> np.ndarray:
        """What the model makes of uint8 (h, w, 1 | 3): uint8 (factor h, factor w, outputs). hole: bool (h, w)."""
        seen = in_channels(colour, self.inputs)
        if hole is None:
            return through(self._translate, seen, self.outputs, self.tiling, advance)
        planes = np.concatenate([seen, hole[..., None].astype(np.uint8)], axis=2)
        return through(self._fill, planes, self.outputs, self.tiling, advance)

    def in_colours_of(self, colour: np.ndarray, advance: Advance, hole: np.ndarray | None = None) -> np.ndarray:
        """The same, grey if the picture is and coloured if it is: a grey model makes each channel on its own."""
        if self.inputs >= colour.shape[2]:
            return in_channels(self.picture(colour, advance, hole), colour.shape[2])
        parts = [
            self.picture(colour[..., [channel]], _third(advance, channel), hole) for channel in range(colour.shape[2])
        ]
        return np.concatenate(parts, axis=2)

    def _translate(self, planes: np.ndarray) -> Tensor:
        return self._method.translate(self.model.trained.networks, _tensor(planes), to=self.to)

    def _fill(self, planes: np.ndarray) -> Tensor:
        x, hole = _tensor(planes[..., :-1]), torch.from_numpy(planes[..., -1:]).permute(2, 0, 1)[None].float()
        return self._method.translate(self.model.trained.networks, x, hole, self.to)

    @property
    def _method(self) -> Translates:
        return cast(Translates, self.model.method)


def load(run: Path, task: Task, tile: int, to: str | None = None) -> Translator:
    """The run's model, ready for a task. Raises UserError, saying what it can, for a model that is for another."""
    model = models.load(run)
    refuse_other(model, task, run)
    if tile < SMALLEST_TILE:
        raise UserError(f"--tile {tile}: at least {SMALLEST_TILE} pixels")
    if to is not None and model.trained.spec.kind != "domains":
        raise UserError(f"--to {to}: {model.name} knows one way only; leave it out")
    return of(model, tile, to)


def refuse_other(model: Model, task: Task, run: Path) -> None:
    """Raises UserError, saying what it can, for a model that is for another task."""
    if not isinstance(model.method, Translates) or model.method.task != task:
        raise UserError(f"{run}: {model.name} does not {task}; it can {abilities(model)}")


def of(model: Model, tile: int, to: str | None = None) -> Translator:
    """A model whose method is Translates, ready for its task. to: one of the method's `ways`."""
    method, spec = cast(Translates, model.method), model.trained.spec
    factor = cast(Enlarges, method).factor if method.task == "upscale" else 1
    first, second = spec.shape[0], (spec.target_shape or spec.shape)[0]
    inputs, outputs = (second, first) if to == "a" else (first, second)
    return Translator(model, Tiling(max(tile // factor, SMALLEST_TILE), method.multiple, factor), inputs, outputs, to)


def in_channels(colour: np.ndarray, channels: int) -> np.ndarray:
    """uint8 (h, w, 1 | 3) with so many channels: grey is the luma of colours."""
    if colour.shape[2] == channels:
        return colour
    return np.asarray(Image.fromarray(colour).convert("L"))[..., None] if channels == 1 else colour.repeat(3, axis=2)


def transparent(made: np.ndarray, alpha: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    """The colours under alpha that, on the background, show what was made of the picture on that background; with
    alpha as the last channel."""
    ground = np.array(background if made.shape[2] == 3 else background[:1], np.float32)
    opacity = np.maximum(alpha, 1)[..., None].astype(np.float32) / 255
    straight = np.rint(np.clip(ground + (made - ground) / opacity, 0, 255)).astype(np.uint8)
    return np.concatenate([straight, alpha[..., None]], axis=2)


def ground_of(picture: Whole, model: Model) -> tuple[int, int, int]:
    """The colour that transparent pictures were put on when the model was trained; a grey one for grey pictures."""
    red, green, blue = model.shape.background
    if picture.colour.shape[2] == 3:
        return red, green, blue
    grey = round(0.299 * red + 0.587 * green + 0.114 * blue)
    return grey, grey, grey


def _tensor(planes: np.ndarray) -> Tensor:
    return images.to_float(planes[None]).contiguous(memory_format=torch.channels_last)


def _third(advance: Advance, channel: int) -> Advance:
    return lambda share: advance((channel + share) / 3)


def abilities(model: Model) -> str:
    """What is to be done with it, in verbs."""
    if isinstance(model.method, Translates):
        return model.method.task
    verbs = {
        "sample": model.can(Samples),
        "reconstruct": model.can(Encodes) and model.can(Decodes),
        "morph": model.can(Decodes),
        "encode": model.can(Encodes),
    }
    return ", ".join(verb for verb, possible in verbs.items() if possible) or "do none of what is done with pictures"
