"""A model that scores pictures by what is known, and pictures to try it on, for the tests of anomalies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from translating import Plain, _Tiny

from imaginable import model as models
from imaginable.apps import _pictures
from imaginable.core.types import DataSpec
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.methods import _storage
from imaginable.methods._method import Trained

SIZE = 16
Run = Callable[..., Path]


@dataclass(frozen=True)
class Brightest(_Tiny):
    """Scores a picture by its brightest pixel, values in [0, 1], and shows how bright each is."""

    def score(self, nets: Plain, x: Tensor) -> tuple[Tensor, Tensor]:
        bright = (x.mean(1) + 1) / 2
        return bright.flatten(1).amax(1), bright


def dark(count: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    """Good pictures, uint8 (n, 16, 16, c): noise below 128, the brightest pixel anywhere from 64 on."""
    random = np.random.default_rng(seed)
    most = random.uniform(64, 128, (count, 1, 1, 1))
    return np.asarray(most * random.random((count, SIZE, SIZE, channels)), np.uint8)


def spotted(pictures: np.ndarray, grey: int = 255, at: int = 4, side: int = 3) -> np.ndarray:
    """The same with a bright square, rows and columns `at` to `at + side`."""
    made = pictures.copy()
    made[:, at : at + side, at : at + side] = grey
    return made


def npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="session")
def good_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 good pictures to learn from and 240 held out."""
    return npz(tmp_path_factory.mktemp("good") / "good.npz", train_images=dark(60), test_images=dark(240, 1))


@pytest.fixture
def brightest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good_data: Path) -> Run:
    """`brightest()`: the run of such a model, by default of `good_data`. about: how its data was read."""

    def save(data: Path | str = good_data, channels: int = 3, method: Any = None, **about: Any) -> Path:
        method, run = method or Brightest(), tmp_path / "run"
        fit = about.get("fit", "crop")
        own = prepare(DataOptions(str(data), size=SIZE, colour="grey" if channels == 1 else "rgb", fit=fit))
        spec = DataSpec("images", (channels, SIZE, SIZE), count=len(own.train))
        torch.manual_seed(0)
        _storage.save(Trained(method, method.networks(spec, {}), spec), run / "model", {"run": "tiny", **about})
        monkeypatch.setattr(models, "load", lambda path, cls=None: load(path, cls or type(method)))
        monkeypatch.setattr(_pictures, "training_data", lambda run, asked: own)
        return run

    load = models.load
    return save


def quietly(line: str) -> None:
    """For what need not be said."""


def items_of(data: Path) -> Dataset:
    return prepare(DataOptions(str(data), size=SIZE))
