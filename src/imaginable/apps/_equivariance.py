"""How well a model's pictures follow when what they are made from is moved: two rows of figures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from imaginable.apps._rows import Figure, Row, row
from imaginable.core import seeds
from imaginable.methods._method import Moves
from imaginable.metrics.equivariance import random_angles, random_shifts, shift_equivariance, turn_equivariance
from imaginable.model import Model

PICTURES = 64
"""that are shifted and turned"""
_BLOCK = 16

EQ_T = Figure("eq_t", "EQ-T (follows shifts)", "higher", "dB", of="pictures")
EQ_R = Figure("eq_r", "EQ-R (follows turns)", "higher", "dB", of="pictures")


def rows(model: Model, seed: int, n: int = PICTURES) -> Iterator[Row]:
    """Of n pictures, of all classes in turn; none of a model that cannot be asked for moved ones."""
    if not model.can(Moves):
        return
    size, random = model.trained.spec.shape[-1], np.random.default_rng(seeds.derive(seed, "equivariance"))
    shifts, angles = random_shifts(n, size, random), random_angles(n, random)
    w = model.latents(n, seed, "plain", model.in_turn(n))
    none = np.zeros((n, 2)), np.zeros(n)
    still = _moved(model, w, *none)
    yield row(EQ_T, lambda: shift_equivariance(still, _moved(model, w, shifts / size, none[1]), shifts))
    yield row(EQ_R, lambda: turn_equivariance(still, _moved(model, w, none[0], angles), angles))


@torch.no_grad()
def _moved(model: Model, w: Tensor, shifts: np.ndarray, angles: np.ndarray) -> Tensor:
    """shifts in parts of the side."""
    method = model.method
    assert isinstance(method, Moves)
    by = torch.from_numpy(np.column_stack([shifts, angles])).float()  # (n, 3)
    parts = zip(torch.split(w, _BLOCK), torch.split(by, _BLOCK), strict=True)
    return torch.cat([method.moved(model.trained.networks, part, *own.unbind(1)) for part, own in parts])
