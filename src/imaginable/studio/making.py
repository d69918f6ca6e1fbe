"""A person's picture goes through a model: brought to the shelf, made in a job, and what was made laid beside it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from imaginable.apps import _folder
from imaginable.apps._fast_encoder import Cancelled
from imaginable.apps._json import Reader
from imaginable.apps.upscale import bicubic
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.decode import Unreadable, dimensions
from imaginable.data.whole import Whole, whole
from imaginable.studio import photos
from imaginable.studio.jobs import Job, Steps
from imaginable.studio.runs import Runs
from imaginable.studio.shelf import Lying, Shelf
from imaginable.studio.translating import Make, Translating
from imaginable.studio.workers import Workers

MOST_BYTES = 50 << 20
_SAVING = 0.95
"""share of the work after which the result is only written"""


def brought(runs: Runs, shelf: Shelf, run: str, raw: bytes) -> dict[str, Any]:
    """A picture onto the shelf, upright and in 8 bits. Its size is looked at before it is decoded."""
    served = runs.translating(run)
    try:
        width, height = dimensions(raw)
        if width * height > photos.MOST_PIXELS:
            most = f"at most {photos.MOST_PIXELS // 10**6} million are accepted"
            raise UserError(f"the picture has {width}x{height} pixels; {most}")
        served.refuse_large(width, height)
        picture = whole(raw)
    except Unreadable as error:
        raise UserError(f"the picture cannot be used: {error}") from error
    height, width = picture.colour.shape[:2]
    id = shelf.put(run, _quick(picture))
    return {"picture": id, "width": width, "height": height, "fixes": list(picture.fixes)}


@dataclass(frozen=True)
class Wish:
    """What shall be made. mask: the file of one, white where the picture is to be filled."""

    picture: Lying
    make: Make
    served: Translating
    id: str

    @classmethod
    def read(cls, runs: Runs, shelf: Shelf, id: str, given: Reader) -> Wish:
        picture = shelf.get(id)
        served = runs.translating(picture.run)
        return cls(picture, served.make(given.maybe_text("to"), _bytes(given, "mask")), served, id)


async def make(job: Job, wish: Wish, shelf: Shelf, workers: Workers) -> None:
    """Tells how far it is, and in the end where the result lies, and what to hold it against."""
    try:
        result = await workers.long(_result, wish, shelf, Steps(job))
    except Cancelled:
        job.tell(state="cancelled", line="cancelled")
    else:
        job.tell(state="done", fraction=1.0, result=result)


def _result(wish: Wish, shelf: Shelf, advance: Callable[[float], None]) -> dict[str, Any]:
    advance(0.0)
    picture = whole(wish.picture.png)
    try:
        made = wish.make(picture, lambda share: advance(_SAVING * share))
    except Unreadable as error:
        raise UserError(f"this cannot be made: {error}") from error
    height, width = made.pixels.shape[:2]
    factor = wish.served.factor
    before = wish.id if factor == 1 else shelf.put(wish.picture.run, _quick(_larger(picture, factor)))
    return {
        "before": before,
        "picture": shelf.put(wish.picture.run, _folder.png(made)),
        "width": width,
        "height": height,
        "remark": wish.served.remark(picture),
    }


def _larger(picture: Whole, factor: int) -> Whole:
    alpha = None if picture.alpha is None else bicubic(picture.alpha, factor)
    return replace(picture, colour=bicubic(picture.colour, factor), alpha=alpha)


def _quick(picture: Whole) -> bytes:
    """Its file, for showing: written in a hurry, not as small as it might be."""
    return images.png(picture.layers, None, profile=picture.profile, effort=1)


def _bytes(given: Reader, key: str) -> bytes | None:
    text = given.maybe_text(key)
    try:
        return None if text is None else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise UserError(f"{key}: a file in base64 was expected") from error
