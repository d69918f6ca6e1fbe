"""A pool of made pictures, so that a discriminator does not forget what its opponent used to make."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pool(nn.Module):
    """Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through Adversarial Training",
    arXiv:1612.07828, section 2.3, as in CycleGAN: one picture for one.

    Until it is full, every picture goes in and comes out as it is. Then each, with an even chance, comes out as it is
    or takes the place of one in the pool, which comes out instead. So half of what comes out is new, and the
    rest 2 · size pictures old on average.

    The pool is state, and changes only in `keep`. size 0: everything comes out as it is.
    """

    pictures: Tensor
    held: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(size, *shape))
        self.register_buffer("held", torch.zeros((), dtype=torch.int64))
        self._to_keep: dict[int, Tensor] = {}

    def mixed(self, made: Tensor) -> Tensor:
        """As many pictures (n, *shape), without gradient; draws from torch's global generator."""
        if not len(self.pictures):
            return made.detach()
        held = int(self.held)
        held += sum(slot >= held for slot in self._to_keep)
        return torch.stack([self._exchanged(one, min(held + at, len(self.pictures))) for at, one in enumerate(made)])

    def _exchanged(self, picture: Tensor, held: int) -> Tensor:
        picture = picture.detach()
        if held < len(self.pictures):
            self._to_keep[held] = picture
            return picture
        if torch.rand(()) < 0.5:
            return picture
        slot = int(torch.randint(len(self.pictures), ()))
        old = self._to_keep.get(slot, self.pictures[slot])
        self._to_keep[slot] = picture
        return old.to(picture.dtype)

    @torch.no_grad()
    def keep(self) -> None:
        """Puts into the pool what went in since the last time."""
        for slot, picture in self._to_keep.items():
            self.pictures[slot] = picture
        self.held.fill_(max(int(self.held), *(slot + 1 for slot in self._to_keep)) if self._to_keep else int(self.held))
        self._to_keep = {}
