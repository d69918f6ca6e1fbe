"""Pictures made larger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from imaginable.apps import _folder, _translator
from imaginable.apps._folder import Made
from imaginable.apps._pictures import Say
from imaginable.apps._tiles import Advance
from imaginable.core.errors import UserError
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
    times, origin = translator.tiling.factor, translator.model.origin()
    if factor not in (None, times):
        raise UserError(f"--factor {factor}: {run} enlarges {times} times; leave it out, or train a model for {factor}")

    def make(picture: Whole, name: str, advance: Advance) -> Made:
        height, width = (side * times for side in picture.colour.shape[:2])
        _folder.refuse_beyond(height, width)
        ground = _translator.ground_of(picture, translator.model)
        made = translator.in_colours_of(picture.on(ground), advance)
        if picture.alpha is not None:
            alpha = Image.fromarray(picture.alpha).resize((width, height), Image.Resampling.BICUBIC)
            made = _translator.transparent(made, np.asarray(alpha), ground)
        return Made(made, origin, picture.profile)

    with _folder.opened(pictures) as given:
        return _folder.each(given, out or Path(run) / "upscaled", make, say)
