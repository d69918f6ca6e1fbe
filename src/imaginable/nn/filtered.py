"""A leaky ReLU that makes no frequencies its picture cannot hold: more pixels, the non-linearity, a low-pass, fewer.

Karras et al. 2021, "Alias-Free Generative Adversarial Networks" (StyleGAN3), arXiv:2106.12423, section 3 and
appendix C.

Inserting zeros, filtering and leaving out pixels along one axis is linear and the same for every row: one fixed matrix
with a band of non-zeros. So both resamplings are matrix products, U x Uᵀ and D y Dᵀ, that every library has, with
derivatives of any order; a radial D is a sum of few such products.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.blocks import Filters, filtered_in_blocks, plan
from imaginable.nn.equalised import GAIN, SLOPE
from imaginable.nn.low_pass import banded, low_pass, radial_low_pass, split

TAPS = 6
"""of a filter, for every pixel of the coarser of its two grids (n of the paper)"""
HEADROOM = 2
"""times that the non-linearity's grid is finer than the finer of its neighbours (m of the paper)"""


@dataclass(frozen=True)
class Band:
    """A square picture as samples of a continuous one, whose extent without margins is 1 x 1."""

    size: int
    """pixels a side, margins included"""
    rate: int
    """pixels per unit of length (s)"""
    cutoff: float
    """frequency up to which everything is kept, in cycles per unit (f_c)"""
    half_width: float
    """from the cutoff to where the filter has faded (f_h)"""


class FilteredLeakyReLU(nn.Module):
    """(n, c, size, size) -> (n, c, after.size, after.size), float32 whatever the precision around.

    size: pixels a side that come in, at the rate of `before`. radial: a low-pass afterwards that treats all
    directions alike. All matrices follow from the arguments, so none is saved.

    On a CPU only the blocks on the band are multiplied, a few channels at a time: the same numbers within rounding.
    """

    def __init__(self, size: int, before: Band, after: Band, radial: bool = False) -> None:
        super().__init__()
        rate = HEADROOM * max(before.rate, after.rate)
        up, down = rate // before.rate, rate // after.rate
        wide = after.size * down + (TAPS - 1) * down  # pixels a side that the second filter looks at
        padding = wide + TAPS * up - 1 - size * up
        taps = up * low_pass(TAPS * up, before.cutoff, before.half_width, rate)
        weights, vectors = np.ones(1), low_pass(TAPS * down, after.cutoff, after.half_width, rate)[None]
        if radial:
            weights, vectors = split(radial_low_pass(TAPS * down, after.cutoff, after.half_width, rate))
        matrices = np.stack([banded(vector, after.size, wide, down=down) for vector in vectors])
        enlarging = banded(taps, wide, size, up=up, shift=(padding + up) // 2)
        self.plan = plan(enlarging, np.abs(matrices).sum(0))
        self.up: Tensor
        self.left: Tensor
        self.right: Tensor
        self._keep("up", enlarging)
        self._keep("left", matrices * (GAIN * weights)[:, None, None])  # the gain comes free of charge here
        self._keep("right", matrices)

    def _keep(self, name: str, matrix: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(matrix.astype(np.float32)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.up.dtype)
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            return filtered_in_blocks(x, Filters(self.up, self.left, self.right, SLOPE, self.plan))
        rounds = torch.is_autocast_enabled(x.device.type)
        with torch.autocast(x.device.type, enabled=False) if rounds else nullcontext():
            fine = F.leaky_relu(self.up @ (x @ self.up.T), SLOPE)
            each = zip(self.left, self.right, strict=True)
            total: Tensor = sum(left @ (fine @ right.T) for left, right in each)
            return total
