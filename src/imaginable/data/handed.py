"""Pictures that a person hands over in Python: files, PIL images or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from imaginable.core.errors import UserError
from imaginable.data.decode import Unreadable, decode
from imaginable.data.shape import Shape

Handed = Image.Image | Path | str


def fitted_to(shape: Shape, pictures: Sequence[Handed | np.ndarray] | np.ndarray) -> np.ndarray:
    """uint8 (n, size, size, c). Raises UserError for one that cannot be read, and arrays that are not uint8."""
    if isinstance(pictures, np.ndarray) and pictures.dtype != np.uint8:
        raise UserError(f"pictures in an array of {pictures.dtype}: uint8 values 0..255 were expected")
    channels = 1 if shape.colour == "grey" else 3
    if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (shape.size, shape.size, channels):
        return pictures
    return np.stack([_decoded(one, shape) for one in pictures])


def _decoded(one: Handed | np.ndarray, shape: Shape) -> np.ndarray:
    if isinstance(one, Image.Image):
        one = np.asarray(one.convert("RGBA" if one.has_transparency_data else "RGB"))
    raw = one if isinstance(one, np.ndarray) else Path(one).read_bytes()
    try:
        return decode(raw, shape).pixels
    except Unreadable as error:
        raise UserError(f"{'an image' if isinstance(one, np.ndarray) else one}: {error}") from error
