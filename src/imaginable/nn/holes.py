"""Holes to be filled, (n, 1, h, w), 1 = to be filled: drawn from torch's global generator, and filled smoothly."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Shapes = Literal["both", "rectangles", "strokes"]

_SIDES = (0.2, 0.5)
"""least and greatest side of a rectangle, as shares of the picture's"""
_SEGMENTS = 8
"""of a stroke"""
_LENGTHS = (0.05, 0.25)
"""of a segment, as shares of the picture's shorter side"""
_WIDTHS = (0.06, 0.16)
"""of a stroke, likewise"""
_TURN = 0.6
"""deviation of the angle from a segment to the next, in half turns"""


def drawn_holes(n: int, height: int, width: int, shapes: Shapes, device: torch.device) -> Tensor:
    """One for each item; `both`: each has one chance in two of a rectangle and of a stroke."""
    if shapes == "rectangles":
        return rectangles(n, height, width, device)
    if shapes == "strokes":
        return strokes(n, height, width, device)
    chosen = torch.rand(n, 1, 1, 1, device=device) < 0.5
    return torch.where(chosen, rectangles(n, height, width, device), strokes(n, height, width, device))


def rectangles(n: int, height: int, width: int, device: torch.device) -> Tensor:
    """With sides between a fifth and a half of the picture's, anywhere in it."""
    rows, columns = (_interval(n, side, device) for side in (height, width))  # (n, side) each
    return (rows[:, None, :, None] & columns[:, None, None, :]).float()


def _interval(n: int, side: int, device: torch.device) -> Tensor:
    least, most = (max(1, round(share * side)) for share in _SIDES)
    length = torch.randint(least, most + 1, (n, 1), device=device)
    start = (torch.rand(n, 1, device=device) * (side - length + 1)).floor()
    places = torch.arange(side, device=device)
    return (places >= start) & (places < start + length)


def strokes(
    n: int,
    height: int,
    width: int,
    device: torch.device,
    lengths: tuple[float, float] = _LENGTHS,
    widths: tuple[float, float] = _WIDTHS,
    segments: int = _SEGMENTS,
) -> Tensor:
    """One of a brush each, that wanders from anywhere and turns back at the edges.

    lengths: of a segment, widths: of the stroke, least and greatest as shares of the picture's shorter side.
    """
    shorter = min(height, width)
    sides = torch.tensor([height - 1, width - 1], device=device)
    thick = _between(n, widths, device) * shorter
    place, angle = torch.rand(n, 2, device=device) * sides, torch.rand(n, device=device) * 2 * math.pi
    away = torch.full((n, height, width), torch.inf, device=device)
    for _ in range(segments):
        angle = angle + _TURN * math.pi * torch.randn(n, device=device)
        length = _between(n, lengths, device) * shorter
        following = place + length[:, None] * torch.stack([angle.sin(), angle.cos()], 1)
        following = sides - (sides - following.abs()).abs()  # mirrored at 0, then at the far side
        away = torch.minimum(away, _distance(place, following, height, width))
        place = following
    # a pixel's corner is 0.71 from its centre: however thin, a stroke has a pixel
    return (away <= (thick / 2).clamp(min=0.71)[:, None, None]).float()[:, None]


def _between(n: int, limits: tuple[float, float], device: torch.device) -> Tensor:
    least, most = limits
    return least + (most - least) * torch.rand(n, device=device)


def _distance(start: Tensor, stop: Tensor, height: int, width: int) -> Tensor:
    """Of every pixel from the segment between two places (n, 2), in pixels: (n, h, w)."""
    rows = torch.arange(height, device=start.device)[None, :, None] - start[:, 0, None, None]
    columns = torch.arange(width, device=start.device)[None, None, :] - start[:, 1, None, None]
    along = stop - start
    down, right = along[:, 0, None, None], along[:, 1, None, None]
    share = (rows * down + columns * right) / (down.square() + right.square()).clamp(min=1e-6)
    share = share.clamp(0, 1)
    return torch.hypot(rows - share * down, columns - share * right)


def smoothly_filled(x: Tensor, hole: Tensor) -> Tensor:
    """x with each hole filled from around it, without an edge of its own; what stands in the hole is not looked at.

    Gortler et al. 1996, "The Lumigraph", section 3.6 (push and pull): means of what is known at half the size, a
    quarter and so on; a place takes the nearest size at which anything is known. Grey (0) where nothing is.
    """
    known = (hole <= 0.5).to(x.dtype)
    return _pushed(x * known, known)


def _pushed(values: Tensor, known: Tensor) -> Tensor:
    """values: already times `known`, which says how much is known of each place, 0 to 1."""
    height, width = values.shape[-2:]
    if height == width == 1:
        return values / known.clamp(min=1e-6)
    means, share = (F.avg_pool2d(one, 2, ceil_mode=True, count_include_pad=False) for one in (values, known))
    enough = (4 * share).clamp(max=1)  # one known pixel of four says it all
    coarse = _pushed(means / share.clamp(min=1e-6) * enough, enough)
    return values + (1 - known) * F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
