"""Sources with two sides, A and B: which pictures are partners, and which pairs are alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imaginable.core.errors import UserError
from imaginable.data.items import Item, Source
from imaginable.data.layout import SideName, seats
from imaginable.data.report import several
from imaginable.data.sources import lowest

if TYPE_CHECKING:
    from imaginable.core.types import Kind

LAYOUT = "two folders A and B (or trainA, trainB, testA, testB), or pictures with A left and B right (--side-by-side)"


ALIKE = 0.03
"""difference of two proportions that rounding to whole pixels may make"""


@dataclass(frozen=True)
class Sides:
    """A source's items by side. pairs: partners, one of a name on either side. alone: names of the other items."""

    a: tuple[Item, ...]
    b: tuple[Item, ...]
    pairs: tuple[tuple[Item, Item], ...]
    alone: tuple[str, ...]


def sides_of(items: Sequence[Item]) -> Sides | None:
    """The sides of a source whose pictures all lie in folders A and B; None for any other."""
    found = seats([item.name for item in items])
    if found is None:
        return None
    by_side: dict[SideName, list[Item]] = {"A": [], "B": []}
    by_key: dict[str, dict[SideName, list[Item]]] = defaultdict(lambda: {"A": [], "B": []})
    for item, seat in zip(items, found, strict=True):
        by_side[seat.side].append(item)
        by_key[seat.key][seat.side].append(item)
    # two of one name on a side (1.png and 1.jpg): nobody can say which is meant
    pairs = tuple((two["A"][0], two["B"][0]) for two in by_key.values() if len(two["A"]) == len(two["B"]) == 1)
    taken = {item.name for pair in pairs for item in pair}
    alone = tuple(item.name for item in items if item.name not in taken)
    return Sides(tuple(by_side["A"]), tuple(by_side["B"]), pairs, alone)


def misshapen(items: Sequence[Item], measures: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Items of B, by name, with why they do not lie on their partners: brought to a square, another part is cut off.

    measures: (width, height) of the upright originals.
    """
    sides, found = sides_of(items), {}
    for a, b in sides.pairs if sides else ():
        (width, height), (other_width, other_height) = measures[a.name], measures[b.name]
        if abs(width * other_height / (height * other_width) - 1) > ALIKE:
            found[b.name] = f"{other_width}x{other_height}, and its partner {a.name} is {width}x{height}"
    return found


def two_sided(source: Source, kind: Kind, limit: int | None) -> tuple[Source, Sides]:
    """The source with the items that are used, partners beside each other or B after A, and its sides.

    limit: at most so many pairs, or so many items of each domain. Raises UserError where there are no two sides, or
    no partners where pairs are asked for.
    """
    sides = sides_of(source.items) if source.kind in ("folder", "zip") else None
    if sides is None:
        raise UserError(f"{source.where}: there are no two sides here; needed are {LAYOUT}")
    if kind == "pairs" and not sides.pairs:
        alone = several(sides.alone, 2)
        raise UserError(
            f"{source.where}: no picture in A has a partner of the same name in B ({alone});\n"
            "rename them, or train a method for two domains (cyclegan)"
        )
    pairs = lowest(sides.pairs, limit, lambda pair: pair[0].name)
    a, b = (lowest(side, limit, lambda item: item.name) for side in (sides.a, sides.b))
    items = [item for pair in pairs for item in pair] if kind == "pairs" else [*a, *b]
    return replace(source, items=tuple(items)), sides


def pair_keys(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """For every pair of content keys one of its own, equal for pairs that share their A or their B.

    So what is held out is met on neither side in training. It is the lowest key of the A that belong together.
    """
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while above.setdefault(key, key) != key:
            above[key] = key = above[above[key]]
        return key

    for a, b in zip(first, second, strict=True):
        low, high = sorted([top(f"A{a}"), top(f"B{b}")])
        above[high] = low
    return [top(f"A{a}") for a in first]
