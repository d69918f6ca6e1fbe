"""Models that make pictures of pictures of which is known what `evaluate` must find; pictures to measure them on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from translating import Plain, _Tiny

from imaginable import model as models
from imaginable.core.types import DataSpec, Kind
from imaginable.methods import _storage
from imaginable.methods._method import Method, Trained
from imaginable.nn.degrade import Degradation, larger
from imaginable.nn.holes import Shapes

SIZE = 16


@dataclass(frozen=True)
class Same(_Tiny):
    """Leaves pictures as they are."""

    task: ClassVar[Literal["translate"]] = "translate"
    multiple: ClassVar[int] = 1

    def translate(self, nets: Plain, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        return x


@dataclass(frozen=True)
class Negative(_Tiny):
    """Black for white; on the way to "a" half of it is lost."""

    task: ClassVar[Literal["translate"]] = "translate"
    multiple: ClassVar[int] = 1

    def translate(self, nets: Plain, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        return -0.5 * x if to == "a" else -x


@dataclass(frozen=True)
class Bicubic(_Tiny):
    """Enlarges as anybody does; its sharp stage adds a checkerboard."""

    factor: int = 2
    noise: float = 0.0
    task: ClassVar[Literal["upscale"]] = "upscale"
    multiple: ClassVar[int] = 1

    @property
    def ways(self) -> tuple[str, ...]:
        return "sharp", "pixel"

    @property
    def degradation(self) -> Degradation:
        return Degradation(self.factor, noise=self.noise)

    def translate(self, nets: Plain, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        made = larger(x, self.factor)
        if to == "sharp":
            rows, columns = torch.arange(made.shape[2])[:, None], torch.arange(made.shape[3])
            made = made + 0.1 * (1 - 2 * ((rows + columns) % 2))
        return made.clamp(-1, 1)


@dataclass(frozen=True)
class Grey(_Tiny):
    """Fills holes with a middle grey; `careless` also changes what is outside."""

    careless: bool = False
    holes: Shapes = "rectangles"
    task: ClassVar[Literal["inpaint"]] = "inpaint"
    multiple: ClassVar[int] = 1

    def translate(self, nets: Plain, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        assert hole is not None
        return torch.where(hole > 0.5, torch.zeros_like(x), x * 0.5 if self.careless else x)


Save = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Save:
    """`saved("one", Same(), kind="pairs")`: the folder of such a model, which `evaluate` can load."""
    classes: dict[Path, type[Method[Any]]] = {}
    load = models.load

    def save(name: str, method: Any, kind: Kind = "images", channels: int = 3, **about: Any) -> Path:
        shape = (channels, SIZE, SIZE)
        spec = DataSpec(kind, shape, target_shape=None if kind == "images" else shape, count=9)
        folder = tmp_path / name
        _storage.save(Trained(method, method.networks(spec, {}), spec), folder, {"run": name, **about})
        classes[folder] = type(method)
        return folder

    monkeypatch.setattr(models, "load", lambda path, method=None: load(path, method or classes.get(Path(path))))
    return save


def pictures(count: int, size: int = SIZE, first: int = 0) -> np.ndarray:
    """Smooth ones with some noise, uint8 (n, h, w, 3)."""
    random = np.random.default_rng(first)
    coarse = random.uniform(0, 255, (count, 4, 4, 3)).repeat(size // 4, 1).repeat(size // 4, 2)
    return np.asarray((coarse + random.normal(0, 12, (count, size, size, 3))).clip(0, 255), np.uint8)


def write(folder: Path, arrays: Any, names: list[str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(arrays):
        Image.fromarray(one).save(folder / f"{names[number] if names else number}.png")
    return folder
