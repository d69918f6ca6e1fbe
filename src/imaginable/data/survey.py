"""The one pass over a source: every item read, hashed and decoded once, in order, by a few threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from imaginable.data.decode import Decoded, Unreadable, decode, dimensions
from imaginable.data.items import Item, Source
from imaginable.data.shape import Shape

_CHUNK = 256  # items in flight: what threads have decoded and nobody has taken yet


@dataclass(frozen=True)
class Examined:
    """An item as it was found. decoded: None when it has to be skipped, and then `why` says the reason.

    digest: of the file's bytes (or the array's), hex; empty when it could not be read.
    """

    item: Item
    digest: str
    decoded: Decoded | None
    why: str = ""


Advance = Callable[[int, int], None]


def examine(source: Source, shape: Shape, progress: Advance | None = None) -> Iterator[Examined]:
    """Every item of a source of images, in the source's order; `progress` hears (done, total)."""
    total = len(source.items)
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, total, _CHUNK):
            chunk = source.items[start : start + _CHUNK]
            yield from pool.map(lambda item: _examine(source, item, shape), chunk)
            if progress:
                progress(start + len(chunk), total)


def _examine(source: Source, item: Item, shape: Shape) -> Examined:
    found = ""
    try:
        raw = source.read(item)
        found = digest(raw)
        return Examined(item, found, decode(raw, shape))
    except Unreadable as error:
        return Examined(item, found, None, str(error))


def digest(raw: bytes | np.ndarray) -> str:
    """32 hex digits that stand for the content."""
    if isinstance(raw, np.ndarray):
        return blake2b(np.ascontiguousarray(raw).data, digest_size=16, person=str(raw.shape).encode()[:16]).hexdigest()
    return blake2b(raw, digest_size=16).hexdigest()


def common_size(source: Source, side_by_side: bool = False) -> int | None:
    """Pixels on a side, if all readable items are squares (or two squares side by side) of one size.

    Stops at the first that is not.
    """
    if source.own_size is not None or source.kind in ("npz", "built-in"):
        return source.own_size
    common: int | None = None
    for item in source.items:
        try:
            low, high = sorted(dimensions(source.read(item)))  # before EXIF turns it
        except Unreadable:
            continue
        if high != (2 * low if side_by_side else low) or common not in (None, low):
            return None
        common = low
    return common
