"""Sources that are arrays: .npz files and the built-ins."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaginable.core.errors import UserError
from imaginable.data import toys
from imaginable.data.items import Item, Source
from imaginable.data.layout import SplitName, in_order, split_name
from imaginable.data.split import split
from imaginable.data.survey import digest

COUNTS = {"sneakers": 4000, "stacked-digits": 20_000, "gaussians": 20_000, "gaussians-grid": 20_000}
"""items of a built-in that is drawn, unless a limit says otherwise"""

SIZES = {"sneakers": 64, "digits": 32, "stacked-digits": 32}
"""pixels on a side of a built-in, unless a size is given"""

_EXPECTED = "arrays such as train_images, train_labels, test_images, test_labels (or images, labels)"


def open_built_in(name: str, size: int | None, limit: int | None) -> Source:
    """A built-in by its name. Raises UserError for a size or count that it cannot be drawn in."""
    count = COUNTS.get(name, 0) if limit is None else limit
    if name == "sneakers":
        return _sneakers(count, size or SIZES[name])
    if name == "digits":
        pictures, labels = toys.digits()
        return _built_in(name, pictures, labels, own_size=SIZES[name])
    if name == "stacked-digits":
        return _stacked(count)
    points, modes = toys.ring(count) if name == "gaussians" else toys.grid(count)
    return _built_in(name, points, modes, points=True)


def _sneakers(count: int, size: int) -> Source:
    from imaginable.data.drawn import SNEAKER_FACTORS, sneakers

    if not 32 <= size <= 256:
        raise UserError(f"--size {size}: sneakers are drawn from 32 to 256 pixels; choose a size in between")
    pictures, factors = sneakers(count, size)
    items = tuple(Item(f"sneakers[{index}]", index, factors=tuple(row)) for index, row in enumerate(factors.tolist()))
    return Source(
        kind="built-in",
        where="sneakers",
        items=items,
        read=lambda item: pictures[item.position],
        factors=tuple(SNEAKER_FACTORS),
        own_size=size,
    )


def _stacked(count: int) -> Source:
    """The digits are factors: 1,000 triples are too many classes."""
    originals, labels = toys.digits()
    held = np.zeros(len(originals), dtype=bool)
    held[split([digest(picture) for picture in originals], [None] * len(originals)).held_out] = True
    pictures, triples, held_out = toys.stacked(originals, labels, held, count)
    items = tuple(
        Item(f"stacked-digits[{index}]", index, "validation" if held_out[index] else "train", factors=tuple(triple))
        for index, triple in enumerate(triples.astype(float).tolist())
    )
    return Source(
        kind="built-in",
        where="stacked-digits",
        items=items,
        read=lambda item: pictures[item.position],
        factors=("red", "green", "blue"),
        own_size=SIZES["stacked-digits"],
    )


def _built_in(
    name: str, values: np.ndarray, labels: np.ndarray, own_size: int | None = None, points: bool = False
) -> Source:
    items = tuple(Item(f"{name}[{index}]", index, label=str(label)) for index, label in enumerate(labels.tolist()))
    return Source(
        kind="built-in",
        where=name,
        items=items,
        read=lambda item: values[item.position],
        classes=in_order(map(str, labels.tolist())),
        own_size=own_size,
        points=points,
    )


@dataclass(frozen=True)
class _Part:
    """One array of pictures in an .npz: (n, h, w) or (n, h, w, c), as stored; `to_bytes` makes one uint8."""

    key: str
    split: SplitName | None
    pictures: np.ndarray
    labels: np.ndarray | None
    to_bytes: Callable[[np.ndarray], np.ndarray]


def open_npz(path: Path, where: str) -> Source:
    """The pictures of an .npz: `train_images`, `train_labels` ..., `images`, `labels`, `x_train`, `y_train`.

    Raises UserError when it is damaged, holds pickled objects, or nothing that could be pictures.
    """
    arrays = _load(path, where)
    parts = [_part(arrays, key, where) for key in arrays if _pictures_key(key)]
    if not parts:
        held = ", ".join(f"{key} {value.shape}" for key, value in list(arrays.items())[:4]) or "nothing"
        raise UserError(f"{where}: no arrays of pictures here, but {held};\nexpected are {_EXPECTED}")
    titles = arrays.get("class_names")
    items = []
    for number, part in enumerate(parts):
        labels = [None] * len(part.pictures) if part.labels is None else _words(part.labels, titles)
        for index, label in enumerate(labels):
            items.append(Item(f"{part.key}[{index}]", number << 40 | index, part.split, label))

    def read(item: Item) -> np.ndarray:
        part = parts[item.position >> 40]
        return part.to_bytes(part.pictures[item.position & (1 << 40) - 1])

    squares = {part.pictures.shape[1:3] for part in parts}
    height, width = next(iter(squares))
    return Source(
        kind="npz",
        where=where,
        items=tuple(items),
        read=read,
        classes=in_order(item.label for item in items if item.label is not None),
        own_size=height if len(squares) == 1 and height == width else None,
    )


def _load(path: Path, where: str) -> dict[str, np.ndarray]:
    try:
        # numpy takes any other file for a pickle, and leaves a damaged one open
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("no archive, or cut off")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            wanted = [key for key in archive.files if _pictures_key(key) or _labels_key(key) or key == "class_names"]
            return {key: archive[key] for key in wanted or archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise UserError(f"{where}: not a readable .npz ({error}); save or download it again") from error
    except ValueError as error:
        if "allow_pickle" in str(error) or "pickled" in str(error):
            reason = "it holds Python objects, which can run code when loaded; save plain arrays instead"
        else:
            reason = f"not a readable .npz ({error}); save or download it again"
        raise UserError(f"{where}: {reason}") from error


def _pictures_key(key: str) -> bool:
    return _words_of(key)[0] in ("images", "x")


def _labels_key(key: str) -> bool:
    return _words_of(key)[0] in ("labels", "y")


def _words_of(key: str) -> tuple[str, SplitName | None]:
    """("images", "train") for `train_images` and for `images_train`; ("", None) for what is neither."""
    words = key.lower().split("_")
    splits = [split for word in words if (split := split_name(word))]
    rest = [word for word in words if not split_name(word)]
    return ("", None) if len(rest) != 1 or len(splits) > 1 else (rest[0], splits[0] if splits else None)


def _part(arrays: Mapping[str, np.ndarray], key: str, where: str) -> _Part:
    what, split = _words_of(key)
    pictures = _channels_last(arrays[key], f"{where}: {key}")
    noun = {"images": "labels", "x": "y"}[what]
    labels = next((value for name, value in arrays.items() if _words_of(name) == (noun, split)), None)
    if labels is not None:
        labels = (
            labels.reshape(len(labels), -1).argmax(1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.ravel()
        )
        if len(labels) != len(pictures):
            raise UserError(f"{where}: {key} has {len(pictures)} pictures but {len(labels)} labels; save it again")
    return _Part(key, split, pictures, labels, _scaling(pictures, f"{where}: {key}"))


def _channels_last(array: np.ndarray, where: str) -> np.ndarray:
    """(n, h, w) or (n, h, w, c) with 1, 3 or 4 channels; (n, c, h, w) is turned round."""
    if array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3, 4)):
        return array
    if array.ndim == 4 and array.shape[1] in (1, 3, 4):
        return array.transpose(0, 2, 3, 1)
    raise UserError(f"{where} has shape {array.shape}; pictures are (n, height, width) or (n, height, width, 3)")


def _words(labels: np.ndarray, titles: np.ndarray | None) -> list[str]:
    """Class names: the label itself, or its entry in an array `class_names` of texts."""
    if (
        titles is not None
        and labels.dtype.kind in "iu"
        and labels.size
        and 0 <= labels.min() <= labels.max() < len(titles)
    ):
        return [str(titles[label]) for label in labels]
    whole = labels.astype(np.int64) if labels.dtype.kind == "f" else labels
    return [str(label) for label in whole.tolist()]


def _scaling(pictures: np.ndarray, where: str) -> Callable[[np.ndarray], np.ndarray]:
    """How one stored picture becomes uint8, judged by the type and range of the whole array."""
    if pictures.size == 0:
        return lambda picture: picture.astype(np.uint8)
    if pictures.dtype.kind not in "buif":
        raise UserError(f"{where} holds {pictures.dtype}, not numbers; save pictures as uint8")
    low, high = float(pictures.min()), float(pictures.max())
    offset, factor = 0.0, 1.0
    if high <= 1 and low >= 0:
        factor = 255.0
    elif pictures.dtype.kind == "f" and high <= 1 and low >= -1:
        offset, factor = 1.0, 127.5
    elif pictures.dtype == np.uint16 and high > 255:
        factor = 1 / 257
    elif not (low >= 0 and high <= 255):  # also when one is not a number
        raise UserError(f"{where} has values from {low:g} to {high:g}; expected are 0..255, 0..1 or -1..1")
    if pictures.dtype == np.uint8 and factor == 1:
        return lambda picture: picture
    return lambda picture: np.rint((picture.astype(np.float32) + offset) * factor).astype(np.uint8)
