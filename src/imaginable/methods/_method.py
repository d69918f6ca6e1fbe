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
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from imaginable import methods
from imaginable.core import seeds
from imaginable.core.errors import UserError, nearest
from imaginable.core.optimizers import Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Kind, Loss, Progress
from imaginable.nn.degrade import Degradation
from imaginable.nn.holes import Shapes

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
    """Networks together with what made them."""

    method: Method[Any]
    networks: nn.Module
    spec: DataSpec


@runtime_checkable
class Decodes(Protocol):
    """Turns a latent code into an item."""

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        """Shape of one code."""

    def decode(
        self,
        nets: Any,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Codes (n, *latent_shape) to items (n, *spec.shape), images in [-1, 1]."""


@runtime_checkable
class Samples(Decodes, Protocol):
    """Has a prior over its codes."""

    def prior(
        self, nets: Any, n: int, spec: DataSpec, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        """n codes (n, *latent_shape)."""


@runtime_checkable
class Encodes(Protocol):
    """Has an encoder."""

    def encode(self, nets: Any, x: Tensor, label: Tensor | None = None) -> Tensor:
        """The posterior mean of each item's code, (n, *latent_shape): never a random draw."""


@runtime_checkable
class Quantises(Protocol):
    """Has codes from a codebook, which can be stored without loss."""

    def code_bits(self, spec: DataSpec) -> float:
        """Of one item's code, when every entry is as likely."""


@runtime_checkable
class Bounds(Protocol):
    """Has a bound on log p(x) by importance sampling."""

    def log_weights(
        self, nets: Any, x: Tensor, samples: int, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        """log p(x, z) - log q(z | x) for so many draws z of q(z | x), (samples, n) in nats.

        Their mean is the ELBO, log of the mean of their exponentials the k-sample bound (Burda et al. 2016).
        """

    @property
    def levels(self) -> int | None:
        """How many values a number of an item can take under the likelihood; None where it is a density."""


@runtime_checkable
class Vitals(Protocol):
    """Can be watched while it trains."""

    def vitals(self, nets: Any, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        """What the diagnosis of training/health.py reads, on held-out items x (n, ...). Any of:

        kl: (dimensions,) nats of each latent dimension, averaged over items.
        mean_variance: (dimensions,) variance over items of the posterior's mean.
        codes: (n, ...) a draw of each item's posterior; only where the prior of all of it is N(0, I).
        usage: (codes,) how often each entry of a codebook was chosen.
        distortion: () nats, -E log p(x | z).
        error: () root mean squared error of the reconstruction, per number.
        deviation: () the standard deviation of a Gaussian p(x | z), per number, where it is fixed beforehand.

        Called on blocks of items: usage is summed, codes are collected, the others averaged. May draw from
        torch's global generator.
        """


@runtime_checkable
class Judges(Protocol):
    """Has a discriminator, whose opinion of items can be asked."""

    def judge(self, nets: Any, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Logits (n,) of items as they are, not augmented; a high one says real. A critic's need have no zero."""


@runtime_checkable
class Grows(Protocol):
    """Has networks that are smaller at first."""

    def stages(self, spec: DataSpec) -> tuple[float, ...]:
        """Fractions of the run at which a step begins to cost something else, in order."""


@runtime_checkable
class Scores(Protocol):
    """Says how unlike what it learned from an item is, and where."""

    def score(self, nets: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of pictures (n, c, h, w) a number each (n,), high = unlike, and a map (n, h, w), high where it is unlike.

        An item's score never depends on the other items.
        """


@runtime_checkable
class Translates(Protocol):
    """Makes pictures of pictures.

    task: which of the verbs it is for. multiple: its networks take any height and width that is one of this.
    A method whose task is "upscale" also is `Enlarges`, one whose task is "inpaint" `Fills`.
    """

    task: ClassVar[Literal["translate", "upscale", "inpaint"]]
    multiple: ClassVar[int]

    def translate(self, nets: Any, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        """Items (n, *shape) to items, always the same ones for the same x.

        upscale: (n, c, h, w) to (n, c, f h, f w) for any h, w. inpaint: pixels outside the hole (n, 1, h, w), 1 = to
        be filled, come back unchanged. to: one of the method's `ways`, the first without it.
        """


class Enlarges(Translates, Protocol):
    """factor: how many times as large the result is on a side. degradation: how what it learned from was made small."""

    @property
    def factor(self) -> int: ...

    @property
    def degradation(self) -> Degradation: ...


class Fills(Translates, Protocol):
    """holes: the shapes of those that it learned from, where the data brought none."""

    @property
    def holes(self) -> Shapes: ...


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
