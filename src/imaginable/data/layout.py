"""What the folders of a picture say: which split it belongs to, and which class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Literal

SplitName = Literal["train", "validation", "test"]

SPLITS: dict[str, SplitName] = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}

_CLUTTER = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin"}


def split_name(word: str) -> SplitName | None:
    """The split a folder name or a csv entry stands for, or None; upper and lower case are the same."""
    return SPLITS.get(word.strip().lower())


def is_clutter(name: str) -> bool:
    """Whether a relative path is hidden or was left by an operating system."""
    return any(part.startswith(".") or part.lower() in _CLUTTER for part in PurePosixPath(name).parts)


def places(names: Sequence[str]) -> list[tuple[SplitName | None, str | None]]:
    """(split, class) of every relative path in `names`.

    A top folder that wraps everything says nothing and is passed over. Of the first two folders below it, one
    named like a split is the split; the first other folder is the class.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    depth = _wrapping(folders)
    return [_place(parts[depth:]) for parts in folders]


def _wrapping(folders: Sequence[tuple[str, ...]]) -> int:
    """How many folders at the top hold everything and are no split."""
    depth = 0
    while folders:
        tops = {parts[depth] if len(parts) > depth else "" for parts in folders}
        top = tops.pop()
        if tops or not top or split_name(top):
            break
        depth += 1
    return depth


def _place(parts: tuple[str, ...]) -> tuple[SplitName | None, str | None]:
    split = next((index for index, part in enumerate(parts[:2]) if split_name(part)), None)
    rest = parts if split is None else parts[:split] + parts[split + 1 :]
    return (None if split is None else split_name(parts[split])), (rest[0] if rest else None)


def in_order(words: Iterable[str]) -> tuple[str, ...]:
    """The distinct words, whole numbers by value, others by the alphabet."""
    distinct = set(words)
    if all(word.isdecimal() for word in distinct):
        return tuple(sorted(distinct, key=lambda word: (int(word), word)))
    return tuple(sorted(distinct))
