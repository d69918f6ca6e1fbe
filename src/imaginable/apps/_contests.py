"""Models that make pictures of pictures, measured: which contest a model is for, and who takes part in it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from imaginable import model as models
from imaginable.apps import _beside, _enlarged, _inpainted, _items, _page, _translated, _translator
from imaginable.apps._contest import Asked, Contest
from imaginable.apps._fillers import filler
from imaginable.apps._measure import refuse_no_numbers
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.methods._method import Translates
from imaginable.model import Model

BASELINES = ("identity", "bicubic", "mean", "nearest")
"""makers of every contest, whose names no run may have there"""


def measure(model: Model, asked: Asked, page: Path) -> dict[str, Any]:
    """Prints the figures, writes the page and returns what goes into evaluation.json."""
    contests = []
    for contest in _of(model, asked):
        for line in contest.lines():
            asked.say(line)
        contests.append(contest)
    _write(page, model, contests)
    asked.say(f"pictures: {page}")
    return {"contests": [contest.written() for contest in contests]}


def _of(model: Model, asked: Asked) -> Iterator[Contest]:
    task, kind = cast(Translates, model.method).task, model.trained.spec.kind
    _refuse_flags(task, kind, asked)
    taking_part = _taking_part(model, task, asked)
    if task == "upscale":
        yield _enlarged.enlarged(taking_part, asked)
        return
    if task == "translate" and kind not in ("pairs", "domains"):
        raise UserError(f"{asked.run}: {model.name} learned from {kind}: what it should make of them is not known")
    items = _items.choose(
        model,
        asked.data,
        asked.n,
        everything=asked.everything,
        binarise=False,
        seed=asked.seed,
        say=asked.say,
        masks=asked.masks,
        side_by_side=asked.side_by_side,
    )
    if task == "inpaint":
        yield _inpainted.inpainted(taking_part, items, asked)
    elif kind == "pairs":
        yield _translated.pairs(taking_part, items, asked)
    else:
        yield from _translated.domains(taking_part, items, asked)


def _refuse_flags(task: str, kind: str, asked: Asked) -> None:
    if task != "inpaint":
        asked.refuse("there are no holes to be filled", masks=asked.masks is not None)
    if kind not in ("pairs", "domains"):
        asked.refuse("the model learned from single pictures", side_by_side=asked.side_by_side)
    if task == "upscale":
        why = "pictures are enlarged in their own sizes, and features would be of one size"
        asked.refuse(why, features=asked.features != "auto", inception=asked.inception is not None)


def _taking_part(model: Model, task: _translator.Task, asked: Asked) -> dict[str, Model]:
    """The model and those beside it, by the names of their runs."""
    folders = [asked.run, *asked.beside]
    names = _beside.names(folders, f"--beside {' '.join(map(str, asked.beside))}")
    loaded = {
        f"run {name}" if name in BASELINES else name: models.load(folder) if number else model
        for number, (name, folder) in enumerate(zip(names, folders, strict=True))
    }
    for folder, one in zip(folders, loaded.values(), strict=True):
        if task == "inpaint":
            filler(one)  # any that fills holes, in its own way
        else:
            _translator.refuse_other(one, task, folder)
        refuse_no_numbers(one, folder)
    if task != "upscale":  # in their own sizes, all see the same
        _beside.refuse_unlike(loaded)
    return loaded


def _write(page: Path, model: Model, contests: Sequence[Contest]) -> None:
    title = f"{model.origin()}, measured"
    articles = "".join(contest.article() for contest in contests)
    files.write_text(page, _page.page(title, [f"<article><h1>{html.escape(title)}</h1>{articles}</article>"]))
