"""What a run shows of itself: the same latents through time, and held-out items beside what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imaginable.core import seeds
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Decodes, Encodes, Samples, Scores, Translates, name_of
from imaginable.nn.defects import cut_paste
from imaginable.training import translations
from imaginable.training.run import Run
from imaginable.training.state import State

SAMPLES = 64
POINTS = 2_000
PAIRS = 32
ROWS, COLUMNS = 16, 8
"""at most so many classes, and pictures of each"""


@torch.no_grad()
def take(state: State, dataset: Dataset, run: Run) -> Path | None:
    """Writes the sheets this method can show; returns the one that shows it best."""
    method, nets, seed = state.job.method, state.averages.networks, state.job.training.seed
    origin = f"{name_of(method)} ({run.folder.name}), seed {seed}, {state.seen} images seen"
    shown: Path | None = None
    if isinstance(method, Encodes) and isinstance(method, Decodes) and len(dataset.held_out):
        real = dataset.batch(dataset.held_out[:PAIRS]).to(state.device)
        rebuilt = method.decode(nets, method.encode(nets, real.x, real.label), real.label)
        shown = run.samples / f"reconstructions-{state.seen:010d}.png"
        images.save(shown, _beside(real.x, rebuilt, dataset), origin)
    if isinstance(method, Samples):
        label = _a_class_to_a_row(state)
        z = _codes(state, method, label).to(state.device)
        x = method.decode(nets, z, label, seeds.generator(seed, "decode", device=state.device.type))
        shown = run.samples / f"samples-{state.seen:010d}.png"
        images.save(shown, _page(x, dataset, None if label is None else COLUMNS), origin)
    if isinstance(method, Translates) and (page := translations.sheet(state, method, dataset)) is not None:
        shown = run.samples / f"translations-{state.seen:010d}.png"
        images.save(shown, page, origin)
    if isinstance(method, Scores) and len(dataset.held_out):
        page = _scored(state, method, dataset)
        images.save(run.samples / f"scores-{state.seen:010d}.png", page, origin)
        shown = shown or run.samples / f"scores-{state.seen:010d}.png"
    return shown


def _scored(state: State, method: Scores, dataset: Dataset) -> np.ndarray:
    """Held-out pictures, each with a made defect, above where it was made and above the map of the score."""
    x = dataset.batch(dataset.held_out[:PAIRS]).x
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(state.job.training.seed, "defects"))
        spoilt, changed = cut_paste(x)
    _, maps = method.score(state.averages.networks, spoilt.to(state.device))
    heat = (2 * maps / maps.flatten(1).amax(1).clamp(min=1e-6)[:, None, None] - 1)[:, None].cpu()
    shape = (-1, x.shape[1], -1, -1)
    return images.stacked(
        [images.to_uint8(part) for part in (spoilt, (2 * changed - 1).expand(shape), heat.expand(shape))]
    )


def _a_class_to_a_row(state: State) -> Tensor | None:
    """Labels of a sheet by a method that is told the classes."""
    if state.job.method.labels == "none" or not state.spec.classes:
        return None
    rows = min(len(state.spec.classes), ROWS)
    return torch.arange(rows, device=state.device).repeat_interleave(COLUMNS)


def _codes(state: State, method: Samples, label: Tensor | None) -> Tensor:
    def drawn(n: int, label: Tensor | None) -> Tensor:
        generator = seeds.generator(state.job.training.seed, "snapshot")
        return method.prior(state.averages.networks, n, state.spec, generator, label)

    if label is None:
        return drawn(SAMPLES if state.spec.kind == "images" else POINTS, None)
    # anew from the same seed for every row: the same noise in every class
    return torch.cat([drawn(COLUMNS, own) for own in label.split(COLUMNS)])


def _page(x: Tensor, dataset: Dataset, columns: int | None) -> np.ndarray:
    if dataset.spec.kind == "images":
        return images.sheet(images.to_uint8(x), columns)
    return images.scatter(x.cpu().numpy()[:, :2], _extent(dataset))


def _beside(real: Tensor, rebuilt: Tensor, dataset: Dataset) -> np.ndarray:
    if dataset.spec.kind == "images":
        return images.pairs(images.to_uint8(real), images.to_uint8(rebuilt))
    both: list[Any] = [images.scatter(x.cpu().numpy()[:, :2], _extent(dataset)) for x in (real, rebuilt)]
    return np.concatenate(both, axis=1)


def _extent(dataset: Dataset) -> float:
    """Half a side of a plot in which all points lie."""
    return 1.2 * float(np.abs(dataset.items).max())
