"""Vector quantisation: every vector is replaced by the nearest entry of a codebook."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core import distributed

Learning = Literal["ema", "gradient"]

# a share below this has nothing left to divide by
_LEAST_SHARE = 1e-12


class Codebook(nn.Module):
    """K entries of d dimensions, learned by running averages ("ema") or by the codebook loss ("gradient").

    ema: e_k = m_k / N_k, where m_k and N_k are running means of the sum and of the number of the vectors
    that chose k, here both per vector, so that neither depends on how many there are (van den Oord et al.
    2017, appendix A.1). Early on this is the mean of what chose k: no bias towards the start.
    gradient: the entries are a parameter.
    restart: an entry chosen in fewer than `restart` / K of cases, on the running average, is put on a
    random vector of the newest batch (Dhariwal et al. 2020, "Jukebox", section 3.2). As nothing has been
    chosen before the first batch, this also places the codebook at first. 0: never.

    Looking up changes nothing. What training needs to know is told to `watch`, with as many parts of a
    batch as there are, and `move` then moves the entries, once for all processes.
    """

    def __init__(self, codes: int, dimensions: int, learning: Learning, decay: float, restart: float) -> None:
        super().__init__()
        self.learning, self.decay, self.restart = learning, decay, restart
        self.embedding: Tensor
        embedding = torch.randn(codes, dimensions)
        if learning == "gradient":
            self.embedding = nn.Parameter(embedding)
        else:
            self.register_buffer("embedding", embedding)
        self.shares: Tensor
        self.sums: Tensor
        self.newest_counts: Tensor
        self.newest_sums: Tensor
        self.candidates: Tensor
        self.register_buffer("shares", torch.zeros(codes))  # running share of the vectors that chose each entry
        self.register_buffer("sums", torch.zeros(codes, dimensions))  # their running sum, by the number of all
        self.register_buffer("newest_counts", torch.zeros(codes))  # of the vectors watched since the last move
        self.register_buffer("newest_sums", torch.zeros(codes, dimensions))
        self.register_buffer("candidates", torch.zeros(codes, dimensions))  # random ones of them

    def nearest(self, grid: Tensor) -> Tensor:
        """The entry nearest to every vector: (n, d, h, w) -> (n, h, w), int64."""
        n, d, h, w = grid.shape
        with torch.autocast(grid.device.type, enabled=False):
            # around the codebook's centre: far from zero, a fast product's rounding would hide the distances
            centre = self.embedding.mean(0)
            vectors, entries = grid.detach().float().movedim(1, -1).reshape(-1, d) - centre, self.embedding - centre
            # ‖z - e‖² without ‖z‖², which is the same for all entries
            distances = entries.square().sum(1) - 2 * vectors @ entries.T  # (n h w, codes)
            return distances.argmin(1).view(n, h, w)

    def embed(self, indices: Tensor) -> Tensor:
        """The entries themselves: (n, h, w) -> (n, d, h, w), with gradient where they are a parameter."""
        return F.embedding(indices, self.embedding).movedim(-1, 1)

    @torch.no_grad()
    def watch(self, grid: Tensor, indices: Tensor) -> None:
        """Takes note of vectors (n, d, h, w) and of the entries they chose (n, h, w)."""
        vectors = grid.float().movedim(1, -1).reshape(-1, grid.shape[1])
        with torch.autocast(grid.device.type, enabled=False):
            # as a product: adding by index is not deterministic on a GPU
            chosen = F.one_hot(indices.flatten(), len(self.shares)).float()  # (n h w, codes)
            self.newest_sums += chosen.T @ vectors
        self.newest_counts += chosen.sum(0)
        self.candidates.copy_(vectors[torch.randint(len(vectors), (len(self.shares),), device=vectors.device)])

    @torch.no_grad()
    def move(self) -> None:
        """Moves the entries by what was watched since the last time; after the optimiser's step."""
        counts, sums = distributed.average(self.newest_counts), distributed.average(self.newest_sums)
        self.shares.lerp_(counts / counts.sum(), 1 - self.decay)
        self.sums.lerp_(sums / counts.sum(), 1 - self.decay)
        distributed.broadcast_buffers(self)  # the candidates of one process, for all to restart alike
        if self.learning == "ema":
            known = (self.shares > _LEAST_SHARE)[:, None]
            means = self.sums / self.shares.clamp(min=_LEAST_SHARE)[:, None]
            self.embedding.copy_(torch.where(known, means, self.embedding))
        self._restart_unused()
        self.newest_counts.zero_()
        self.newest_sums.zero_()

    def _restart_unused(self) -> None:
        """A restarted entry counts as used like the others until the running average has shown otherwise."""
        unused = self.shares < self.restart / len(self.shares)
        self.shares.masked_fill_(unused, 1 / len(self.shares))
        self.sums.copy_(torch.where(unused[:, None], self.candidates / len(self.shares), self.sums))
        self.embedding.copy_(torch.where(unused[:, None], self.candidates, self.embedding))


def straight_through(encoded: Tensor, quantised: Tensor) -> Tensor:
    """The quantised value, with the gradient passed on to `encoded` as it is (Bengio et al. 2013)."""
    return quantised.detach() + (encoded - encoded.detach())


def usage(indices: Tensor, codes: int) -> Tensor:
    """How often each entry was chosen, (codes,) float32."""
    return torch.bincount(indices.flatten(), minlength=codes).float()


def perplexity(counts: Tensor) -> Tensor:
    """exp of the entropy of how often each was chosen: how many entries are in use, were they used alike. ()"""
    shares = counts / counts.sum()
    return torch.exp(-torch.xlogy(shares, shares).sum())
