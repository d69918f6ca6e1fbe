"""How a model fills holes in pictures of its own size."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from imaginable.apps import _translator
from imaginable.core.errors import UserError
from imaginable.methods._method import Translates
from imaginable.model import Model

Fill = Callable[[Tensor, Tensor], Tensor]
"""pictures (n, c, h, w) in [-1, 1] and holes (n, 1, h, w), 1 = to be filled, to the pictures filled; what is known
comes back unchanged, to the last bit"""


def filler(model: Model, seed: int = 0) -> Fill:
    """Raises UserError for a model that fills no holes."""
    if isinstance(model.method, Translates) and model.method.task == "inpaint":
        return model.translate_tensor
    raise UserError(f"{model.name} does not inpaint; it can {_translator.abilities(model)}")
