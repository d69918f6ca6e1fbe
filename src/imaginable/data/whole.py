"""One picture's bytes at its own size, transparency kept: what `translate`, `upscale` and `inpaint` begin with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from imaginable.data.decode import loaded, opened, quiet
from imaginable.data.shape import eight_bit


@dataclass(frozen=True)
class Whole:
    """An upright picture of 8 bits.

    colour: uint8 (h, w, 1 | 3), also under what is transparent. alpha: uint8 (h, w) where any of it is transparent.
    profile: what its colours mean (ICC), where they were not converted. fixes: what had to be done to it.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None
    fixes: tuple[str, ...] = ()

    @property
    def layers(self) -> np.ndarray:
        """uint8 (h, w, 1 to 4), alpha last where there is any."""
        return self.colour if self.alpha is None else np.concatenate([self.colour, self.alpha[..., None]], axis=2)

    def on(self, background: tuple[int, int, int]) -> np.ndarray:
        """What is seen of it on a colour, uint8 (h, w, 1 | 3); grey remains grey on a grey."""
        if self.alpha is None:
            return self.colour
        neutral = self.colour.shape[2] == 1 and len(set(background)) == 1
        ground = np.array(background[:1] if neutral else background, dtype=np.float32)
        opacity = self.alpha[..., None].astype(np.float32) / 255
        seen: np.ndarray = np.rint(ground + opacity * (self.colour - ground)).astype(np.uint8)
        return seen


def whole(raw: bytes | np.ndarray) -> Whole:
    """A file's bytes, or an array uint8 (h, w) or (h, w, 1 | 3 | 4).

    Raises Unreadable as `decode` does.
    """
    if isinstance(raw, np.ndarray):
        return _taken(Image.fromarray(raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw), [])
    fixes: list[str] = []
    with quiet(), opened(raw) as image:
        return _taken(loaded(image, fixes)[0], fixes)


def _taken(image: Image.Image, fixes: list[str]) -> Whole:
    profile = image.info.get("icc_profile") if image.mode in ("L", "LA", "RGB", "RGBA") else None
    if image.has_transparency_data and not image.mode.startswith(("I", "F")):
        return _transparent(image, profile, fixes)
    image = eight_bit(image, fixes)
    grey = image.mode in ("1", "L")
    if image.mode not in ("1", "L", "RGB"):
        fixes.append(f"{'palette' if image.mode == 'P' else image.mode} converted")
    colour = np.array(image.convert("L" if grey else "RGB"))
    return Whole(colour[..., None] if grey else colour, None, profile, tuple(fixes))


def _transparent(image: Image.Image, profile: bytes | None, fixes: list[str]) -> Whole:
    grey = image.mode in ("1", "L", "LA", "La")
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    layers = np.array(image.convert("LA" if grey else "RGBA"))
    alpha = layers[..., -1]
    return Whole(layers[..., :-1], None if alpha.min() == 255 else alpha, profile, tuple(fixes))
