"""Finding the code of an item: descent on the code itself, from several starts.

Zhu et al. 2016, "Generative Visual Manipulation on the Natural Image Manifold", arXiv:1609.03552, section 3.1: an
encoder's code as a start, then optimisation of pixels and features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Decode = Callable[[Tensor, Tensor | None], Tensor]
"""codes (n, *code shape) and labels (n,), if there are any, to items (n, *shape) in [-1, 1], with gradients"""
Features = Callable[[Tensor], Tensor]

BLOCK = 32
"""codes that are decoded at once, at most: what bounds the memory"""
_RACE = 0.2
"""of the steps that all starts are taken; the best goes on alone"""
_FEATURES = 0.1
"""weight of the features' error, relative to that of the start, where that of the pixels is 1 at the start"""
_FAR = 0.1
"""weight of the squared distance beyond `Reach.length`, in units of it, where the pixels' error is 1 at the start"""
_RISE, _FALL = 0.05, 0.5
"""shares of the steps in which the rate rises, and falls"""


@dataclass(frozen=True)
class Reach:
    """How far from the middle, of a code's shape, codes are plausible; None for the origin."""

    length: float
    middle: Tensor | None = None

    @classmethod
    def of(cls, draws: Tensor, middle: Tensor | None = None) -> Reach:
        """As far as few codes of the prior lie, from draws of it (n, *code shape)."""
        return cls(float(_distances(draws, middle).quantile(0.95)), middle)

    def excess(self, codes: Tensor) -> Tensor:
        """The squared distance of codes (n, *code shape) beyond it, in units of its length, (n,)."""
        return (_distances(codes, self.middle) / self.length - 1).clamp(min=0).square()


def _distances(codes: Tensor, middle: Tensor | None) -> Tensor:
    off = codes if middle is None else codes - middle
    distances: Tensor = off.flatten(1).norm(dim=1)
    return distances


@dataclass(frozen=True)
class Found:
    """codes (n, *code shape). before, error: (n,) mean squared errors of the items they decode to, in units where the
    whole range is 1: of the best start as it was, and of what it became."""

    codes: Tensor
    before: Tensor
    error: Tensor


def refine(
    decode: Decode,
    x: Tensor,
    starts: Tensor,
    *,
    label: Tensor | None = None,
    features: Features | None = None,
    weight: Tensor | None = None,
    reach: Reach | None = None,
    steps: int = 200,
    lr: float = 0.05,
    on_step: Callable[[int, int], None] | None = None,
) -> Found:
    """Codes of x (n, *shape), none worse than the best of its starts (starts, n, *code shape).

    features: their error is descended together with that of the pixels. weight: how much each number of x counts, of
    x's shape or with sides of 1; what has none is not looked at, and may be anything. reach: beyond it a code is not
    plausible, and made to pay. on_step: told the steps done and all there are; it may raise to stop.
    """
    each = max(1, BLOCK // len(starts))
    rows = [torch.arange(at, min(at + each, len(x))) for at in range(0, len(x), each)]
    parts = []
    for number, own in enumerate(rows):

        def told(step: int, done: int = number * steps) -> None:
            if on_step:
                on_step(done + step, len(rows) * steps)

        counts = None if weight is None else weight.expand_as(x)[own]
        search = _Search(decode, x[own], None if label is None else label[own], features, counts, reach, lr)
        parts.append(search.run(starts[:, own], steps, told))
    return Found(*(torch.cat(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Search:
    decode: Decode
    x: Tensor
    label: Tensor | None
    features: Features | None
    weight: Tensor | None
    reach: Reach | None
    lr: float

    def run(self, starts: Tensor, steps: int, told: Callable[[int], None]) -> tuple[Tensor, Tensor, Tensor]:
        """All starts race for a while; the best of each item goes on."""
        count, race = len(starts), round(_RACE * steps) if len(starts) > 1 else 0
        codes, before, error = self._descend(starts.flatten(0, 1), count, race, told)
        errors = error.view(count, -1)
        best, items = errors.argmin(0), torch.arange(errors.shape[1])
        chosen = codes.view(starts.shape)[best, items]
        chosen, _, last = self._descend(chosen, 1, steps - race, lambda step: told(race + step))
        return chosen, before.view(count, -1).min(0).values, last

    def _descend(
        self, starts: Tensor, count: int, steps: int, told: Callable[[int], None]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Best codes on the way from the starts, their errors at first and at best. `count` starts for each item."""
        often = (count, *(1,) * (self.x.ndim - 1))
        x, weight = self.x.repeat(often), None if self.weight is None else self.weight.repeat(often)
        label = None if self.label is None else self.label.repeat(count)
        wanted = None if self.features is None else self.features(_seen(x, weight)).detach()
        codes = starts.clone().requires_grad_(True)
        adam = torch.optim.Adam([codes], lr=self.lr, betas=(0.9, 0.99))
        best, error, first, scale = starts.clone(), torch.full((len(x),), torch.inf), torch.empty(0), None
        for step in range(steps + 1):
            last = step == steps
            with torch.set_grad_enabled(not last):
                made = self.decode(codes, label)
                pixels = _distance(made, x, weight) / 4  # from -1 to 1 is the whole range
            now = pixels.detach()
            better = now < error
            error = torch.where(better, now, error)
            best[better] = codes.detach()[better]
            if step == 0:
                first = now
            if last:
                break
            loss = pixels / first.clamp(min=1e-6)
            if self.features is not None and wanted is not None:
                off = _distance(self.features(_seen(made, weight)), wanted)
                scale = off.detach().clamp(min=1e-12) if scale is None else scale
                loss = loss + _FEATURES * off / scale
            if self.reach is not None:
                loss = loss + _FAR * self.reach.excess(codes)
            adam.param_groups[0]["lr"] = self.lr * _rate(step, steps)
            (codes.grad,) = torch.autograd.grad(loss.sum(), codes)  # items are independent: a sum is all their descents
            adam.step()
            told(step + 1)
        return best, first, error


def _rate(step: int, steps: int) -> float:
    """Rises, stays at 1, and falls to 0."""
    left = (steps - step) / steps
    return min(1.0, (step + 1) / (_RISE * steps + 1), left / _FALL)


def _seen(x: Tensor, weight: Tensor | None) -> Tensor:
    """Grey (0) where nothing counts: in both pictures alike, so that it does not tell them apart."""
    return x if weight is None else torch.where(weight > 0, x, 0)


def _distance(one: Tensor, two: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference of each item, by weight, (n,)."""
    squares = (one - two).square().flatten(1)
    if weight is None:
        return squares.mean(1)
    weight = weight.flatten(1)
    return (squares * weight).sum(1) / weight.sum(1).clamp(min=1e-12)
