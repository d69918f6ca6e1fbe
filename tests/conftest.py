"""What all tests share: a cache of their own, one thread, and the smallest data of every kind."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imaginable.core.types import DataSpec
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.training.job import Job, Training

SMALL = {"width": 8, "latents": 8, "hidden": 16, "layers": 1}


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["IMAGINABLE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    torch.set_num_threads(1)


def small_dataset(kind: str) -> Dataset:
    """48 smooth pictures of 32 px in two classes, or 200 points on a ring, a sixth of them held out."""
    random = np.random.default_rng(0)
    if kind == "points":
        angles = random.uniform(0, 2 * np.pi, 200)
        items = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
        spec = DataSpec("points", (2,))
    else:
        coarse = random.integers(0, 255, (48, 4, 4, 3), dtype=np.uint8)
        items = coarse.repeat(8, 1).repeat(8, 2)
        spec = DataSpec("images", (3, 32, 32), classes=("a", "b"))
    count = len(items)
    train, held_out = np.split(np.arange(count), [count - count // 6])
    spec = dataclasses.replace(spec, count=len(train))
    labels = np.arange(count) % 2 if spec.classes else np.full(count, -1)
    names = tuple(str(number) for number in range(count))
    return Dataset(spec, items, labels, np.zeros((count, 0), np.float32), names, train, held_out, {"source": kind})


@pytest.fixture
def job_of(tmp_path: Path) -> Callable[..., Job[Any]]:
    """A job of the smallest networks of a method: job_of(method class, run="name", images=64, ...)."""

    def make(method: type, run: str = "run", **training: Any) -> Job[Any]:
        fields = {field.name for field in dataclasses.fields(method)}
        small = method(**{name: value for name, value in SMALL.items() if name in fields})
        values = {"batch": 8, "images": 64, "precision": "float32", "device": "cpu", **training}
        return Job(small, DataOptions("memory"), Training(**values), str(tmp_path / run))

    return make
