"""Holding the other players still, their batch statistics included."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Players:
    """Sets which of the named modules may change.

    A frozen module still works as in training (batch norm normalises with the batch's statistics),
    but neither its parameters get gradients nor its running statistics move: `requires_grad` alone
    does not freeze those.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self._parameters = {name: list(module.parameters()) for name, module in modules.items()}
        self._statistics = {
            name: [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
            for name, module in modules.items()
        }
        self._free: dict[str, bool | None] = dict.fromkeys(modules)

    def free_only(self, *names: str) -> None:
        """Unfreezes these and freezes all others."""
        for name, was in self._free.items():
            free = name in names
            if was == free:
                continue
            for parameter in self._parameters[name]:
                parameter.requires_grad_(free)
            for layer in self._statistics[name]:
                layer.track_running_stats = free
            self._free[name] = free

    def free_all(self) -> None:
        self.free_only(*self._free)


@contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """A module that is free for training works as in training, but leaves no gradient and moves no statistics."""
    players = Players({"module": module})
    players.free_only()
    try:
        yield
    finally:
        players.free_all()
