"""Turning and shifting what generators start from.

A transform is a matrix in homogeneous coordinates, (3, 3): where the picture looks up what it shows at a place. The
centre is 0, the side 1, and axes go to the right and down.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def transforms(right: Tensor, down: Tensor, angle: Tensor) -> Tensor:
    """Those that turn pictures about their centre, then shift them, (n, 3, 3).

    (n,) each. right, down: in parts of the picture's side. angle: counterclockwise as seen, in radians.
    """
    cos, sin, none, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    turned = torch.stack([cos, -sin, none, sin, cos, none, none, none, one], 1).view(-1, 3, 3)
    shifted = torch.stack([one, none, -right, none, one, -down, none, none, one], 1).view(-1, 3, 3)
    return turned @ shifted


def transformed(x: Tensor, transform: Tensor) -> Tensor:
    """A map (c, size, size) as seen through each transform (n, 3, 3), (n, c, size, size).

    The map counts as one period of a periodic picture and is a sum of waves, its Fourier series, which are looked up
    anywhere without an error: waves that fit the side, where StyleGAN3's generator has free ones.
    """
    size = x.shape[-1]
    series = torch.fft.fft2(x.float()) / size**2
    frequency = torch.fft.fftfreq(size, 1 / size, device=x.device)
    place = (torch.arange(size, device=x.device) - (size - 1) / 2) / size
    down, right = torch.meshgrid(place, place, indexing="ij")
    at = transform.to(x.device) @ torch.stack([right, down, torch.ones_like(down)]).flatten(1)  # (n, 3, places)
    columns, rows = (
        torch.exp(2j * math.pi * frequency[:, None] * (at[:, None, axis] + (size - 1) / 2 / size)) for axis in (0, 1)
    )  # (n, frequencies, places)
    found: Tensor = torch.einsum("cij,nip,njp->ncp", series, rows, columns).real
    return found.view(*found.shape[:2], size, size).to(x)
