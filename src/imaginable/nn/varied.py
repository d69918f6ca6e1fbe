"""Crops made different from each other in ways that do not matter to who enlarges them.

Few pictures of one kind teach a network their colours and their sharpness along with how edges go, and it fails on
others: of clothing photographs, on what is brightly coloured (docs/results.md).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.nn.degrade import cropped

_SMALLEST = 5 / 8


def zoomed(x: Tensor, size: int) -> Tensor:
    """A square of every item of (n, c, h, w), each at its own place, (n, c, size, size).

    Cut out smaller, by a factor that the batch shares, and enlarged, so that some are softer than the pictures are.
    """
    side = int(torch.randint(round(_SMALLEST * size), size + 1, ()))
    part = cropped(x, side)
    return part if side == size else _larger(part, size)


def recoloured(x: Tensor) -> Tensor:
    """(n, c, h, w) in [-1, 1] with channels in another order, and half of the items as negatives; all drawn anew."""
    order = torch.rand(x.shape[:2]).argsort(1).to(x.device)
    sign = 1 - 2 * torch.randint(2, (len(x), 1, 1, 1)).to(x.device)
    return x.gather(1, order[:, :, None, None].expand_as(x)) * sign


def _larger(x: Tensor, size: int) -> Tensor:
    return F.interpolate(x.float(), (size, size), mode="bicubic", align_corners=False).clamp(-1, 1)
