"""What descent on a model's codes needs of it: how they decode, how far out they are plausible, how far to step."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from imaginable.core.errors import UserError
from imaginable.latent.invert import Decode, Reach
from imaginable.methods._method import Styles
from imaginable.model import Model

Space = Literal["w", "w+"]
"""of a model whose layers have codes of their own: one for all of them, or one for each"""

_RATE = 0.1
"""of the descent, in deviations of codes"""


def decoding(model: Model) -> Decode:
    """The model's decoder with gradients, which `Model.decode_tensor` has not. Of one that Styles, one layer's codes
    (n, 1, styles) are those of all."""
    if not model.can(Styles):
        return model.trained.items
    return lambda codes, label: model.trained.items(codes.expand(-1, *model.code_shape), label)


def reach(model: Model, draws: Tensor) -> Reach:
    """As far as few draws (n, *code shape) of the prior lie from the origin, or from the mean of styles."""
    return Reach.of(draws, _middle(model))


def rate(model: Model, draws: Tensor | None) -> float:
    """Of the descent. Normal codes have a deviation of 1; what that of styles is, training decides."""
    middle = _middle(model)
    if draws is None or middle is None:
        return _RATE
    return _RATE * float((draws - middle).square().mean().sqrt())


def _middle(model: Model) -> Tensor | None:
    return model.method.average(model.trained.networks) if isinstance(model.method, Styles) else None


def space_of(model: Model, asked: Space | None) -> Space | None:
    """Where codes are looked for; None where there is no choice. Raises UserError where one is asked for all the
    same."""
    if model.can(Styles):
        return asked or "w+"
    if asked is not None:
        raise UserError(f"--space {asked}: {model.name} has no layers with codes of their own; leave it out")
    return None
