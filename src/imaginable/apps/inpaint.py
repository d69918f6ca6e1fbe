"""Parts of pictures made anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from imaginable.apps import _fillers, _folder, _translator
from imaginable.apps._fillers import Filling
from imaginable.apps._folder import Given, Made
from imaginable.apps._holes import fill
from imaginable.apps._pictures import Say
from imaginable.apps._tiles import Advance
from imaginable.core.errors import UserError
from imaginable.data.decode import Unreadable
from imaginable.data.whole import Whole, whole


def inpaint(
    run: Path,
    pictures: str,
    *,
    masks: str,
    out: Path | None = None,
    tile: int = _translator.TILE,
    steps: int = _fillers.STEPS,
    seed: int = 0,
    say: Say = print,
) -> list[Path]:
    """Fills parts of a picture, or of each in a folder or zip, of any size; returns what was written.

    masks: white where a picture is to be filled, black where it stays, and as large as it; a folder (or zip) that has
    one for each, of the same name but for the ending, or one file for all. Pixels that a mask leaves black are not
    changed at all. tile: pixels on a side that are seen at once; a hole that does not fit is filled coarsely.
    steps, seed: of the search for a code that shows what is known, where the model makes pictures from codes (a VAE, a
    GAN); such a model sees as much of a picture as is square, at its own size.
    """
    filling = _fillers.load(run, tile, steps, seed, say)
    with _folder.opened(pictures) as given, _folder.opened(masks) as found:
        of = _by_stem(found, masks)
        everywhere = found[0] if Path(masks).expanduser().is_file() and found[0].root else None

        def make(picture: Whole, name: str, advance: Advance) -> Made:
            return filled(picture, _hole(everywhere or of.get(_stem(name)), picture), filling, advance)

        return _folder.each(given, out or Path(run) / "inpainted", make, say, found)


def filled(picture: Whole, hole: np.ndarray, filling: Filling, advance: Advance) -> Made:
    """The picture as it is outside the hole; what is filled is opaque."""
    kept = picture.layers.copy()
    if not hole.any():
        return Made(kept, None, picture.profile)
    ground = _translator.ground_of(picture, filling.model)
    whole_again = fill(picture.on(ground), hole, filling.side(hole), filling.look, advance)
    kept[hole, : picture.colour.shape[2]] = whole_again[hole]
    if picture.alpha is not None:
        kept[hole, -1] = 255
    return Made(kept, filling.model.origin(), picture.profile)


def _hole(mask: Given | None, picture: Whole) -> np.ndarray:
    if mask is None:
        raise Unreadable("no mask has its name")
    return hole_in(mask.read, picture, f"its mask {mask.name}")


def hole_in(read: Callable[[], bytes | np.ndarray], picture: Whole, mask: str = "its mask") -> np.ndarray:
    """bool (h, w), true where the mask is nearer to white. What is transparent in a mask counts as black.

    mask: what an error calls it. Raises Unreadable for one that is not readable or not as large as the picture.
    """
    try:
        grey = _translator.in_channels(whole(read()).on((0, 0, 0)), 1)[..., 0]
    except (Unreadable, OSError) as error:
        raise Unreadable(f"{mask} is not readable ({error})") from error
    if grey.shape != picture.colour.shape[:2]:
        (height, width), (rows, columns) = picture.colour.shape[:2], grey.shape
        raise Unreadable(f"it is {width}x{height} and {mask} is {columns}x{rows}")
    hole: np.ndarray = grey >= 128
    return hole


def _by_stem(masks: list[Given], where: str) -> dict[str, Given]:
    """Masks by their names without ending. Raises UserError where two have the same."""
    of: dict[str, Given] = {}
    for mask in masks:
        other = of.setdefault(_stem(mask.name), mask)
        if other is not mask:
            raise UserError(f"--masks {where}: {other.name} and {mask.name} are for the same picture; keep one")
    return of


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
