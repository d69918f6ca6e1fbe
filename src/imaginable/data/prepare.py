"""From the options to arrays that training indexes; pictures are decoded once and kept in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np

from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.data import cache, drawn, toys
from imaginable.data.check import Checked, Tally
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.items import Source, SourceKind
from imaginable.data.report import several, skipped_line
from imaginable.data.shape import shape_of
from imaginable.data.sources import locate, open_source, validate
from imaginable.data.split import Split, split, straddling
from imaginable.data.survey import Advance, common_size, digest, examine

DEFAULT_SIZE = 64
"""pixels on a side for pictures of different sizes"""

TOLERATED = 0.05
"""share of bad files up to which they are skipped (one bad file always is)"""

Say = Callable[[str], None]


def prepare(
    options: DataOptions,
    sizes: Callable[[int], bool] | None = None,
    say: Say | None = None,
    progress: Advance | None = None,
) -> Dataset:
    """The prepared data; decodes only what the cache does not hold yet.

    sizes: whether the method takes pictures of so many pixels on a side; asked only where options.size is
    None. say hears remarks for a person, progress (pictures done, of so many). Raises UserError, naming the
    source or file, when the data is missing, damaged, empty or too bad.
    """
    validate(options)
    with ExitStack() as stack:
        asked = _Asked(options, stack)
        size = options.size or asked.best_size(sizes)
        name = cache.key("entry", asked.content, size, _what_matters(options))
        if cache.load(name) is None:
            _build(name, asked, size, progress)
    found = cache.load(name)
    if found is None:
        raise UserError(f"{cache.folder()}: the prepared data vanished; set IMAGINABLE_CACHE to a folder that stays")
    return _finished(options, *found, say or _nothing)


def _nothing(line: str) -> None:
    pass


def _what_matters(options: DataOptions) -> list[Any]:
    """The options, beside source and size, that change what is prepared."""
    return [options.colour, options.unlabelled, options.fit, options.background, options.limit]


@dataclass
class _Asked:
    """The source as far as it has to be opened: for most of what is in the cache already, it is not."""

    options: DataOptions
    stack: ExitStack

    @cached_property
    def located(self) -> tuple[SourceKind, Path]:
        return locate(self.options.source)

    @cached_property
    def source(self) -> Source:
        return self.stack.enter_context(open_source(self.options))

    @cached_property
    def content(self) -> str:
        """A hash of everything that will be read."""
        kind, path = self.located
        if kind == "folder":
            return _folder_digest(path, self.source)
        if kind == "built-in":
            # its code is its content
            code = [digest(Path(module.__file__ or "").read_bytes()) for module in (drawn, toys)]
            return cache.key(self.options.source, self.options.limit, *code)
        with path.open("rb") as file:
            return file_digest(file, "blake2b").hexdigest()[:32]

    def best_size(self, sizes: Callable[[int], bool] | None) -> int:
        """Where none was asked for: the pictures' own, as near as the method takes it, else the default."""
        name = cache.key("own size", self.content, self.options.limit)
        own = cache.remembered(name, lambda: common_size(self.source))
        if own is None or sizes is None or sizes(own):
            return own or DEFAULT_SIZE
        near = [size for size in range(4, 1025) if sizes(size)]
        return min(near, key=lambda size: abs(math.log(size / own)), default=DEFAULT_SIZE)


def _folder_digest(root: Path, source: Source) -> str:
    """A hash of names and contents, remembered by names, lengths and times: large sets are read once."""
    names = [item.name for item in source.items] + list(source.tables)
    facts = []
    for name in names:
        try:
            found = (root / name).stat()
            facts.append([name, found.st_size, found.st_mtime_ns])
        except OSError:
            facts.append([name, -1, -1])

    def compute() -> str:
        return cache.key([[name, _file_digest(root / name)] for name in names])

    return str(cache.remembered(cache.key("folder", str(root.resolve()), facts), compute))


def _file_digest(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file_digest(file, "blake2b").hexdigest()
    except OSError:
        return ""


def _build(name: str, asked: _Asked, size: int, progress: Advance | None) -> None:
    """Decodes everything into a new cache entry."""
    source, options = asked.source, asked.options
    tally = Tally(source)
    shape = shape_of(options, size)
    with cache.writing(name) as writer:
        if source.points:
            tally.add_points()
            for item in source.items:
                writer.append(np.asarray(source.read(item)))
        else:
            for seen in examine(source, shape, progress):
                if seen.decoded is None and options.on_bad == "stop":
                    raise UserError(_stopped(source.where, seen.item.name, seen.why))
                tally.add(seen)
                if seen.decoded is not None:
                    writer.append(seen.decoded.pixels)
        checked = tally.checked()
        _refuse_too_bad(source.where, checked.skipped, checked.found)
        _refuse_too_few(checked)
        writer.record = _record(checked, asked.content)


def _stopped(where: str, name: str, why: str) -> str:
    return f"{where}: {name} is unusable ({why}); repair or remove it, or use --on-bad skip"


def _refuse_too_bad(where: str, skipped: dict[str, str] | Any, found: int) -> None:
    if len(skipped) == found:
        raise UserError(f"{where}: none of its {found} pictures is usable;\n{skipped_line(skipped, found)}")
    if len(skipped) > max(1.0, TOLERATED * found):
        raise UserError(
            f"{where}: more than {TOLERATED:.0%} is unusable, repair or remove them first;\n"
            f"{skipped_line(skipped, found)} ('imaginable check' lists them all)"
        )


def _refuse_too_few(checked: Checked) -> None:
    if checked.usable < 2:
        raise UserError(f"{checked.where}: only {checked.usable} usable picture; training needs at least 2, better 100")
    if len(set(checked.keys)) < 2:
        raise UserError(f"{checked.where}: all {checked.usable} pictures are the same; training needs different ones")


def _record(checked: Checked, content: str) -> dict[str, Any]:
    """What the cache keeps beside the items."""
    division = split(checked.keys, [item.split for item in checked.items])
    index = {label: position for position, label in enumerate(checked.classes) if label != "none"}
    names = [item.name for item in checked.items]
    return {
        "points": checked.points,
        "classes": list(index),
        "names": names,
        "labels": [-1 if item.label is None else index[item.label] for item in checked.items],
        "factors": [item.factors for item in checked.items],
        "train": division.train.tolist(),
        "held_out": division.held_out.tolist(),
        "manifest": checked.manifest | {"digest": content} | _division(division, names, checked.keys),
    }


def _division(division: Split, names: list[str], keys: Iterable[str]) -> dict[str, Any]:
    """How the items were split, for the manifest."""
    return {
        "split": {
            "how": division.how,
            "train": len(division.train),
            "held_out": len(division.held_out),
            "unused": len(division.unused),
        },
        "held_out": [names[index] for index in division.held_out],
        "unused": [names[index] for index in division.unused],
        "straddling": [names[index] for index in straddling(list(keys), division)],
    }


def _finished(options: DataOptions, items: np.ndarray, record: dict[str, Any], say: Say) -> Dataset:
    """The Dataset of a cache entry, with what has to be said about it."""
    manifest = record["manifest"] | {"source": options.source}
    skipped = manifest["skipped"]
    if skipped and options.on_bad == "stop":
        raise UserError(_stopped(options.source, *next(iter(skipped.items()))))
    if skipped:
        say(skipped_line(skipped, manifest["found"]))
    if manifest["straddling"]:
        say(f"exact copies of what is trained on are held out as well: {several(manifest['straddling'])}")
    train = np.array(record["train"], dtype=np.int64)
    factors = tuple(manifest["factors"])
    spec = DataSpec(
        kind="points" if record["points"] else "images",
        shape=items.shape[1:] if record["points"] else (items.shape[3], *items.shape[1:3]),
        classes=tuple(record["classes"]),
        factors=factors,
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
        held_out=np.array(record["held_out"], dtype=np.int64),
        manifest=manifest,
        binarise=options.binarise,
    )
