"""Run by test_processes.py, alone and under torchrun: gradients of one cycle of a small job, saved by rank 0."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from imaginable.core import distributed
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._method import Method, Phase, Trained, find
from imaginable.networks.mlp import Mlp
from imaginable.training.feed import Feed
from imaginable.training.job import Job, Training
from imaginable.training.state import State


class Critic(nn.Module):
    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic


@final
@dataclass(frozen=True)
class Penalised(Method[Critic]):
    """A critic with an exact R1 penalty (Mescheder et al. 2018): double backward, and no noise."""

    paper = "Mescheder et al. 2018"
    consumes = frozenset({"images"})
    averaged = ("critic",)

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Critic:
        return Critic(Mlp([spec.dimensions, 16, 16], (1,), nn.SiLU))

    def optimizers(self) -> dict[str, Optimizer]:
        return {"critic": Adam(1e-3)}

    def phases(self) -> tuple[Phase[Critic], ...]:
        return (Phase("critic", self.loss),)

    def loss(self, nets: Critic, batch: Batch, progress: Progress) -> Loss:
        x = batch.x.detach().requires_grad_()
        logits: Tensor = nets.critic(x)
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        penalty = gradient.square().flatten(1).sum(1)
        return Loss((nn.functional.softplus(-logits).flatten() + 10 * penalty).mean(), penalty=penalty.mean())


def main(name: str, out: str) -> None:
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    items = random.integers(0, 255, (40, 16, 16, 1), dtype=np.uint8)
    unlabelled, nothing = np.full(40, -1), np.zeros((40, 0), np.float32)
    names = tuple(str(number) for number in range(40))
    spec = DataSpec("images", (1, 16, 16), count=32)
    dataset = Dataset(spec, items, unlabelled, nothing, names, np.arange(32), np.arange(32, 40))
    method = Penalised() if name == "penalised" else find(name)(width=8, latents=4)
    job = Job(method, DataOptions("memory"), Training(batch=16, precision="float32", device="cpu"), "unused")
    with distributed.processes():
        state = State(job, spec)
        state.cycle(Feed(dataset, 16, 0, False), 1000)
        gradients = [parameter.grad for parameter in state.networks.parameters()]
        if distributed.rank() == 0:
            torch.save({"gradients": gradients, "ranks": distributed.ranks()}, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
    distributed.leave(0)
