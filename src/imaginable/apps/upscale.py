"""Pictures made larger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from imaginable.apps import _folder, _translator
from imaginable.apps._folder import Made
from imaginable.apps._pictures import Say
from imaginable.apps._tiles import Advance
from imaginable.apps._translator import Translator
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.whole import Whole

TILE = 768
"""pixels on a side of the result: more than elsewhere, for what the network is given is smaller by the factor"""


def upscale(
    run: Path,
    pictures: str,
    *,
    out: Path | None = None,
    factor: int | None = None,
    tile: int = TILE,
    say: Say = print,
) -> list[Path]:
    """Enlarges a picture, a folder or a zip of them, of any size; returns what was written.

    factor: must be that of the model, which knows one only. tile: pixels on a side of the result that are made at
    once; larger ones take more memory. Transparency is enlarged bicubically.
    """
    translator = _translator.load(run, "upscale", tile)
    times = translator.tiling.factor
    if factor not in (None, times):
        raise UserError(f"--factor {factor}: {run} enlarges {times} times; leave it out, or train a model for {factor}")

    def make(picture: Whole, name: str, advance: Advance) -> Made:
        return enlarged(picture, translator, advance)

    with _folder.opened(pictures) as given:
        return _folder.each(given, out or Path(run) / "upscaled", make, say)


def enlarged(picture: Whole, translator: Translator, advance: Advance) -> Made:
    """The picture as many times as large as the model makes it; its transparency bicubically."""
    height, width = (side * translator.tiling.factor for side in picture.colour.shape[:2])
    _folder.refuse_beyond(height, width)
    ground = _translator.ground_of(picture, translator.model)
    made = translator.in_colours_of(picture.on(ground), advance)
    if picture.alpha is not None:
        made = _translator.transparent(made, bicubic(picture.alpha, translator.tiling.factor), ground)
    return Made(made, translator.model.origin(), picture.profile)


def bicubic(array: np.ndarray, factor: int) -> np.ndarray:
    """uint8 (h, w) or (h, w, c), enlarged as any program would."""
    height, width = (side * factor for side in array.shape[:2])
    small = images.picture(array.reshape(*array.shape[:2], -1))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).reshape(height, width, *array.shape[2:])
