"""Masks that come with pictures: which belongs to which."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from imaginable.core.errors import UserError
from imaginable.data.items import Item, Source
from imaginable.data.sides import Sides
from imaginable.data.sources import lowest


def with_masks(source: Source, masks: Source, limit: int | None) -> tuple[Source, Sides]:
    """A source in which every picture is followed by its mask, and which belong together; at most `limit` pictures.

    A mask has its picture's path but for the ending, or else its bare name where only one picture and one mask
    have it. Raises UserError where nothing fits.
    """
    _refuse_among_pictures(source, masks)
    found = _Finder(masks)
    couples = [(item, mask) for item in source.items if (mask := found.of(item)) is not None]
    uses = Counter(mask.name for _, mask in couples)
    couples = [(item, mask) for item, mask in couples if uses[mask.name] == 1]
    if not couples:
        raise UserError(f"{masks.where}: no mask here has the name of a picture in {source.where}")
    used = {item.name for item, _ in couples}, {mask.name for _, mask in couples}
    label = f"{Path(masks.where).name}/"
    alone = [item.name for item in source.items if item.name not in used[0]]
    alone += [label + mask.name for mask in masks.items if mask.name not in used[1]]
    pairs = tuple((item, replace(mask, name=label + mask.name, mask_of=item.name)) for item, mask in couples)
    pairs = tuple(lowest(pairs, limit, lambda pair: pair[0].name))

    def read(item: Item) -> bytes | np.ndarray:
        return masks.read(item) if item.mask_of else source.read(item)

    items = tuple(item for pair in pairs for item in pair)
    a, b = tuple(item for item, _ in pairs), tuple(mask for _, mask in pairs)
    return replace(source, items=items, read=read), Sides(a, b, pairs, tuple(alone))


def _refuse_among_pictures(source: Source, masks: Source) -> None:
    if source.kind == masks.kind == "folder":
        pictures, folder = (Path(one.where).expanduser().resolve() for one in (source, masks))
        if folder.is_relative_to(pictures):
            raise UserError(f"{masks.where}: the masks lie among the pictures; move their folder out of {source.where}")


class _Finder:
    """Finds a picture's mask."""

    def __init__(self, masks: Source) -> None:
        self.by_path: dict[PurePosixPath, list[Item]] = defaultdict(list)
        self.by_stem: dict[str, list[Item]] = defaultdict(list)
        for mask in masks.items:
            self.by_path[PurePosixPath(mask.name).with_suffix("")].append(mask)
            self.by_stem[PurePosixPath(mask.name).stem].append(mask)

    def of(self, item: Item) -> Item | None:
        path = PurePosixPath(item.name)
        found = self.by_path.get(path.with_suffix("")) or self.by_stem.get(path.stem, [])
        return found[0] if len(found) == 1 else None
