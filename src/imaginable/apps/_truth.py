"""Where defects are known to be: from masks, or from boxes in a table, at a model's own size."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

from imaginable.core.errors import UserError
from imaginable.data.dataset import DataOptions
from imaginable.data.decode import Unreadable, decode
from imaginable.data.shape import Shape
from imaginable.data.sources import open_source

T = TypeVar("T")
Box = tuple[int, int, int, int]
"""x1, y1, x2, y2"""

CORNERS = ("x1", "y1", "x2", "y2")
_COVERED = 64
"""of 255, from which a pixel of a mask that was made smaller counts: a thin defect must not vanish"""


@dataclass(frozen=True)
class Truth:
    """where: bool (n, size, size), true in the defect. known: bool (n,), of which pictures anything is known."""

    where: np.ndarray
    known: np.ndarray


def from_masks(masks: str, names: Sequence[str], shape: Shape) -> Truth:
    """Of each picture the mask of its name, white in the defect, whatever its ending, or with _mask behind its name.

    Raises UserError for a mask that cannot be read, and where none belongs to a picture.
    """
    found: dict[str, np.ndarray] = {}
    with open_source(DataOptions(masks)) as source:
        for item in source.items:
            try:
                found[_key(item.name).removesuffix("_mask")] = _brought(source.read(item), shape)
            except Unreadable as error:
                raise UserError(f"--masks {masks}: {item.name} is not readable ({error})") from error
    return _matched(found, names, shape, f"--masks {masks}")


def from_boxes(table: Path, data: DataOptions, names: Sequence[str], shape: Shape) -> Truth:
    """Of each picture its boxes in a table with the columns file, x1, y1, x2, y2, in pixels of the upright original."""
    boxes = _read(table)
    found: dict[str, np.ndarray] = {}
    with open_source(replace(data, limit=None)) as source:
        asked = set(names)
        for item in source.items:
            own = _of(boxes, item.name) if item.name in asked else None
            if own is not None:
                original = decode(source.read(item), shape)
                found[_key(item.name)] = _brought(_drawn(original.width, original.height, own), shape)
    return _matched(found, names, shape, f"--boxes {table}")


def _brought(mask: bytes | np.ndarray, shape: Shape) -> np.ndarray:
    grey: np.ndarray = decode(mask, shape.of_masks).pixels[..., 0]
    return grey >= _COVERED


def _drawn(width: int, height: int, boxes: Sequence[Box]) -> np.ndarray:
    mask = np.zeros((height, width), dtype=np.uint8)
    for left, upper, right, lower in boxes:
        mask[max(0, upper) : lower + 1, max(0, left) : right + 1] = 255
    return mask


def _read(table: Path) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = defaultdict(list)
    try:
        rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
        missing = {"file", *CORNERS} - set(rows.fieldnames or ())
        if missing:
            raise UserError(f"--boxes {table}: no column {sorted(missing)[0]!r}; file, x1, y1, x2, y2 were expected")
        for number, row in enumerate(rows, start=2):
            try:
                left, upper, right, lower = (round(float(row[corner])) for corner in CORNERS)
            except (TypeError, ValueError) as error:
                raise UserError(f"--boxes {table}: line {number}: numbers were expected in x1, y1, x2, y2") from error
            boxes[_key(row["file"])].append((left, upper, right, lower))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--boxes {table}: not a readable table ({error})") from error
    return boxes


def _matched(found: Mapping[str, np.ndarray], names: Sequence[str], shape: Shape, flag: str) -> Truth:
    where = np.zeros((len(names), shape.size, shape.size), dtype=bool)
    known = np.zeros(len(names), dtype=bool)
    for number, name in enumerate(names):
        one = _of(found, name)
        if one is not None:
            where[number], known[number] = one, True
    if not known.any():
        raise UserError(f"{flag}: nothing in it has the name of a picture of the data")
    return Truth(where, known)


def _key(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _of(found: Mapping[str, T], name: str) -> T | None:
    """What is there by the whole name, or by a name that it ends in, or that ends in it: folders on top may differ."""
    parts = PurePosixPath(_key(name)).parts
    ends = ["/".join(parts[at:]) for at in range(len(parts))]
    exact = next((found[end] for end in ends if end in found), None)
    if exact is not None:
        return exact
    return next((one for key, one in found.items() if key.endswith(f"/{ends[0]}")), None)
