"""Synthetic pictures as a folder to train on: a folder for each class, and which picture comes from where."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imaginable.apps import _synthetic_page
from imaginable.apps._filter import REASONS, Filter
from imaginable.apps._harvest import Harvest, Kept, fill
from imaginable.apps._json import Reader
from imaginable.apps._makers import Asked, Maker
from imaginable.apps._pictures import Say
from imaginable.apps._progress import Counter
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.decode import extensions

COLUMNS = (
    "file",
    "class",
    "synthetic",
    "seed",
    "number",
    "method",
    "model_sha256",
    "probability",
    "feature_distance",
    "nearest_training_picture",
    "grey_levels_from_it",
)
_MARK = "Imaginable-Class"
"""key of the note by which a picture is known for a result of this"""
_NONE = np.zeros((0, 1, 1, 1), np.uint8)


class Folder:
    """Where they go. Raises UserError where other pictures are, which must not be mixed with synthetic ones."""

    def __init__(self, out: Path, classes: Sequence[str]) -> None:
        self.out = out
        self.manifest, self.record, self.page = (
            out / name for name in ("manifest.csv", "augment.json", "augment.html")
        )
        self.of = dict(zip(classes, _folder_names(classes), strict=True))
        if file := next((folder for folder in (out, *out.parents) if folder.is_file()), None):
            raise UserError(f"--out {out}: {file} is a file, and a folder was expected; give another name")
        self.before: list[Path] = []
        for path in out.rglob("*"):
            if path.suffix.lower() not in extensions():
                continue
            self.before.append(path)
            if not _is_ours(path):
                raise UserError(
                    f"--out {out}: {path.relative_to(out)} is no earlier result of augment; give another folder"
                )

    def is_whole(self) -> bool:
        """Whether an earlier call came to its end."""
        return self.record.exists() and self.written().get("complete") is True

    def written(self) -> dict[str, Any]:
        """The record of what was made."""
        return Reader.of_file(self.record).content

    def clear(self, say: Say) -> None:
        """Removes earlier results."""
        if self.before:
            say(f"{len(self.before):,} pictures there from before, made anew: {self.out}")
        for path in (self.record, self.manifest, self.page, *self.before):
            path.unlink(missing_ok=True)


def make(maker: Maker, rule: Filter, classes: Sequence[str], asked: Asked, folder: Folder, say: Say) -> list[Harvest]:
    """Draws, filters and writes the pictures of these classes, and what is to be known of them.

    Stopped by Ctrl-C, it writes what there is to know of those that are there, and says so.
    """
    folder.clear(say)
    harvests = [Harvest(name) for name in classes]
    rows: list[list[Any]] = []
    with (
        _recorded(maker, rule, harvests, asked, folder, rows, say),
        Counter(len(classes) * asked.per_class, say) as counter,
    ):
        for harvest in harvests:

            def keep(kept: Kept, harvest: Harvest = harvest) -> None:
                rows.append(_write(folder, maker, harvest.name, kept, asked.seed))
                counter.show(len(rows))

            fill(harvest, maker, rule, asked, keep)
            say(_line(harvest, asked))
    return harvests


@contextmanager
def _recorded(
    maker: Maker, rule: Filter, harvests: list[Harvest], asked: Asked, folder: Folder, rows: list[list[Any]], say: Say
) -> Iterator[None]:
    """Manifest, record and page of what is there in the end, also after Ctrl-C."""

    def write(complete: bool) -> None:
        files.write_text(folder.manifest, _csv([COLUMNS, *rows]))
        files.write_text(folder.page, _synthetic_page.page(maker, rule, harvests, asked))
        record = _record(maker, rule, harvests, asked, complete)
        files.write_text(folder.record, json.dumps(record, indent=1, ensure_ascii=False))

    try:
        yield
    except KeyboardInterrupt:
        write(complete=False)
        wanted = len(harvests) * asked.per_class
        say(f"stopped: {len(rows):,} of {wanted:,} pictures in {folder.out}, all in its manifest")
        raise
    write(complete=True)


def read(folder: Folder) -> list[np.ndarray]:
    """The pictures of each class as they are on the disk, uint8 (n, h, w, c)."""
    rows = list(csv.DictReader(io.StringIO(folder.manifest.read_text("utf-8"))))
    found = []
    for name in folder.of:
        arrays = [np.asarray(Image.open(folder.out / row["file"])) for row in rows if row["class"] == name]
        found.append(np.stack([one.reshape(*one.shape[:2], -1) for one in arrays]) if arrays else _NONE)
    return found


def _write(folder: Folder, maker: Maker, name: str, kept: Kept, seed: int) -> list[Any]:
    """One picture; its row in the manifest."""
    model, sha256 = maker.models[name], maker.sha256[name]
    file = f"{folder.of[name]}/seed{seed}-{kept.number:05d}.png"
    notes = {_MARK: name, "Seed": str(seed), "Number": str(kept.number), "Model-SHA256": sha256}
    files.write_bytes(folder.out / file, images.png(kept.pixels, model.origin(seed), notes))
    figures = [f"{kept.probability:.4f}", f"{kept.features:.4f}", kept.nearest, f"{kept.distance:.2f}"]
    return [file, name, "true", seed, kept.number, model.name, sha256, *figures]


def _record(maker: Maker, rule: Filter, harvests: list[Harvest], asked: Asked, complete: bool) -> dict[str, Any]:
    names = [harvest.name for harvest in harvests]
    return {
        "synthetic": True,
        "complete": complete,
        "data": maker.options.source,
        "models": {name: {"method": maker.models[name].name, "sha256": maker.sha256[name]} for name in names},
        "per_class": asked.per_class,
        "seed": asked.seed,
        "truncation": asked.truncation,
        "draws_at_most": asked.most_draws,
        "rule": rule.said(),
        "copy_below_grey_levels": rule.neighbours.copy_below,
        "feature_distance_at_most": dict(zip(maker.classes, rule.limits, strict=True)),
        "classes": {
            one.name: {
                "kept": len(one.kept),
                "drawn": one.drawn,
                "refused": {reason: one.refused[reason] for reason in REASONS},
            }
            for one in harvests
        },
    }


def _line(harvest: Harvest, asked: Asked) -> str:
    refused = ", ".join(f"{harvest.refused[reason]:,} {reason}" for reason in REASONS if harvest.refused[reason])
    line = f"  {harvest.name}: {len(harvest.kept):,} kept of {harvest.drawn:,} drawn" + (
        f"; {refused}" if refused else ""
    )
    short = len(harvest.kept) < asked.per_class
    return f"{line} (fell short of {asked.per_class:,}: no more are drawn)" if short else line


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    box = io.StringIO()
    csv.writer(box, lineterminator="\n").writerows(rows)
    return box.getvalue()


def _is_ours(path: Path) -> bool:
    try:
        return bool(images.text_of(path, _MARK))
    except UserError:
        return False


def _folder_names(classes: Sequence[str]) -> list[str]:
    """The classes' own names, where those can be names of folders that `train` reads as classes."""
    names = [name if files.plain(name) == name else _usable(name) for name in classes]
    folded = [name.casefold() for name in names]  # some file systems do not tell A from a
    return [f"{name}-{at}" if folded.count(name.casefold()) > 1 else name for at, name in enumerate(names)]


def _usable(name: str) -> str:
    """Spaces and dots inside a name do no harm; slashes, and dots and spaces at its ends do."""
    safe = name.strip(". ") == name and not set(name) & set('/\\:*?"<>|\0') and name.isprintable()
    return name if safe and len(name) <= 60 else files.plain(name)
