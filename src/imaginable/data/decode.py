"""One picture's bytes -> a square uint8 array, or the reason why not."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from imaginable.data.shape import Shape, bring, fitted, plainly

# Pillow logs what it finds wrong in a damaged file; our reasons say it
logging.getLogger("PIL").addHandler(logging.NullHandler())

# a list of our own, because Pillow's others (EPS) start programs or read no pictures
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
"""formats whose further frames are a film, and not a small copy or the next page"""

LARGEST = 100_000_000
"""pixels; a picture that claims more is taken for a decompression bomb"""

WHITE = 128
"""grey value of a mask from which a pixel is to be filled"""

SMALLEST = 8
"""pixels on a side"""


class Unreadable(Exception):
    """Why a picture cannot be used, in a few words."""


@dataclass(frozen=True)
class Decoded:
    """A picture brought to a Shape.

    pixels: uint8 (size, size, c), c = 1 where the picture is grey (and the Shape is not rgb), else 3.
    width, height: of the upright original. fixes: what had to be done to it. right: of a pair side by side, where
    pixels is the left half, its right half.
    """

    pixels: np.ndarray
    width: int
    height: int
    fixes: tuple[str, ...] = ()
    right: np.ndarray | None = None

    @property
    def grey(self) -> bool:
        return bool(self.whole.shape[2] == 1)

    @property
    def whole(self) -> np.ndarray:
        """Both halves beside each other, or the picture."""
        if self.right is None:
            return self.pixels
        channels = max(self.pixels.shape[2], self.right.shape[2])
        halves = [np.broadcast_to(half, (*half.shape[:2], channels)) for half in (self.pixels, self.right)]
        return np.concatenate(halves, axis=1)


@cache
def extensions() -> frozenset[str]:
    """The file endings, in lower case with their dot, of the pictures that can be read here."""
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in _formats())


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def decode(raw: bytes | np.ndarray, shape: Shape) -> Decoded:
    """A file's bytes, or an array uint8 (h, w) or (h, w, 1 | 3 | 4), brought to `shape`.

    Raises Unreadable for what is no picture, is damaged, claims too many pixels or has too few, and for what has no
    two square halves where the shape asks for them.
    """
    if isinstance(raw, np.ndarray):
        plain = Image.fromarray(raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw)
        return _brought(plain, *plain.size, shape, [])
    with quiet(), opened(raw) as image:
        fixes: list[str] = []
        width, height = image.size
        _draft(image, shape)
        upright, turned = loaded(image, fixes)
        if turned:
            width, height = height, width
        return _brought(upright, width, height, shape, fixes)


def _brought(image: Image.Image, width: int, height: int, shape: Shape, fixes: list[str]) -> Decoded:
    if not shape.side_by_side:
        return Decoded(bring(image, shape, fixes), width, height, tuple(fixes))
    if width % 2:
        raise Unreadable(f"{width}x{height} has an odd width: it cannot be halved")
    if width != 2 * height:
        raise Unreadable(f"{width}x{height} is not twice as wide as high: no pair side by side")
    plain = plainly(image, shape, fixes)
    left, right = (fitted(plain.crop((start, 0, start + height, height)), shape) for start in (0, height))
    return Decoded(left, width, height, tuple(fixes), right)


def black_and_white(mask: Decoded) -> Decoded:
    """A mask with nothing between: 255 is to be filled, 0 is kept."""
    return replace(mask, pixels=np.where(mask.pixels >= WHITE, np.uint8(255), np.uint8(0)))


def misfit(picture: Decoded | None, mask: Decoded) -> str:
    """Why a mask cannot be used with its picture, in a few words; empty where it can."""
    if picture is not None and (picture.width, picture.height) != (mask.width, mask.height):
        return f"{mask.width}x{mask.height}, and its picture is {picture.width}x{picture.height}"
    if not mask.pixels.any():
        return "all black: nothing to fill"
    return "all white: nothing left to go by" if mask.pixels.all() else ""


def loaded(image: Image.Image, fixes: list[str]) -> tuple[Image.Image, bool]:
    """The opened picture with its pixels read, upright as its EXIF says, and whether its sides changed places.

    Appends to `fixes` what had to be done. Raises Unreadable for a damaged one.
    """
    try:
        # asked before anything is loaded, because the answer can move to another frame
        if image.format in ANIMATED and getattr(image, "is_animated", False):
            fixes.append("first frame of several taken")
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        upright = ImageOps.exif_transpose(image) if orientation in range(2, 9) else image
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow raise almost anything
        raise Unreadable(_reason(error)) from error
    if orientation in range(2, 9):
        fixes.append("rotated as its EXIF says")
    return upright, orientation in range(5, 9)


def dimensions(raw: bytes | np.ndarray) -> tuple[int, int]:
    """(width, height) from the header alone, before any EXIF rotation. Raises Unreadable as `decode` does."""
    if isinstance(raw, np.ndarray):
        return raw.shape[1], raw.shape[0]
    with quiet(), opened(raw) as image:
        return image.size


def opened(raw: bytes) -> Image.Image:
    """The picture with only its header read."""
    if not raw:
        raise Unreadable("zero bytes")
    try:
        image = Image.open(BytesIO(raw), formats=_formats())
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        raise Unreadable("not a picture") from error
    except Image.DecompressionBombError as error:
        raise Unreadable(_too_large("")) from error
    except Exception as error:  # damaged headers make Pillow raise almost anything
        raise Unreadable(_reason(error)) from error
    width, height = image.size
    if width * height > LARGEST:
        image.close()
        raise Unreadable(_too_large(f" of {width}x{height}"))
    if min(width, height) < SMALLEST:
        image.close()
        raise Unreadable(f"only {width}x{height} pixels")
    return image


def _too_large(size: str) -> str:
    return f"a decompression bomb{size}: more than {LARGEST // 1_000_000} million pixels"


def _reason(error: Exception) -> str:
    text = " ".join(str(error).lower().split())
    if "truncated" in text or isinstance(error, EOFError):
        return "truncated"
    return f"damaged ({text[:60] or type(error).__name__})"


def _draft(image: Image.Image, shape: Shape) -> None:
    """Lets the JPEG decoder do the coarse part of shrinking; twice the target keeps Lanczos's quality."""
    if shape.side_by_side:  # it rounds, and the middle would move
        return
    shrink = min(image.size) / (2 * shape.size) if shape.fit == "crop" else max(image.size) / (2 * shape.size)
    if image.format in ("JPEG", "MPO") and shrink > 1:
        image.draft(None, (int(image.width / shrink), int(image.height / shrink)))


_gate = threading.Lock()
_inside = 0
_silence: warnings.catch_warnings | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Pillow's warnings are off meanwhile: what they say is in our own reasons.

    The list of warning filters belongs to the whole process, so the first thread in changes it and the last
    thread out restores it.
    """
    global _inside, _silence
    with _gate:
        if _inside == 0:
            _silence = warnings.catch_warnings()
            _silence.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\b")
        _inside += 1
    try:
        yield
    finally:
        with _gate:
            _inside -= 1
            if _inside == 0 and _silence:
                _silence.__exit__(None, None, None)
