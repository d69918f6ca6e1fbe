"""Which items are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

ONE_IN = 10
"""of this many items, one is held out when the data has no splits of its own"""


@dataclass(frozen=True)
class Split:
    """Ascending int64 indices of the items trained on, held out, and in neither; and how that was decided."""

    train: np.ndarray
    held_out: np.ndarray
    unused: np.ndarray
    how: str


def split(keys: Sequence[str], named: Sequence[str | None]) -> Split:
    """Divides items with content `keys` (equal for duplicates) and split names 'train', ... or None.

    Named splits hold when they leave something on both sides: `validation` is held out, or `test` if there is
    none; items without a name are trained on. Otherwise about one in ten is held out by its content, whatever
    its name and place: at least one, never all, and duplicates on the same side.
    """
    names = np.array([name or "train" for name in named], dtype=object)
    held = "validation" if (names == "validation").any() else "test"
    if (names == "train").any() and (names == held).any():
        train, chosen = names == "train", names == held
        unused = np.flatnonzero(~train & ~chosen)
        return Split(np.flatnonzero(train), np.flatnonzero(chosen), unused, f"as given: {held} is held out")
    chosen = _by_content(keys)
    nothing = np.zeros(0, dtype=np.int64)
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), nothing, f"one in {ONE_IN} held out by content")


def _by_content(keys: Sequence[str]) -> np.ndarray:
    """(n,) bool: held out. A threshold on a hash, so that more items never move the others across."""
    order = {key: _place(key) for key in set(keys)}
    chosen = {key for key, place in order.items() if place < 1 / ONE_IN}
    ranked = sorted(order, key=lambda key: (order[key], key))
    if len(ranked) > 1:
        chosen = chosen or {ranked[0]}
        chosen -= {ranked[-1]} if len(chosen) == len(ranked) else set()
    else:
        chosen = set()
    return np.array([key in chosen for key in keys], dtype=bool)


def _place(key: str) -> float:
    """A number in [0, 1) that depends on the content alone."""
    return int.from_bytes(blake2b(key.encode(), digest_size=6, person=b"held out").digest(), "little") / 2**48


def described(division: Split, names: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """How items were split, for the manifest."""
    return {
        "split": {
            "how": division.how,
            "train": len(division.train),
            "held_out": len(division.held_out),
            "unused": len(division.unused),
        },
        "held_out": [names[index] for index in division.held_out],
        "unused": [names[index] for index in division.unused],
        "straddling": [names[index] for index in straddling(keys, division)],
    }


def straddling(keys: Sequence[str], division: Split) -> list[int]:
    """Held-out items whose duplicate is trained on: it can only happen with splits that were given."""
    trained = {keys[index] for index in division.train}
    return [int(index) for index in division.held_out if keys[index] in trained]
