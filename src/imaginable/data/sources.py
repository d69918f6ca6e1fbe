"""Opens a folder, a zip, an .npz or a built-in as one list of items that are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imaginable.core.errors import UserError, nearest
from imaginable.data.arrays import open_built_in, open_npz
from imaginable.data.decode import extensions
from imaginable.data.files import open_folder, open_zip
from imaginable.data.items import BUILT_INS, Item, Source, SourceKind

if TYPE_CHECKING:
    from imaginable.data.dataset import DataOptions

__all__ = ["BUILT_INS", "Item", "Source", "SourceKind", "locate", "open_source", "validate"]

T = TypeVar("T")

SMALLEST, LARGEST = 4, 4096
"""pixels on a side that may be asked for"""


def validate(options: DataOptions) -> None:
    """Raises UserError for a size or limit that no source can meet."""
    if options.size is not None and not SMALLEST <= options.size <= LARGEST:
        raise UserError(f"--size {options.size}: choose a number of pixels from {SMALLEST} to {LARGEST}")
    if options.limit is not None and options.limit < 2:
        raise UserError(f"--limit {options.limit}: at least 2 items are needed")


def locate(source: str) -> tuple[SourceKind, Path]:
    """What kind of source a string means, and its path (the bare name for a built-in).

    Raises UserError when there is no such thing, or it is a file that cannot be a source.
    """
    if source in BUILT_INS:
        return "built-in", Path(source)
    path = Path(source).expanduser()
    if path.is_dir():
        return "folder", path
    if not path.exists():
        hint = nearest(source, BUILT_INS) or f"; built in are {', '.join(BUILT_INS)}"
        raise UserError(f"{source}: no such file or folder{hint}")
    kinds: dict[str, SourceKind] = {".zip": "zip", ".npz": "npz"}
    kind = kinds.get(path.suffix.lower())
    if kind and path.is_file():
        return kind, path
    if path.suffix.lower() in extensions():
        raise UserError(f"{source}: this is one picture; give the folder that holds your pictures")
    raise UserError(f"{source}: neither a folder, a .zip nor an .npz; unpack or convert it, and give that")


def open_source(options: DataOptions) -> Source:
    """The source that `options` names, at most `options.limit` items of it, with classes unless `unlabelled`.

    Raises UserError, naming the file or folder, when it is missing, damaged or holds no pictures, and for
    options that make no sense.
    """
    validate(options)
    kind, path = locate(options.source)
    match kind:
        case "built-in":
            source = open_built_in(options.source, options.size, options.limit)
        case "npz":
            source = open_npz(path, options.source)
        case "zip":
            source = open_zip(path, options.source)
        case "folder":
            source = open_folder(path, options.source)
    return _limited(_labelled(source, options.unlabelled), options.limit)


def _labelled(source: Source, unlabelled: bool) -> Source:
    """Takes the classes away where they are unwanted or say nothing because all items share one."""
    labels = {item.label for item in source.items}
    if not unlabelled and len(labels) > 1:
        return source
    items = tuple(replace(item, label=None) for item in source.items) if labels != {None} else source.items
    return replace(source, items=items, classes=())


def _limited(source: Source, limit: int | None) -> Source:
    """The `limit` items whose names hash lowest, in their order: a fair draw over classes and splits."""
    return replace(source, items=tuple(lowest(source.items, limit, lambda item: item.name)))


def lowest(things: Sequence[T], limit: int | None, name: Callable[[T], str]) -> Sequence[T]:
    """The `limit` things whose names hash lowest, in their order; all where there is no limit."""
    if limit is None or limit >= len(things):
        return things
    names = [name(thing) for thing in things]
    chosen = set(sorted(names, key=lambda word: blake2b(word.encode(errors="replace")).digest())[: max(0, limit)])
    return [thing for thing, word in zip(things, names, strict=True) if word in chosen]
