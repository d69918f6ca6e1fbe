"""What all tests share: a cache of their own, one thread, the smallest data and the smallest jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imaginable.core.types import DataSpec
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods import _storage
from imaginable.methods._method import Method, Trained
from imaginable.methods.dcgan import Dcgan
from imaginable.training.job import Job, Training

SMALL = {
    "width": 8,
    "latents": 8,
    "hidden": 16,
    "styles": 16,
    "layers": 3,
    "block_out_channels": (8, 16),
    "norm_num_groups": 4,
}
SHORT = {
    "images": 64,
    "batch": 8,
    "precision": "float32",
    "device": "cpu",
    "snapshot_every": 32,
    "checkpoint_every": 16,
}


@pytest.fixture(scope="session", autouse=True)
def own_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing reaches the user's cache, and figures do not depend on the machine's cores."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGINABLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_dataset() -> Callable[[str], Dataset]:
    """`tiny_dataset("images")`: 48 coloured blobs with two classes; `tiny_dataset("points")`: 200 on a ring.

    `tiny_dataset("pairs")`: the blobs and their negatives; `tiny_dataset("domains")`: the blobs and 44 negatives.
    """
    makers = {"images": _images, "points": _points, "pairs": _pairs, "domains": _domains}
    return cache(lambda kind: makers[kind]())


@pytest.fixture(scope="session")
def tiny_job(tiny_generator: Path) -> Callable[..., Job[Any]]:
    """`tiny_job(MethodClass, folder, **training)`: eight steps of the smallest networks, with the models they need."""

    def job(method: type[Method[Any]], folder: Path, **training: Any) -> Job[Any]:
        given = dict.fromkeys(method.needs, str(tiny_generator))
        data = DataOptions("memory" if method.consumes else "")
        return Job(_small(method), data, Training(**{**SHORT, **training}), str(folder), given=given)

    return job


def _small(method: type[Method[Any]]) -> Method[Any]:
    has = {field.name for field in dataclasses.fields(method)}
    return method(**{name: value for name, value in SMALL.items() if name in has})


@pytest.fixture(scope="session")
def tiny_generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder: a generator with batch norm, of 32 px and 8 latents, that has learned nothing."""
    spec, folder = DataSpec("images", (3, 32, 32), count=40), tmp_path_factory.mktemp("generator") / "model"
    torch.manual_seed(0)
    method = _small(Dcgan)
    _storage.save(Trained(method, method.networks(spec, {}), spec), folder, {"run": "tiny"})
    return folder


def _images() -> Dataset:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:32, 0:32] / 31
    centres, colours = random.random((48, 2, 1, 1)), random.random((48, 1, 1, 3))
    distances = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2  # (n, h, w)
    items = np.round(255 * np.exp(-8 * distances)[..., None] * colours).astype(np.uint8)
    spec = DataSpec("images", (3, 32, 32), classes=("even", "odd"), count=40)
    return _dataset(spec, items, np.arange(48) % 2)


def _pairs() -> Dataset:
    spec, blobs = DataSpec("pairs", (3, 32, 32), target_shape=(3, 32, 32), count=40), _images().items
    data = _dataset(spec, blobs, np.full(48, -1))
    return dataclasses.replace(data, targets=255 - blobs, target_names=data.names)


def _domains() -> Dataset:
    """B has other items than A, and fewer."""
    spec, blobs = DataSpec("domains", (3, 32, 32), target_shape=(3, 32, 32), count=40), _images().items
    data, others = _dataset(spec, blobs, np.full(48, -1)), 255 - blobs[43::-1]
    return dataclasses.replace(
        data,
        targets=others,
        target_names=data.names[:44],
        target_train=np.arange(36),
        target_held_out=np.arange(36, 44),
    )


def _points() -> Dataset:
    random = np.random.default_rng(0)
    angles = random.integers(0, 8, 200) * np.pi / 4
    ring = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.1 * random.standard_normal((200, 2))
    return _dataset(DataSpec("points", (2,), count=180), ring.astype(np.float32), np.full(200, -1))


def _dataset(spec: DataSpec, items: np.ndarray, labels: np.ndarray) -> Dataset:
    every = np.arange(len(items))
    factors, names = np.zeros((len(items), 0), np.float32), tuple(map(str, every))
    return Dataset(spec, items, labels, factors, names, every[: spec.count], every[spec.count :])
