"""Ways from one code to another."""

import torch
from torch import Tensor


def linear(start: Tensor, stop: Tensor, t: Tensor) -> Tensor:
    """Points (1 - t) a + t b for t of shape (steps,); a, b of the same shape -> (steps, *shape)."""
    t = t.reshape(-1, *[1] * start.ndim)
    return start + t * (stop - start)


def spherical(start: Tensor, stop: Tensor, t: Tensor) -> Tensor:
    """Points along the great circle from a to b, the norm going evenly from |a| to |b|. (steps, *shape)

    In many dimensions nearly all of a standard normal lies close to one sphere; a straight line leaves
    it, and decodes to a washed-out picture half-way (White 2016, "Sampling generative networks").
    sin((1 - t) Ω) / sin Ω · â + sin(t Ω) / sin Ω · b̂, Ω the angle between them; linear where it is 0 or π.
    """
    a, b = start.flatten().double(), stop.flatten().double()
    lengths = linear(a.norm(), b.norm(), t.double())
    a, b = a / a.norm().clamp_min(1e-12), b / b.norm().clamp_min(1e-12)
    angle = torch.arccos((a @ b).clamp(-1, 1))
    if torch.sin(angle) < 1e-4:
        return linear(start, stop, t)
    column = t.double()[:, None]
    around = (torch.sin((1 - column) * angle) * a + torch.sin(column * angle) * b) / torch.sin(angle)
    codes: Tensor = (lengths[:, None] * around).to(start.dtype)
    return codes.reshape(-1, *start.shape)


def path(points: Tensor, steps: int, closed: bool = False, on_sphere: bool = True) -> Tensor:
    """A way through `points` (k, *shape) in `steps` codes in all, evenly timed: (steps, *shape).

    `closed`: back to the first point at the end, which is not repeated.
    """
    stops = torch.cat([points, points[:1]]) if closed else points
    legs = len(stops) - 1
    times = torch.linspace(0, legs, steps + 1)[:-1] if closed else torch.linspace(0, legs, steps)
    way = spherical if on_sphere else linear
    codes = []
    for time in times:
        leg = min(int(time), legs - 1)
        codes.append(way(stops[leg], stops[leg + 1], (time - leg).reshape(1)))
    return torch.cat(codes)


def between(starts: Tensor, stops: Tensor, t: Tensor, on_sphere: bool = True) -> Tensor:
    """One point at t of each way from a start to its stop: (n, *shape), (n, *shape) and (n,) -> (n, *shape)."""
    way = spherical if on_sphere else linear
    return torch.cat([way(a, b, at.reshape(1)) for a, b, at in zip(starts, stops, t, strict=True)])
