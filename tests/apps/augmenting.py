"""Grey pictures of three classes, and a model whose every picture is of a known kind: good, a copy, another class,
noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from imaginable.apps._makers import Maker
from imaginable.core.optimizers import Optimizer
from imaginable.core.types import DataSpec
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.methods._method import Method, Phase, Trained
from imaginable.model import Model

SIDE = 16
GREYS = {"dark": 50.0, "light": 200.0, "middle": 120.0}
"""in the order of the classes"""
DEVIATION = 12.0
EACH = 24


def pictures(grey: float, count: int, seed: int) -> np.ndarray:
    """uint8 (count, 16, 16): one grey with noise in blocks of 4 pixels, which is seen at any size."""
    blocks = np.random.default_rng(seed).normal(grey, DEVIATION, (count, SIDE // 4, SIDE // 4))
    return blocks.repeat(4, 1).repeat(4, 2).round().clip(0, 255).astype(np.uint8)


def write_data(folder: Path, each: int = EACH) -> Path:
    """A folder a class."""
    for seed, (name, grey) in enumerate(GREYS.items()):
        (folder / name).mkdir(parents=True)
        for number, picture in enumerate(pictures(grey, each, seed)):
            Image.fromarray(picture).save(folder / name / f"{number:03d}.png")
    return folder


class Canvas(nn.Module):
    """memory: training pictures, a hundred at most of each class, that are repeated."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.net = nn.Linear(1, 1)
        self.memory: Tensor
        self.register_buffer("memory", torch.zeros(classes, 8, 1, SIDE, SIDE))


@final
@dataclass(frozen=True)
class Painter(Method[Canvas]):
    """kind: of the pictures it makes."""

    kind: Literal["good", "copy", "mirror", "other", "noise"] = "good"
    paper: ClassVar[str] = "none"
    consumes = frozenset({"images"})
    labels = "required"
    averaged = ("net",)

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Canvas:
        return Canvas(len(spec.classes))

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def phases(self) -> tuple[Phase[Canvas], ...]:
        return ()

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (1, 4, 4)

    def prior(
        self, nets: Canvas, n: int, spec: DataSpec, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        return torch.randn(n, 1, 4, 4, generator=generator)

    def decode(
        self, nets: Canvas, z: Tensor, label: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        assert label is not None
        greys = torch.tensor(list(GREYS.values()))
        if self.kind == "other":
            label = (label + 1) % len(greys)
        x = greys[label].view(-1, 1, 1, 1) + DEVIATION * z.repeat_interleave(4, 2).repeat_interleave(4, 3)
        if self.kind == "noise":
            x = greys[label].view(-1, 1, 1, 1) + 90 * z.sign().repeat_interleave(4, 2).repeat_interleave(4, 3)
        if self.kind in ("copy", "mirror"):
            number = (z.flatten(1)[:, 0] > 0).long()
            x = nets.memory[label, number]
        return (x.flip(3) if self.kind == "mirror" else x) / 127.5 - 1


def dataset_of(folder: Path) -> Dataset:
    return prepare(DataOptions(str(folder)))


def maker(folder: Path, kind: str = "good", flip: bool = False) -> Maker:
    """One that was told the classes of a folder."""
    dataset, method = dataset_of(folder), Painter(kind)  # type: ignore[arg-type]
    nets = method.networks(dataset.spec, {})
    for label in range(len(GREYS)):
        own = dataset.train[dataset.labels[dataset.train] == label][:8]
        nets.memory[label, : len(own)] = torch.from_numpy(dataset.items[own, ..., 0]).float()[:, None]
    model = Model(Trained(method, nets.eval(), dataset.spec), {"run": "painted"})
    names = dataset.spec.classes
    return Maker(
        dict.fromkeys(names, model), dict.fromkeys(names, "5" * 64), DataOptions(str(folder), flip=flip), dataset
    )
