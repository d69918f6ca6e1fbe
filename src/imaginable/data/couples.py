"""Prepares pairs, domains, and pictures with masks: two arrays, A and B, in two entries of the cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from imaginable.core.types import Kind
from imaginable.data import cache, refuse
from imaginable.data.cache import Writer
from imaginable.data.check import Checked, Tally, tallied
from imaginable.data.items import Item, Source
from imaginable.data.masks import with_masks
from imaginable.data.shape import Shape
from imaginable.data.sides import Sides, pair_keys, two_sided
from imaginable.data.split import Split, content_keys, described, split
from imaginable.data.survey import Advance, Examined, digest

if TYPE_CHECKING:
    from imaginable.data.dataset import DataOptions


def load(name: str) -> tuple[np.ndarray, dict[str, Any], np.ndarray] | None:
    """A, the record, and B of an entry, or None when it is not whole."""
    first, second = cache.load(name), cache.load(_of_b(name))
    return None if first is None or second is None else (*first, second[0])


def build(
    name: str,
    kind: Kind,
    source: Source,
    masks: Source | None,
    content: str,
    shape: Shape,
    options: DataOptions,
    progress: Advance | None,
) -> None:
    """Decodes everything into new cache entries. Raises UserError without two sides, or with too few good pictures."""
    sides = None
    if masks is not None:
        source, sides = with_masks(source, masks, options.limit)
    elif not options.side_by_side:
        source, sides = two_sided(source, kind, options.limit)
    source = replace(source, factors=(), factor_values={})
    tally, lost = Tally(source), []
    with cache.writing(name) as first, cache.writing(_of_b(name)) as second:
        a, b = _Side("A", first), _Side("B", second)
        for couple in _couples(tallied(tally, shape, options.on_bad, progress), a, b, kind, sides):
            if any(seen.decoded is None for _, seen in couple):
                lost += [seen.item.name for _, seen in couple if seen.decoded is not None]
                continue
            for side, seen in couple:
                side.add(seen)
        checked = tally.checked()
        refuse.too_bad(source.where, checked.skipped, checked.found)
        first.record = _record(kind, a, b, checked, content)
        if kind != "domains":
            alone = sorted([*(sides.alone if sides else ()), *lost])
            first.record["manifest"] |= {"pairs": len(a.items), "alone": alone}


def _of_b(name: str) -> str:
    return cache.key(name, "B")


@dataclass
class _Side:
    """One of the two arrays as it grows."""

    name: str
    writer: Writer
    items: list[Item] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    pixel_digests: list[str] = field(default_factory=list)

    def add(self, seen: Examined) -> None:
        assert seen.decoded is not None
        self.writer.append(seen.decoded.pixels)
        self.items.append(seen.item)
        self.digests.append(seen.digest)
        self.pixel_digests.append(digest(seen.decoded.pixels))

    @property
    def keys(self) -> list[str]:
        return content_keys(self.digests, self.pixel_digests)

    @property
    def names(self) -> list[str]:
        return [item.name for item in self.items]


_Couple = list[tuple[_Side, Examined]]


def _couples(found: Iterator[Examined], a: _Side, b: _Side, kind: Kind, sides: Sides | None) -> Iterator[_Couple]:
    """What belongs together, each with its side: partners, two halves, or of domains one item alone."""
    of_a = {item.name for item in sides.a} if sides else set()
    for seen in found:
        if sides is None:
            yield list(zip((a, b), _halves(seen), strict=True))
        elif kind != "domains":
            yield [(a, seen), (b, next(found))]
        else:
            yield [(a if seen.item.name in of_a else b, seen)]


def _halves(seen: Examined) -> tuple[Examined, Examined]:
    """The left and the right half as items of their own; what could not be decoded twice."""
    found = seen.decoded
    if found is None or found.right is None:
        return seen, seen
    right = replace(found, pixels=found.right, right=None)
    return replace(seen, decoded=replace(found, right=None)), replace(seen, decoded=right)


def _record(kind: Kind, a: _Side, b: _Side, checked: Checked, content: str) -> dict[str, Any]:
    """What the cache keeps beside the items. Halves of a picture are on the same side of the split, domains or not."""
    if kind != "domains" or checked.side_by_side:
        keys = a.keys if checked.masked else pair_keys(a.keys, b.keys)
        refuse.too_few(checked.where, keys, "picture" if checked.masked else "pair")
        named = [first.split or second.split for first, second in zip(a.items, b.items, strict=True)]
        both = split(keys, named)
        divisions, keys_of = (both, both), (keys, keys)
    else:
        for side in (a, b):
            refuse.too_few(f"{checked.where}: {side.name}", side.keys)
        divisions, keys_of = (_division(a), _division(b)), (a.keys, b.keys)
    of_a, of_b = (
        described(division, side.names, keys) for division, side, keys in zip(divisions, (a, b), keys_of, strict=True)
    )
    arrangement = {"digest": content, "arrangement": "masks" if checked.masked else kind}
    return {
        "kind": kind,
        "classes": [],
        "names": a.names,
        "target_names": b.names,
        "labels": [-1] * len(a.items),
        "factors": [],
        "train": divisions[0].train.tolist(),
        "held_out": divisions[0].held_out.tolist(),
        "target_train": divisions[1].train.tolist(),
        "target_held_out": divisions[1].held_out.tolist(),
        "manifest": checked.manifest | arrangement | of_a | {"B": of_b},
    }


def _division(side: _Side) -> Split:
    return split(side.keys, [item.split for item in side.items])
