"""Pictures moved by whole pixels: nothing is resampled, so edges stay as sharp as they are."""

from __future__ import annotations

import torch
from torch import Tensor


def moved(x: Tensor, reach: int) -> Tensor:
    """Pictures (n, c, h, w), each moved by up to `reach` pixels either way; edges are repeated.

    Draws are from torch's global generator.
    """
    if not reach:
        return x
    n, _, height, width = x.shape
    rows, columns = (
        (torch.arange(side) + torch.randint(-reach, reach + 1, (n, 1))).clamp(0, side - 1).to(x.device)
        for side in (height, width)
    )
    items = torch.arange(n, device=x.device)
    taken = x[items[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)
    return taken.permute(0, 3, 1, 2)
