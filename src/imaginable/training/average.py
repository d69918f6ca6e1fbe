"""Averaged weights: what is shared and sampled from (Karras et al. 2018; Yazıcı et al. 2019)."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

# in a short or young run, the average must not be dominated by the first weights
_SHARE_OF_SEEN = 0.05


class Averages:
    """Exponential averages of the named players' parameters; their buffers are copied.

    half_life: in images; early on at most a twentieth of the images seen.
    """

    def __init__(self, networks: nn.Module, names: Sequence[str], half_life: int) -> None:
        self.networks = copy.deepcopy(networks).eval().requires_grad_(False)
        self._half_life = half_life
        self._averaged: list[Tensor] = []
        self._current: list[Tensor] = []
        self._pairs_of_buffers = []
        for name in names:
            averaged, current = self.networks.get_submodule(name), networks.get_submodule(name)
            self._averaged += list(averaged.parameters())
            self._current += list(current.parameters())
            self._pairs_of_buffers += list(zip(averaged.buffers(), current.buffers(), strict=True))

    @torch.no_grad()
    def update(self, seen: int, images: int) -> None:
        """Moves the averages after `images` more, `seen` in all."""
        half_life = min(self._half_life, _SHARE_OF_SEEN * seen)
        weight = 1.0 - 0.5 ** (images / half_life)
        torch._foreach_lerp_(self._averaged, self._current, weight)
        for averaged, current in self._pairs_of_buffers:
            averaged.copy_(current)
