"""A run whose model makes pictures of pictures: what the page is told of it, and what it makes, as its verb does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np

from imaginable.apps import _pictures, _translator
from imaginable.apps._fillers import in_one_pass
from imaginable.apps._folder import Made
from imaginable.apps._tiles import Advance
from imaginable.apps._translator import Translator
from imaginable.apps.inpaint import filled, hole_in
from imaginable.apps.translate import is_large, translated
from imaginable.apps.upscale import TILE as LARGER_TILE
from imaginable.apps.upscale import enlarged
from imaginable.core.errors import UserError
from imaginable.data.whole import Whole
from imaginable.methods._method import Translates
from imaginable.model import Model
from imaginable.studio import wire
from imaginable.studio.served import Stamp, introduced

MOST_PIXELS = 40_000_000
"""of a result: what a browser still shows; the verb makes more"""
EXAMPLES = 8
Make = Callable[[Whole, Advance], Made]


@dataclass(frozen=True)
class Translating:
    """A run in memory. stamp: of its files when they were read."""

    does: ClassVar = "makes pictures of pictures"

    id: str
    folder: Path
    model: Model
    stamp: Stamp

    @property
    def task(self) -> Literal["translate", "upscale", "inpaint"]:
        return cast(Translates, self.model.method).task

    @property
    def factor(self) -> int:
        return self._translator(None).tiling.factor

    def about(self) -> dict[str, Any]:
        """What the page is told of it."""
        ways = list(self.model.method.ways)
        return introduced(self.id, self.folder, self.model) | {"task": self.task, "ways": ways, "factor": self.factor}

    def way(self, to: str | None) -> str | None:
        """One of the model's ways, the usual one without any. Raises UserError for another."""
        ways = self.model.method.ways
        if to is not None and to not in ways:
            raise UserError(f"to {to[:20]!r}: {self.model.name} knows {', '.join(ways) or 'one way only'}")
        return to

    def refuse_large(self, width: int, height: int) -> None:
        """Raises UserError where what is made of a picture of this size would be too large to show."""
        width, height = width * self.factor, height * self.factor
        if width * height > MOST_PIXELS:
            most = f"at most {MOST_PIXELS // 10**6} million are shown here"
            raise UserError(f"the result would have {width}x{height} pixels, and {most}; use imaginable {self.task}")

    def make(self, to: str | None, mask: bytes | None) -> Make:
        """What its verb does with one picture. mask: a picture's bytes. Raises UserError where one is missing."""
        translator = self._translator(self.way(to))
        if self.task == "translate":
            return lambda picture, advance: translated(picture, translator, advance)
        if self.task == "upscale":
            return lambda picture, advance: enlarged(picture, translator, advance)
        if mask is None:
            raise UserError("mask: nothing says what is to be filled")
        return lambda picture, advance: _filled(picture, mask, translator, advance)

    def remark(self, picture: Whole) -> str:
        """What a person should know of the result; empty where there is nothing."""
        size = self.model.trained.spec.shape[-1]
        if self.task == "translate" and is_large(picture, size):
            return f"Far larger than the {size} pixels that the model knows. If this is poor, shrink the picture first."
        return ""

    def examples(self, to: str | None) -> list[str]:
        """Some pictures held out from training, as text that a page can show; none where the data is gone."""
        try:
            dataset = _pictures.training_data(self.folder, f"examples for {self.model.name}")
        except UserError:
            return []
        of_b = self.way(to) == "a" and dataset.targets is not None
        chosen = (dataset.target_held_out if of_b else dataset.held_out)[:EXAMPLES]
        arrays = dataset.targets if of_b else dataset.items
        assert arrays is not None, "there are targets"
        return [wire.data_url(np.asarray(arrays[item])) for item in chosen]

    def _translator(self, to: str | None) -> Translator:
        return _translator.of(self.model, LARGER_TILE if self.task == "upscale" else _translator.TILE, to)


def _filled(picture: Whole, mask: bytes, translator: Translator, advance: Advance) -> Made:
    hole = hole_in(lambda: mask, picture, "the mask")
    if not hole.any():
        raise UserError("nothing is painted, so there is nothing to fill")
    return filled(picture, hole, in_one_pass(translator), advance)
