"""Trained models that a run stands on: those its method needs, found, checked and held still."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.data.dataset import Dataset
from imaginable.methods import _storage
from imaginable.methods._method import Decodes, Method, Trained, name_of
from imaginable.training.job import Job
from imaginable.training.run import Run


@dataclass(frozen=True)
class Given:
    """A model, in evaluation mode and without gradients, and the SHA-256 of its weights' file."""

    trained: Trained
    sha256: str


def load(job: Job[Any]) -> dict[str, Given]:
    """By the names in the method's `needs`. Raises UserError where one is no model, or cannot do what is needed."""
    return {name: _load(name, Path(job.given[name]), needed, job.method) for name, needed in job.method.needs.items()}


def _load(name: str, path: Path, needed: type, method: Method[Any]) -> Given:
    folder = Run(path).model if (Run(path).model / "model.yaml").exists() else path
    if not (folder / "model.yaml").exists():
        raise UserError(f"--{name} {path}: no model here (a run's folder, or a folder with model.yaml, was expected)")
    sha256 = fingerprint(folder)
    trained = _storage.load(folder)
    if not isinstance(trained.method, needed):
        other = name_of(trained.method)
        raise UserError(
            f"--{name} {path}: {name_of(method)} needs a model that {needed.__name__.lower()}; {other} is none"
        )
    return Given(trained, sha256)


def fingerprint(folder: Path) -> str:
    """SHA-256 of the weights in a model's folder, hexadecimal."""
    return files.sha256(folder / "model.safetensors")


def without_items(job: Job[Any]) -> Dataset:
    """What a method that consumes no data is trained on: no items, of what the first model given makes.

    Its spec is that model's, `target_shape` the shape of its codes.
    """
    trained = next(iter(load(job).values())).trained
    none = np.empty(0, dtype=np.int64)
    return Dataset(
        spec_without_items(trained),
        items=np.empty((0, *trained.spec.shape), np.uint8 if trained.spec.kind == "images" else np.float32),
        labels=none,
        factors=np.empty((0, len(trained.spec.factors)), np.float32),
        names=(),
        train=none,
        held_out=none,
        manifest={"source": "none: the method makes its own items", "given": dict(job.given)},
    )


def spec_without_items(trained: Trained) -> DataSpec:
    assert isinstance(trained.method, Decodes), "a method without data is taught by one that makes items"
    return replace(trained.spec, target_shape=trained.code_shape, count=0)
