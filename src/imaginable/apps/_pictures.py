"""Reading the pictures a person names, and writing the ones a model made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.decode import Unreadable, decode, extensions
from imaginable.data.items import BUILT_INS
from imaginable.data.sources import open_source
from imaginable.data.survey import examine
from imaginable.model import Model
from imaginable.training import job as jobs
from imaginable.training.run import Run
from imaginable.training.train import load_data

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pictures:
    """uint8 (n, h, w, c) with the name and class of each."""

    arrays: np.ndarray
    names: tuple[str, ...]
    labels: tuple[str | None, ...]


def read(where: str, model: Model, say: Say = print) -> Pictures:
    """A picture, a folder, a zip, an npz or a built-in, brought to the model's size.

    Bad files are named and left out. Raises UserError where nothing readable is.
    """
    if model.trained.spec.kind == "points":
        raise UserError(f"{model.name} was trained on points, which have no pictures to read")
    path = Path(where)
    if path.is_file() and path.suffix.lower() in extensions():
        return _one(path, model)
    options = DataOptions(where, size=model.shape.size, colour=model.shape.colour)
    found: list[tuple[np.ndarray, str, str | None]] = []
    with open_source(options) as source:
        if source.points:
            raise UserError(f"{where}: points, and {model.name} was trained on images")
        for examined in examine(source, model.shape):
            if examined.decoded is None:
                say(f"left out {examined.item.name}: {examined.why}")
            else:
                found.append((examined.decoded.pixels, examined.item.name, examined.item.label))
    if not found:
        raise UserError(f"{where}: no readable picture")
    arrays, names, labels = zip(*found, strict=True)
    return Pictures(np.stack(arrays), names, labels)


def _one(path: Path, model: Model) -> Pictures:
    try:
        pixels = decode(path.read_bytes(), model.shape).pixels
    except Unreadable as error:
        raise UserError(f"{path}: {error}") from error
    return Pictures(pixels[None], (path.name,), (None,))


def training_data(run: Path, asked: str, say: Say | None = None) -> Dataset:
    """The data a run was trained on; `say` hears of bad files. Raises UserError, naming what was `asked`, for a model
    without its run."""
    job_file = Run(run).job
    if not job_file.exists():
        raise UserError(f"{asked}: {run} is a model without its run, so its training data is not known")
    return load_data(jobs.load(job_file), say)


def is_data(where: str) -> bool:
    """Whether this names pictures rather than a seed or a group."""
    return where in BUILT_INS or Path(where).exists()


def save_all(arrays: np.ndarray, names: list[str], out: Path, origin: str) -> None:
    """One PNG each under `out`; folders in the names are kept, so that equal file names do not collide."""
    for array, name in zip(arrays, names, strict=True):
        images.save(out / f"{name}.png", array, origin)
