"""What the folders of a picture say: which split it belongs to, and which class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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

SideName = Literal["A", "B"]

_GLUED = re.compile(rf"({'|'.join(SPLITS)})([ab])", re.IGNORECASE)
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
    named like a split is the split; the first other folder is the class. Where all are named like trainA or testB,
    they are both.
    """
    return [(split, rest[0] if rest else None) for split, rest in map(_parted, _below(names))]


@dataclass(frozen=True)
class Seat:
    """Where a picture belongs in a set of two sides. key: what its path says beside the side: partners share it."""

    side: SideName
    key: str


def seats(names: Sequence[str]) -> list[Seat] | None:
    """The seat of every relative path; None unless each is in a folder A or B, upper or lower case, and both are there.

    Splits may be above them, below them, or glued to them (trainA).
    """
    found = []
    for name, (split, rest) in zip(names, map(_parted, _below(names)), strict=True):
        if not rest or rest[0].upper() not in ("A", "B"):
            return None
        side: SideName = "A" if rest[0].upper() == "A" else "B"
        found.append(Seat(side, "/".join([split or "", *rest[1:], PurePosixPath(name).stem])))
    return found if len({seat.side for seat in found}) == 2 else None


def _below(names: Sequence[str]) -> list[tuple[str, ...]]:
    """The folders of every path, without those that wrap everything, and trainA as train and A."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    depth = _wrapping(folders)
    below = [parts[depth:] for parts in folders]
    glued = [_GLUED.fullmatch(parts[0]) if parts else None for parts in below]
    if not all(glued):
        return below
    return [(two[1], two[2].upper(), *parts[1:]) for two, parts in zip(glued, below, strict=True) if two]


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


def _parted(parts: tuple[str, ...]) -> tuple[SplitName | None, tuple[str, ...]]:
    """The split among the first two folders, and the other folders."""
    split = next((index for index, part in enumerate(parts[:2]) if split_name(part)), None)
    return (None, parts) if split is None else (split_name(parts[split]), parts[:split] + parts[split + 1 :])


def in_order(words: Iterable[str]) -> tuple[str, ...]:
    """The distinct words, whole numbers by value, others by the alphabet."""
    distinct = set(words)
    if all(word.isdecimal() for word in distinct):
        return tuple(sorted(distinct, key=lambda word: (int(word), word)))
    return tuple(sorted(distinct))
