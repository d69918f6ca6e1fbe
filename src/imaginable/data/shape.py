"""A picture brought to the colours, square and size that all of a data set share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageColor

from imaginable.core.errors import UserError, nearest

if TYPE_CHECKING:
    from imaginable.data.dataset import DataOptions


@dataclass(frozen=True)
class Shape:
    """What every picture is brought to: `size` pixels on a side, on a background, grey if so.

    side_by_side: a picture is two, its halves, and each is brought to the size.
    """

    size: int
    fit: Literal["crop", "pad"] = "crop"
    background: tuple[int, int, int] = (255, 255, 255)
    colour: Literal["auto", "grey", "rgb"] = "auto"
    side_by_side: bool = False

    @property
    def of_masks(self) -> Shape:
        """How the masks of such pictures are read: what is added around them is not to be filled."""
        return replace(self, background=(0, 0, 0), colour="grey")


def shape_of(options: DataOptions, size: int) -> Shape:
    """The Shape that options ask for. Raises UserError for a colour that does not exist."""
    try:
        red, green, blue = ImageColor.getrgb(options.background)[:3]
    except ValueError as error:
        hint = nearest(options.background, ImageColor.colormap) or "; use a name such as white, or #rrggbb"
        raise UserError(f"--background {options.background}: no such colour{hint}") from error
    return Shape(size, options.fit, (red, green, blue), options.colour, options.side_by_side)


def bring(image: Image.Image, shape: Shape, fixes: list[str]) -> np.ndarray:
    """A loaded, upright picture as uint8 (size, size, 1 | 3): first its colours, then its size.

    Appends to `fixes` what had to be done.
    """
    return fitted(plainly(image, shape, fixes), shape)


def plainly(image: Image.Image, shape: Shape, fixes: list[str]) -> Image.Image:
    """A loaded, upright picture in its own size, in grey or RGB of 8 bits without transparency."""
    plain = _flat(eight_bit(image, fixes), shape, fixes)
    if plain.mode not in ("L", "RGB"):
        if plain.mode != "1":
            fixes.append(f"{'palette' if plain.mode == 'P' else plain.mode} converted")
        plain = plain.convert("L" if plain.mode == "1" else "RGB")
    if shape.colour == "grey" and plain.mode == "RGB":
        plain = plain.convert("L")
    return plain


def fitted(plain: Image.Image, shape: Shape) -> np.ndarray:
    """A plain picture as uint8 (size, size, 1 | 3)."""
    return _channels(np.asarray(_square(plain, shape)), shape)


def eight_bit(image: Image.Image, fixes: list[str]) -> Image.Image:
    """16-bit, 32-bit and float pictures as 8-bit grey; others as they are."""
    if not image.mode.startswith(("I", "F")):
        return image
    # in place and in single precision, because such pictures may be large
    values = np.nan_to_num(np.array(image, dtype=np.float32), copy=False)
    high = float(values.max(initial=0.0))
    if image.mode == "F":
        top = 1.0 if high <= 1 else 255.0 if high <= 255 else high
    else:
        top = 65535.0 if high <= 65535 else high
    fixes.append("float scaled to 8 bits" if image.mode == "F" else "16 bits scaled to 8")
    np.clip(values, 0, top, out=values)
    values *= 255 / top
    return Image.fromarray(np.rint(values, out=values).astype(np.uint8))


def _flat(image: Image.Image, shape: Shape, fixes: list[str]) -> Image.Image:
    """The picture on the background colour, if any of it is transparent."""
    if not image.has_transparency_data:
        return image
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("RGB")
    fixes.append("transparency filled")
    canvas = Image.new("RGBA", layered.size, (*shape.background, 255))
    return Image.alpha_composite(canvas, layered).convert("RGB")


def _square(image: Image.Image, shape: Shape) -> Image.Image:
    """Cut to the middle square, or padded to one, at shape.size."""
    width, height = image.size
    size = shape.size
    if width == height:
        return _resize(image, (size, size), (0, 0, width, height))
    if shape.fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return _resize(image, (size, size), (left, top, left + side, top + side))
    scale = size / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    red, green, blue = shape.background
    neutral = image.mode == "L" and red == green == blue
    canvas = Image.new("L", (size, size), red) if neutral else Image.new("RGB", (size, size), shape.background)
    if shape.colour == "grey":
        canvas = canvas.convert("L")
    small = _resize(image, inner, (0, 0, width, height)).convert(canvas.mode)
    canvas.paste(small, ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return canvas


def _resize(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    if size == image.size == (round(box[2] - box[0]), round(box[3] - box[1])):
        return image
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _channels(pixels: np.ndarray, shape: Shape) -> np.ndarray:
    """(h, w, 1) where the picture is grey, else (h, w, 3); always 3 when the Shape is rgb."""
    if pixels.ndim == 2:
        grey = pixels[..., None]
        return np.repeat(grey, 3, axis=2) if shape.colour == "rgb" else grey
    neutral = shape.colour == "auto" and bool((pixels == pixels[..., :1]).all())
    return pixels[..., :1] if neutral else pixels
