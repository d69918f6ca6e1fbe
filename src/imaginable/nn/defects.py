"""Defects that never were, made of the pictures themselves: a small part of each is covered with something that stands
elsewhere. What they look like is drawn from torch's global generator.

Two kinds, so that what learns from one can be tried on the other. `blemishes`: blobs and scratches of any shape, the
idea of Zavrtanik et al. 2021 (DRAEM, arXiv:2108.07610, section 3.3) with a picture's own world in place of textures.
`cut_paste`: rectangles and scars, Li et al. 2021, "CutPaste", arXiv:2104.04015, section 2.2. And `strangers`: pictures
that are of no kind as a whole, for models that shall notice these.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.nn.holes import strokes

_VISIBLE = 0.1
"""difference, of a range of 2, from which a covered pixel counts as changed"""
_RADII = (0.015, 0.12)
"""of a blob, as shares of the picture's side"""
_SCRATCHES = {"lengths": (0.02, 0.08), "widths": (0.01, 0.06), "segments": 4}
"""of the picture's shorter side"""
_AREAS, _ASPECTS = (0.005, 0.1), (0.3, 3.3)
"""of a pasted rectangle: share of the picture, height over width"""
_LEAST = 0.71
"""pixels from the middle of a defect that it covers at least: a pixel's corner is so far from its centre, so however
thin, a defect has a pixel"""
_SCARS = (0.02, 0.06), (0.08, 0.25)
"""widths and lengths of a scar, as shares of the side"""


def blemishes(x: Tensor, share: float = 0.5) -> tuple[Tensor, Tensor]:
    """About `share` of pictures (n, c, h, w) with a blob or a scratch each; and where they changed, (n, 1, h, w)."""
    n, _, height, width = x.shape
    scratches = strokes(n, height, width, x.device, **_SCRATCHES)  # type: ignore[arg-type]
    mask = _either(n, x.device, scratches, _blobs(n, height, width, x.device))
    mask = mask * (torch.rand(n, 1, 1, 1, device=x.device) < share)
    return _covered(x, mask, _content(x))


def cut_paste(x: Tensor) -> tuple[Tensor, Tensor]:
    """All pictures with a rectangle or a scar each, cut out elsewhere; and where they changed."""
    n, _, side, _ = x.shape
    area, ratio = _between(n, _AREAS, x.device), _between(n, _ASPECTS, x.device)
    patch = _rectangles(side, (area * ratio).sqrt() * side, (area / ratio).sqrt() * side, torch.zeros(n))
    thin, long = (_between(n, limits, x.device) * side for limits in _SCARS)
    scar = _rectangles(side, thin, long, math.pi * torch.rand(n))
    return _covered(x, _either(n, x.device, patch, scar), _content(x))


def strangers(x: Tensor) -> Tensor:
    """Of square pictures (n, c, s, s) about half joined with a half of another one, the others turned by one to three
    quarters: every part may be as it should be, and the whole is not (turning: Golan & El-Yaniv 2018,
    arXiv:1805.10917)."""
    n, side = len(x), x.shape[-1]
    place = torch.arange(side, device=x.device) >= side // 2
    lower, right = place[:, None].expand(side, side), place[None, :].expand(side, side)
    half = _either(n, x.device, lower[None, None], right[None, None])
    joined = torch.where(half, torch.roll(x, 1, 0), x)
    turned = _either(n, x.device, *(torch.rot90(x, quarters, (2, 3)) for quarters in (1, 2, 3)))
    return _either(n, x.device, joined, turned)


def _covered(x: Tensor, mask: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
    made = torch.where(mask > 0.5, content, x)
    changed = (made - x).abs().amax(1, keepdim=True) > _VISIBLE
    return made, changed.to(x.dtype)


def _content(x: Tensor) -> Tensor:
    """What covers: another picture or the same one, shifted, or a colour that occurs somewhere; now and then paler."""
    n, _, height, width = x.shape
    shift = [int(torch.randint(1, side, ())) for side in (height, width)]
    own = torch.roll(x, shift, (2, 3))
    other = torch.roll(own, 1, 0)
    rows, columns = (torch.randint(0, side, (n,), device=x.device) for side in (height, width))
    items = torch.randperm(n, device=x.device)
    colour = x[items, :, rows, columns][..., None, None].expand_as(x)
    shifted = _either(n, x.device, own, other)
    content = _either(n, x.device, shifted, colour)
    fade = _between(n, (0.3, 1.0), x.device)[:, None, None, None]
    return _either(n, x.device, content, content, x + fade * (content - x))


def _either(n: int, device: torch.device, *kinds: Tensor) -> Tensor:
    """Of each picture that of one kind, all as likely."""
    chosen = torch.randint(0, len(kinds), (n, 1, 1, 1), device=device)
    result = kinds[0]
    for number, kind in enumerate(kinds[1:], start=1):
        result = torch.where(chosen == number, kind, result)
    return result


def _blobs(n: int, height: int, width: int, device: torch.device) -> Tensor:
    """(n, 1, h, w): one of a ragged outline each, anywhere."""
    side = min(height, width)
    radius = side * torch.exp(_between(n, (math.log(_RADII[0]), math.log(_RADII[1])), device))[:, None, None]
    flat = _between(n, (0.4, 1.0), device)[:, None, None]
    long, short = _turned(n, height, width, device)
    away = torch.hypot(long, short / flat)
    noise = F.interpolate(torch.randn(n, 1, side // 4, side // 4, device=device), (height, width), mode="bilinear")
    inside = away < radius * (1 + 0.5 * noise[:, 0]).clamp(min=0.2)
    return (inside | (torch.hypot(long, short) <= _LEAST)).float()[:, None]


def _turned(
    n: int, height: int, width: int, device: torch.device, angle: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Coordinates in pixels of every pixel (n, h, w) from a centre drawn anywhere, along two axes at an angle."""
    angle = math.pi * torch.rand(n, device=device) if angle is None else angle.to(device)
    centre = torch.rand(n, 2, device=device)
    rows = torch.arange(height, device=device)[None, :, None] - (height - 1) * centre[:, 0, None, None]
    columns = torch.arange(width, device=device)[None, None, :] - (width - 1) * centre[:, 1, None, None]
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cosine * rows + sine * columns, cosine * columns - sine * rows


def _rectangles(side: int, down: Tensor, across: Tensor, angle: Tensor) -> Tensor:
    """(n, 1, side, side): one each of these sides in pixels, turned, anywhere."""
    along, beside = _turned(len(down), side, side, down.device, angle)
    tall, wide = (length[:, None, None].div(2).clamp(min=_LEAST) for length in (down, across))
    inside = (along.abs() <= tall) & (beside.abs() <= wide)
    return inside.float()[:, None]


def _between(n: int, limits: tuple[float, float], device: torch.device) -> Tensor:
    least, most = limits
    return least + (most - least) * torch.rand(n, device=device)
