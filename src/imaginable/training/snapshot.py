"""What a run shows of itself: the same latents through time, and held-out items beside their reconstructions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imaginable.core import seeds
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Decodes, Encodes, Samples, name_of
from imaginable.training.run import Run
from imaginable.training.state import State

SAMPLES = 64
PAIRS = 32


@torch.no_grad()
def take(state: State, dataset: Dataset, run: Run) -> Path | None:
    """Writes the sheets this method can show; returns the one that shows it best."""
    method, nets, seed = state.job.method, state.averages.networks, state.job.training.seed
    origin = f"{name_of(method)} ({run.folder.name}), seed {seed}, {state.seen} images seen"
    shown: Path | None = None
    if isinstance(method, Encodes) and isinstance(method, Decodes) and len(dataset.held_out):
        real = dataset.batch(dataset.held_out[:PAIRS]).x
        rebuilt = method.decode(nets, method.encode(nets, real.to(state.device)))
        shown = run.samples / f"reconstructions-{state.seen:010d}.png"
        images.save(shown, _beside(real, rebuilt, dataset), origin)
    if isinstance(method, Samples):
        z = method.prior(nets, _samples(dataset), state.spec, seeds.generator(seed, "snapshot")).to(state.device)
        x = method.decode(nets, z, generator=seeds.generator(seed, "decode", device=state.device.type))
        shown = run.samples / f"samples-{state.seen:010d}.png"
        images.save(shown, _page(x, dataset), origin)
    return shown


def _samples(dataset: Dataset) -> int:
    return SAMPLES if dataset.spec.kind == "images" else 2_000


def _page(x: Tensor, dataset: Dataset) -> np.ndarray:
    if dataset.spec.kind == "images":
        return images.sheet(images.to_uint8(x))
    return images.scatter(x.cpu().numpy()[:, :2], _extent(dataset))


def _beside(real: Tensor, rebuilt: Tensor, dataset: Dataset) -> np.ndarray:
    if dataset.spec.kind == "images":
        return images.pairs(images.to_uint8(real), images.to_uint8(rebuilt))
    both: list[Any] = [images.scatter(x.cpu().numpy()[:, :2], _extent(dataset)) for x in (real, rebuilt)]
    return np.concatenate(both, axis=1)


def _extent(dataset: Dataset) -> float:
    """Half a side of a plot in which all points lie."""
    return 1.2 * float(np.abs(dataset.items).max())
