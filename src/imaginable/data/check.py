"""Looks at every picture once and says what is there, what was put right and what cannot be used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from imaginable.data import refuse
from imaginable.data.items import Item, Source, SourceKind
from imaginable.data.masks import with_masks
from imaginable.data.propose import mirror_ratio, propose_flip, propose_size
from imaginable.data.shape import Shape, shape_of
from imaginable.data.sides import misshapen, sides_of
from imaginable.data.sources import open_source
from imaginable.data.split import alike, content_keys
from imaginable.data.survey import Advance, Examined, digest, examine

if TYPE_CHECKING:
    from imaginable.data.dataset import DataOptions

SAMPLE = 400
"""pictures that the proposals are measured on"""

EXTREME = 4.0
"""longer over shorter side, beyond which a picture is pointed out"""


@dataclass(frozen=True)
class Checked:
    """What a pass over the data found; names are paths relative to the source.

    found: items looked at. items: the usable ones, in order. keys: for each its content, equal for exact
    duplicates. digests: name -> hash of the file. fixed: what was done -> names. skipped, flagged: name ->
    why. duplicates: groups of names. classes, splits: name -> usable items. sizes: (width, height) ->
    pictures. own_size: pixels on a side of a source that is made of arrays. mirror: see
    propose.mirror_ratio, None where it was not measured.
    pairs: pictures with a partner, or pictures that are pairs side by side; None where there are no two sides.
    masked: the partners are masks.
    alone: of two sides, names without a usable partner. sample: some pictures, uint8 (h, w, 1 | 3) each.
    """

    where: str
    kind: SourceKind
    points: bool
    found: int
    items: tuple[Item, ...]
    keys: tuple[str, ...]
    digests: Mapping[str, str]
    fixed: Mapping[str, tuple[str, ...]]
    skipped: Mapping[str, str]
    flagged: Mapping[str, str]
    duplicates: tuple[tuple[str, ...], ...]
    classes: Mapping[str, int]
    splits: Mapping[str, int]
    sizes: Mapping[tuple[int, int], int]
    grey: bool
    factors: tuple[str, ...]
    factor_values: Mapping[str, tuple[str, ...]]
    others: Mapping[str, int]
    notes: tuple[str, ...]
    own_size: int | None = None
    mirror: float | None = None
    side_by_side: bool = False
    masked: bool = False
    pairs: int | None = None
    alone: tuple[str, ...] = ()
    sample: tuple[np.ndarray, ...] = ()

    @property
    def usable(self) -> int:
        return len(self.items)

    @property
    def proposed_flip(self) -> bool:
        return propose_flip(self.mirror)

    @property
    def proposed_size(self) -> int | None:
        sizes = {(high, high): count for (_, high), count in self.sizes.items()} if self.side_by_side else self.sizes
        return None if self.points else self.own_size or propose_size(sizes)

    @property
    def manifest(self) -> dict[str, Any]:
        """The same as plain data, for manifest.json. Digests are per file; arrays have none each."""
        return {
            "source": self.where,
            "kind": self.kind,
            "found": self.found,
            "items": self.usable,
            "sizes": {f"{width}x{height}": count for (width, height), count in self.sizes.items()},
            "grey": self.grey,
            "classes": dict(self.classes),
            "splits": dict(self.splits),
            "factors": list(self.factors),
            "factor_values": {name: list(values) for name, values in self.factor_values.items()},
            "fixed": {fix: list(names) for fix, names in self.fixed.items()},
            "skipped": dict(self.skipped),
            "flagged": dict(self.flagged),
            "duplicates": [list(group) for group in self.duplicates],
            "others": dict(self.others),
            "notes": list(self.notes),
            "digests": dict(self.digests) if self.kind in ("folder", "zip") else {},
        }

    def lines(self) -> list[str]:
        """Plain text for the terminal."""
        from imaginable.data.report import lines

        return lines(self)


def check(options: DataOptions, progress: Advance | None = None) -> Checked:
    """One pass over the source. Bad files are listed, not fatal; without any picture it raises UserError."""
    shape = shape_of(options, options.size or 64)
    with ExitStack() as stack:
        source = stack.enter_context(open_source(options))
        alone: tuple[str, ...] = ()
        if options.masks:
            with refuse.flagged("--masks"):
                masks = stack.enter_context(open_source(replace(options, source=options.masks, limit=None)))
            source, sides = with_masks(source, masks, None)
            alone = sides.alone if options.limit is None else ()
        tally = Tally(source)
        if source.points:
            tally.add_points()
            return tally.checked()
        chosen = set(np.linspace(0, len(source.items) - 1, min(SAMPLE, len(source.items))).astype(int).tolist())
        sample = []
        for position, seen in enumerate(examine(source, shape, progress)):
            tally.add(seen)
            if position in chosen and seen.decoded and not seen.item.mask_of:
                sample.append(seen.decoded.whole)
        checked = tally.checked(mirror_ratio([one[:, : shape.size] for one in sample]), sample)
        if options.limit is not None and not (options.masks or options.side_by_side):
            return replace(checked, pairs=None, alone=())  # the partners may be among the files that were not taken
        return replace(checked, alone=(*checked.alone, *alone))


def tallied(tally: Tally, shape: Shape, on_bad: str, progress: Advance | None) -> Iterator[Examined]:
    """Every item of the tally's source, counted. Raises UserError at the first bad one where on_bad is "stop"."""
    for seen in examine(tally.source, shape, progress):
        if seen.decoded is None and on_bad == "stop":
            raise refuse.stopped(tally.source.where, seen.item.name, seen.why)
        tally.add(seen)
        yield seen


@dataclass
class Tally:
    """Counts examined items as they come."""

    source: Source
    items: list[Item] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    pixel_digests: list[str] = field(default_factory=list)
    fixed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    skipped: dict[str, str] = field(default_factory=dict)
    flagged: dict[str, str] = field(default_factory=dict)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    measures: dict[str, tuple[int, int]] = field(default_factory=dict)
    grey: list[str] = field(default_factory=list)
    halved: int = 0
    masks: list[Item] = field(default_factory=list)

    def add(self, seen: Examined) -> None:
        name, decoded = seen.item.name, seen.decoded
        if decoded is None:
            self.skipped[name] = seen.why
            return
        for fix in decoded.fixes:
            self.fixed[fix].append(name)
        if seen.item.mask_of:
            self.masks.append(seen.item)
            return
        self.items.append(seen.item)
        self.digests.append(seen.digest)
        self.pixel_digests.append(digest(decoded.whole))
        self.halved += decoded.right is not None
        self.sizes[decoded.width, decoded.height] += 1
        self.measures[name] = decoded.width, decoded.height
        if decoded.grey:
            self.grey.append(name)
        if max(decoded.width, decoded.height) > EXTREME * min(decoded.width, decoded.height):
            self.flagged[name] = f"very long: {decoded.width}x{decoded.height}"

    def add_points(self) -> None:
        """All points of a source of points."""
        self.items.extend(self.source.items)
        for item in self.source.items:
            point = self.source.read(item)
            self.digests.append(digest(point))
        self.pixel_digests.extend(self.digests)

    def checked(self, mirror: float | None = None, sample: Sequence[np.ndarray] = ()) -> Checked:
        source, names = self.source, [item.name for item in self.items]
        pairs, alone = self._partners()
        all_grey = len(self.grey) == len(names) and not source.points
        fixed = dict(self.fixed)
        if self.grey and not all_grey:
            fixed["grey turned into colour"] = self.grey
        return Checked(
            where=source.where,
            kind=source.kind,
            points=source.points,
            found=sum(not item.mask_of for item in source.items),
            items=tuple(self.items),
            keys=tuple(content_keys(self.digests, self.pixel_digests)),
            digests=dict(zip(names, self.digests, strict=True)),
            fixed={fix: tuple(fixed[fix]) for fix in sorted(fixed)},
            skipped=self.skipped,
            flagged=self.flagged | misshapen(self.items, self.measures),
            duplicates=tuple(alike(self.pixel_digests, names)),
            classes=_counted((item.label for item in self.items), source.classes),
            splits=_counted((item.split for item in self.items), ("train", "validation", "test")),
            sizes=dict(self.sizes.most_common()),
            grey=all_grey,
            factors=source.factors,
            factor_values=source.factor_values,
            others=source.others,
            notes=source.notes,
            own_size=source.own_size,
            mirror=mirror,
            side_by_side=bool(self.halved),
            masked=bool(self.masks),
            pairs=pairs,
            alone=alone,
            sample=tuple(sample),
        )

    def _partners(self) -> tuple[int | None, tuple[str, ...]]:
        """How many pairs there are, None without two sides, and the usable files that are in none."""
        if self.masks:
            names, masked = {item.name for item in self.items}, {mask.mask_of for mask in self.masks}
            lone = [mask.name for mask in self.masks if mask.mask_of not in names]
            return len(names & masked), tuple(sorted([*(names - masked), *lone]))
        if self.halved:
            return self.halved, ()
        sides = sides_of(self.items)
        return (len(sides.pairs), sides.alone) if sides else (None, ())


def _counted(words: Sequence[str | None] | Any, order: Sequence[str]) -> dict[str, int]:
    """How often each word comes, in the given order; 'none' for None, last, unless everything is None."""
    counts = Counter(words)
    if set(counts) <= {None}:
        return {}
    result = {word: counts[word] for word in order if word in counts}
    return result | ({"none": counts[None]} if None in counts else {})
