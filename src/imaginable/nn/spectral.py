"""Spectral normalisation: a layer's weight divided by its largest singular value.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", arXiv:1802.05957, section 2.1.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

M = TypeVar("M", bound=nn.Module)

# at the start; afterwards the vectors follow the weight at one iteration a step
_ITERATIONS_AT_FIRST = 15


class SpectralNormalisation(nn.Module):
    """W -> W / σ(W), with σ(W) = uᵀ W v by power iteration (algorithm 1); W (out, ...) is read as (out, rest).

    u and v are buffers and count as constants: dσ/dW = u vᵀ. They move by one iteration at every use of the weight,
    in training and only while the weight learns: a frozen player's stay, as do those of a model in use, which
    therefore gives the same for the same input. In float32 whatever the precision around. W must not be all zeros.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.u: Tensor
        self.v: Tensor
        with torch.no_grad():
            rows = _rows(weight)
            u, v = F.normalize(torch.randn(len(rows)), dim=0), torch.zeros(rows.shape[1])
            for _ in range(_ITERATIONS_AT_FIRST):
                u, v = _iterated(rows, u)
        self.register_buffer("u", u)
        self.register_buffer("v", v)

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            rows = _rows(weight)
            if self.training and weight.requires_grad:
                with torch.no_grad():
                    u, v = _iterated(rows, self.u)
                    self.u.copy_(u)
                    self.v.copy_(v)
            else:
                u, v = self.u.clone(), self.v.clone()
            # u and v are not the buffers themselves, which the next use changes before this one's backward pass
            return weight / torch.dot(u, torch.mv(rows, v))


def spectrally_normalised(layer: M) -> M:
    """The layer (Linear, Conv2d, or any with a `weight`), from now on used with W / σ(W); initialise it before."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    parametrize.register_parametrization(layer, "weight", SpectralNormalisation(weight), unsafe=True)
    return layer


def _rows(weight: Tensor) -> Tensor:
    """(out, rest) in float32; input channels last, so that it is no copy where the memory format is channels_last."""
    return weight.float().movedim(1, -1).flatten(1)


def _iterated(rows: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """v = Wᵀu / ‖Wᵀu‖, then u = Wv / ‖Wv‖."""
    v = F.normalize(torch.mv(rows.T, u), dim=0)
    return F.normalize(torch.mv(rows, v), dim=0), v
