"""What methods can do: protocols that a method satisfies by having the functions. A label of None is unknown."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from imaginable.core.types import DataSpec
from imaginable.nn.degrade import Degradation
from imaginable.nn.holes import Shapes


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
class Styles(Protocol):
    """Maps codes z to codes w, one for every layer of its synthesis, and makes items of those.

    Where a method has it, w of all layers, (layers, styles), are the codes that a person handles (model.py).
    """

    def map(self, nets: Any, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(n, *latent_shape) to (n, layers, styles), the same for all layers; not truncated."""

    def synthesize(self, nets: Any, w: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(n, layers, styles) to items (n, *spec.shape). Noise is the layers' own, or drawn from the generator.

        `decode` is this of `map`.
        """

    def average(self, nets: Any) -> Tensor:
        """The mean of w, (styles,): where truncation goes to."""

    def affines(self, nets: Any) -> list[Tensor]:
        """Of every layer, what makes the styles of its channels of its code, (channels, styles)."""


@runtime_checkable
class Moves(Styles, Protocol):
    """Can be asked for the same items shifted and turned: what its synthesis starts from is moved."""

    def moved(self, nets: Any, w: Tensor, right: Tensor, down: Tensor, angle: Tensor) -> Tensor:
        """(n, layers, styles) to items (n, *spec.shape), each turned about its centre, then shifted.

        right, down: (n,), in parts of the picture's side. angle: (n,), counterclockwise as seen, in radians. Not cut
        off at ±1, which would make edges that no pixels hold.
        """


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
        """Fractions of the run at which a step begins to cost something else, in order; at least one, from the last of
        which on items have their full size."""


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
