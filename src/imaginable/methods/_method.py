"""What a method is: a frozen dataclass whose fields are its hyper-parameters and whose functions are the paper."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from imaginable import methods
from imaginable.core import seeds
from imaginable.core.errors import UserError, nearest
from imaginable.core.optimizers import Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Kind, Loss, Progress
from imaginable.methods._capabilities import (
    Bounds,
    Decodes,
    Encodes,
    Enlarges,
    Fills,
    Grows,
    Judges,
    Moves,
    Quantises,
    Samples,
    Scores,
    Styles,
    Translates,
    Vitals,
)

__all__ = [
    "Bounds",
    "Decodes",
    "Encodes",
    "Enlarges",
    "Fills",
    "Grows",
    "Judges",
    "Method",
    "Moves",
    "N",
    "Phase",
    "Quantises",
    "Samples",
    "Scores",
    "Styles",
    "Trained",
    "Translates",
    "Vitals",
    "find",
    "name_of",
]
"""capabilities among them, so that a method has one place to import from"""

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Phase(Generic[N]):
    """One player's turn in a training cycle.

    player: attribute of the networks whose parameters this phase moves; everything else is frozen.
    loss: what it descends, the mean over the batch's items.
    every: only in cycles 0, every, 2·every, ...; repeat: so many steps, each on a fresh batch.
    gain: factor on the loss. start, stop: active from and to these fractions of the run.
    draw: made once at the start of the cycle with this player unfrozen; in `batch.drawn`, detached for
        other players, with its graph for this one. At most one phase of a method has it.
    after: called without gradient, once, after the player's step.
    """

    player: str
    loss: Callable[[N, Batch, Progress], Loss]
    every: int = 1
    repeat: int = 1
    gain: float = 1.0
    start: float = 0.0
    stop: float = 1.0
    draw: Callable[[N, Batch, Progress], Tensor] | None = None
    after: Callable[[N, Batch, Progress], None] | None = None

    def active(self, cycle: int, fraction: float) -> bool:
        return cycle % self.every == 0 and self.start <= fraction and (fraction < self.stop or self.stop >= 1)


class Method(ABC, Generic[N]):
    """Base of all methods. Abstract or final: nothing implemented here is overridden.

    A method is a frozen dataclass with these class attributes:
    paper: the citation. consumes: kinds of data it takes; none where what it needs makes its items: then the spec is
    that of the first model it needs, with the shape of its codes as `target_shape`. labels: whether it uses classes.
    averaged: attributes of the networks whose averages make up the model that is shared.
    couples: items of a batch influence each other (batch norm): no micro-batches, ranks have own statistics.
    sizes: picture sizes its networks take. presets: named sets of field values.
    needs: trained models of other runs it stands on, by the name of their flag: the capability each must have. They
    are held still, are no players, and are not saved with the model.
    """

    paper: ClassVar[str]
    consumes: ClassVar[frozenset[Kind]]
    labels: ClassVar[Literal["none", "optional", "required"]] = "none"
    averaged: ClassVar[tuple[str, ...]]
    couples: ClassVar[bool] = False
    sizes: ClassVar[Sizes] = Sizes()
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    needs: ClassVar[Mapping[str, type]] = {}

    @property
    def ways(self) -> tuple[str, ...]:
        """Of one that Translates, what its `to` can be, the usual one first; none where there is one way only."""
        return ()

    @abstractmethod
    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> N:
        """Fresh networks for this data, drawn from torch's global generator.

        given: what `needs` names; empty when a model is loaded for use.
        """

    @abstractmethod
    def optimizers(self) -> dict[str, Optimizer]:
        """One for every player."""

    @abstractmethod
    def phases(self) -> tuple[Phase[N], ...]:
        """The paper's algorithm box."""

    def check(self, spec: DataSpec) -> None:
        """Raises UserError where the method cannot take the data."""
        who = name_of(self)
        if self.consumes and spec.kind not in self.consumes:
            raise UserError(f"{who} takes {' or '.join(sorted(self.consumes))}, and this data is {spec.kind}")
        if spec.kind != "points":
            self.sizes.check(spec.shape[-1], who)
        if self.labels == "required" and not spec.classes:
            raise UserError(f"{who} needs classes: put the pictures into one folder per class")


@dataclass(frozen=True)
class Trained:
    """Networks together with what made them, and the codes a person handles: w of all layers where the method Styles.

    For methods that have codes: `codes` for one that Samples, `items` for one that Decodes.
    """

    method: Method[Any]
    networks: nn.Module
    spec: DataSpec

    @property
    def code_shape(self) -> tuple[int, ...]:
        """Of one code."""
        shape: tuple[int, ...] = self.method.latent_shape(self.spec)  # type: ignore[attr-defined]
        if not isinstance(self.method, Styles):
            return shape
        where = self.method.average(self.networks)
        with torch.no_grad():
            return tuple(self.method.map(self.networks, where.new_zeros(1, *shape)).shape[1:])

    def codes(self, n: int, generator: torch.Generator, label: Tensor | None = None) -> Tensor:
        """n codes of the method's prior, (n, *code shape). generator: on the CPU."""
        assert isinstance(self.method, Samples), "others have no prior"
        z = self.method.prior(self.networks, n, self.spec, generator, label)
        if not isinstance(self.method, Styles):
            return z
        with torch.no_grad():
            return self.method.map(self.networks, z.to(self.method.average(self.networks).device), label)

    def items(self, codes: Tensor, label: Tensor | None = None) -> Tensor:
        """Codes (n, *code shape) to items (n, *spec.shape), with gradients. A class is in w already."""
        assert isinstance(self.method, Decodes), "others make nothing of codes"
        if isinstance(self.method, Styles):
            return self.method.synthesize(self.networks, codes)
        return self.method.decode(self.networks, codes, label)


def name_of(method: Method[Any]) -> str:
    """What `find` finds it by: the name of its file, or `path/to/file.py:Class` outside the package."""
    cls = type(method)
    package, _, name = cls.__module__.rpartition(".")
    return name if package == methods.__name__ else f"{Path(inspect.getfile(cls)).resolve()}:{cls.__name__}"


def find(name: str) -> type[Method[Any]]:
    """The method of that name, or the class of `path/to/file.py:Class`.

    Raises UserError for an unknown one, with the nearest name.
    """
    path, colon, wanted = name.partition(".py:")
    if colon:
        return _class_of(_module_of(Path(f"{path}.py")), wanted)
    if name not in methods.names():
        raise UserError(f"unknown method {name!r}{nearest(name, methods.names())} (see: imaginable methods)")
    return _class_of(importlib.import_module(f"imaginable.methods.{name}"), None)


def _module_of(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"imaginable_method_{seeds.derive(str(path))}"
    if name in sys.modules:
        return sys.modules[name]
    described = importlib.util.spec_from_file_location(name, path)
    if not path.exists() or described is None or described.loader is None:
        raise UserError(f"{path}: no such file")
    module = importlib.util.module_from_spec(described)
    sys.modules[name] = module  # dataclasses look their module up while it is being executed
    described.loader.exec_module(module)
    return module


def _class_of(module: ModuleType, wanted: str | None) -> type[Method[Any]]:
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    chosen = [value for value in own if wanted in (None, value.__name__)]
    if len(chosen) != 1:
        raise UserError(f"{module.__name__}: exactly one method class was expected, found {len(chosen)}")
    return chosen[0]
