"""Run by test_quantize.py under torchrun: a codebook watched by two processes, saved by rank 0."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from imaginable.core import distributed
from imaginable.nn.quantize import Codebook


def moved(entries: Tensor, vectors: Tensor, restart: float) -> list[Tensor]:
    """The entries on both processes after one step, each of which saw its own vectors (cells, d)."""
    codebook = Codebook(*entries.shape, "ema", 0.9, restart)
    codebook.embedding.copy_(entries)
    torch.manual_seed(distributed.rank())
    grid = vectors.T[None, :, None, :]
    codebook.watch(grid, codebook.nearest(grid))
    codebook.move()
    both = [torch.empty_like(entries) for _ in range(2)]
    dist.all_gather(both, codebook.embedding)
    return both


def main(out: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    entries, vectors = torch.randn(4, 2), torch.randn(2, 30, 2)
    with distributed.processes():
        mine = vectors[distributed.rank()]
        without, after = moved(entries, mine, 0.0), moved(entries, mine, 10.0)
        if distributed.rank() == 0:
            saved = {"entries": entries, "vectors": vectors, "without": without, "after a restart": after}
            torch.save(saved, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
    distributed.leave(0)
