"""From the options to arrays that training indexes; pictures are decoded once and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec, Kind
from imaginable.data import cache, couples, refuse
from imaginable.data.asked import Asked
from imaginable.data.check import Checked, Tally, tallied
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.report import several, skipped_line
from imaginable.data.shape import shape_of
from imaginable.data.sides import LAYOUT
from imaginable.data.sources import BUILT_INS, validate
from imaginable.data.split import described, split
from imaginable.data.survey import Advance

Say = Callable[[str], None]


def prepare(
    options: DataOptions,
    sizes: Callable[[int], bool] | None = None,
    say: Say | None = None,
    progress: Advance | None = None,
    consumes: frozenset[Kind] = frozenset(),
) -> Dataset:
    """The prepared data; decodes only what the cache does not hold yet.

    sizes: whether the method takes pictures of so many pixels on a side; asked only where options.size is
    None. say hears remarks for a person, progress (pictures done, of so many). Raises UserError, naming the
    source or file, when the data is missing, damaged, empty or too bad. consumes: the kinds that a method takes, by
    which folders A and B, and pictures side by side, become pairs or domains; otherwise A and B are classes.
    """
    validate(options)
    kind = _kind_of(options, consumes)
    if kind != "images" and options.source in BUILT_INS:  # before one is drawn
        raise UserError(f"{options.source}: {kind} are made of {LAYOUT}")
    with ExitStack() as stack:
        asked = Asked(_read_as(options, kind), stack)
        if options.masks is not None:
            asked.masks = Asked(replace(asked.options, source=options.masks), stack)
            with refuse.flagged("--masks"):
                _ = asked.masks.source
        size = options.size or asked.best_size(sizes)
        name = cache.key("entry", asked.digest, size, _what_matters(options), kind)
        load = _load if kind == "images" and asked.masks is None else couples.load
        if load(name) is None:
            _build(name, kind, asked, options, size, progress)
    found = load(name)
    if found is None:
        raise UserError(f"{cache.folder()}: the prepared data vanished; set IMAGINABLE_CACHE to a folder that stays")
    return _finished(options, *found, say or _nothing)


def _kind_of(options: DataOptions, consumes: frozenset[Kind]) -> Kind:
    """`pairs` or `domains` where they are consumed; `images`, which may turn out to be points, for all else."""
    two: list[Kind] = [kind for kind in ("pairs", "domains") if kind in consumes]
    if two and options.masks is not None:
        raise UserError("--masks: only methods that learn from single pictures take them; leave it out")
    if two:
        return two[0]
    if options.side_by_side:
        raise UserError("--side-by-side: only methods that learn from pairs or two domains take it; leave it out")
    return "images"


def _read_as(options: DataOptions, kind: Kind) -> DataOptions:
    """Two sides have no classes, and a limit counts pairs or the items of a side, not files."""
    if kind == "images" and options.masks is None:
        return options
    return replace(options, unlabelled=True, limit=options.limit if options.side_by_side else None)


def _load(name: str) -> tuple[np.ndarray, dict[str, Any], np.ndarray | None] | None:
    found = cache.load(name)
    return None if found is None else (*found, None)


def _nothing(line: str) -> None:
    pass


def _what_matters(options: DataOptions) -> list[Any]:
    """The options, beside source and size, that change what is prepared."""
    how = [options.colour, options.unlabelled, options.fit, options.background, options.limit]
    return [*how, options.side_by_side]


def _build(name: str, kind: Kind, asked: Asked, options: DataOptions, size: int, progress: Advance | None) -> None:
    """Decodes everything into a new cache entry."""
    source, shape = asked.source, shape_of(options, size)
    if kind != "images" or asked.masks:
        masks = None if asked.masks is None else asked.masks.source
        couples.build(name, kind, source, masks, asked.digest, shape, options, progress)
        return
    tally = Tally(source)
    with cache.writing(name) as writer:
        if source.points:
            tally.add_points()
            for item in source.items:
                writer.append(np.asarray(source.read(item)))
        else:
            for seen in tallied(tally, shape, options.on_bad, progress):
                if seen.decoded is not None:
                    writer.append(seen.decoded.pixels)
        checked = tally.checked()
        refuse.too_bad(source.where, checked.skipped, checked.found)
        refuse.too_few(source.where, checked.keys)
        writer.record = _record(checked, asked.content)


def _record(checked: Checked, content: str) -> dict[str, Any]:
    """What the cache keeps beside the items."""
    division = split(checked.keys, [item.split for item in checked.items])
    index = {label: position for position, label in enumerate(checked.classes) if label != "none"}
    names = [item.name for item in checked.items]
    return {
        "kind": "points" if checked.points else "images",
        "classes": list(index),
        "names": names,
        "labels": [-1 if item.label is None else index[item.label] for item in checked.items],
        "factors": [item.factors for item in checked.items],
        "train": division.train.tolist(),
        "held_out": division.held_out.tolist(),
        "manifest": checked.manifest | {"digest": content} | described(division, names, checked.keys),
    }


def _finished(
    options: DataOptions, items: np.ndarray, record: dict[str, Any], second: np.ndarray | None, say: Say
) -> Dataset:
    """The Dataset of a cache entry, with what has to be said about it. second: B, or masks."""
    targets, masks = (None, second) if record["kind"] == "images" else (second, None)
    manifest = record["manifest"] | {"source": options.source}
    skipped = manifest["skipped"]
    if skipped and options.on_bad == "stop":
        raise refuse.stopped(options.source, *next(iter(skipped.items())))
    if skipped:
        say(skipped_line(skipped, manifest["found"]))
    if alone := manifest.get("alone"):
        say(f"{len(alone)} {'files' if options.masks else 'pictures'} without a partner are left out: {several(alone)}")
    copies = [*manifest["straddling"], *(manifest["B"]["straddling"] if record["kind"] == "domains" else ())]
    if copies:
        say(f"exact copies of what is trained on are held out as well: {several(copies)}")
    train = _indices(record["train"])
    factors = tuple(manifest["factors"])
    spec = DataSpec(
        kind=record["kind"],
        shape=_shape(items),
        classes=tuple(record["classes"]),
        factors=factors,
        target_shape=None if targets is None else _shape(targets),
        count=len(train),
    )
    if options.binarise and (spec.kind != "images" or spec.shape[0] != 1):
        raise UserError(f"--binarise: {options.source} is not grey pictures; add --colour grey, or leave it out")
    return Dataset(
        spec=spec,
        items=items,
        labels=np.array(record["labels"], dtype=np.int64),
        factors=np.array(record["factors"], dtype=np.float32).reshape(len(items), len(factors)),
        names=tuple(record["names"]),
        train=train,
        held_out=_indices(record["held_out"]),
        manifest=manifest,
        binarise=options.binarise,
        targets=targets,
        masks=masks,
        target_names=tuple(record.get("target_names", ())),
        target_train=_indices(record.get("target_train", ())),
        target_held_out=_indices(record.get("target_held_out", ())),
    )


def _indices(numbers: Sequence[int]) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def _shape(items: np.ndarray) -> tuple[int, ...]:
    """Of one item as networks see it."""
    return items.shape[1:] if items.ndim == 2 else (items.shape[3], *items.shape[1:3])
