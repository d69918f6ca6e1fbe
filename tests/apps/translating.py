"""Models that make pictures of pictures in ways that can be told from the result, for the tests of three verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from imaginable import model as models
from imaginable.core.optimizers import Optimizer
from imaginable.core.types import DataSpec, Kind
from imaginable.methods import _storage
from imaginable.methods._method import Method, Phase, Trained

WORDS = Callable[..., Path]


class Plain(nn.Module):
    """A convolution that changes nothing, so that what is done to its output shows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.net.bias)
        nn.init.dirac_(self.net.weight)


class _Tiny(Method[Plain]):
    paper: ClassVar[str] = "none"
    consumes: ClassVar[frozenset[Kind]] = frozenset({"images", "pairs", "domains"})
    averaged: ClassVar[tuple[str, ...]] = ("net",)

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Plain:
        return Plain(spec.shape[0])

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def phases(self) -> tuple[Phase[Plain], ...]:
        return ()


@dataclass(frozen=True)
class Negative(_Tiny):
    """Black for white; to "a" it makes white of everything."""

    task: ClassVar[Literal["translate"]] = "translate"
    multiple: ClassVar[int] = 16

    def translate(self, nets: Plain, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        assert x.shape[2] % 16 == 0
        assert x.shape[3] % 16 == 0
        made: Tensor = -nets.net(x)
        return torch.ones_like(made) if to == "a" else made


@dataclass(frozen=True)
class Doubled(_Tiny):
    """Every pixel becomes four."""

    factor: int = 2
    task: ClassVar[Literal["upscale"]] = "upscale"
    multiple: ClassVar[int] = 1

    def translate(self, nets: Plain, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        made: Tensor = nets.net(x)
        return made.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)


@dataclass(frozen=True)
class Grey(_Tiny):
    """Fills holes with a middle grey, and blurs what is outside, which must not be seen."""

    task: ClassVar[Literal["inpaint"]] = "inpaint"
    multiple: ClassVar[int] = 8

    def translate(self, nets: Plain, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        assert hole is not None
        assert hole.shape == (len(x), 1, *x.shape[2:])
        return torch.where(hole > 0, torch.zeros_like(x), nets.net(x) * 0.5)


MADE_OF = {"translate": Negative, "upscale": Doubled, "inpaint": Grey}


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WORDS:
    """`trained("upscale")`: the folder of such a model, which the verbs can load. channels, kind: of its data."""

    def save(task: str, channels: int = 3, kind: Kind = "images", **fields: Any) -> Path:
        method = MADE_OF[task](**fields)
        spec, folder = DataSpec(kind, (channels, 32, 32), target_shape=(channels, 32, 32), count=9), tmp_path / "run"
        _storage.save(Trained(method, method.networks(spec, {}), spec), folder, {"run": "tiny"})
        monkeypatch.setattr(models, "load", partial(_load, method=MADE_OF[task]))
        return folder

    return save


_load = models.load
