"""What a run of a method that makes pictures of pictures shows of itself: held-out ones, what became of them, and what
should have."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Translates
from imaginable.training.state import State

ITEMS = 16


def sheet(state: State, method: Translates, dataset: Dataset) -> np.ndarray | None:
    """The same held-out items every time, each above what follows; None where nothing is held out.

    As many of B as of A: the two parts of the sheet lie beneath each other and are equally wide.

    Pairs: its translation and its partner. Domains: its translation and the way back, those of B below those of A.
    upscale: the small picture enlarged in squares, what was made of it, the original. inpaint: the picture with a
    grey hole, filled, and the original.
    """
    domains = dataset.spec.kind == "domains"
    count = min(ITEMS, len(dataset.held_out), *([len(dataset.target_held_out)] if domains else []))
    if not count:
        return None
    batch = dataset.batch(dataset.held_out[:count]).to(state.device)
    nets = state.averages.networks
    if domains:
        other = dataset.target_batch(dataset.target_held_out[:count]).to(state.device)
        return np.concatenate(
            [_stacked(*_there_and_back(method, nets, x, to)) for x, to in ((batch.x, "b"), (other, "a"))]
        )
    if batch.y is not None:
        return _stacked(batch.x, method.translate(nets, batch.x), batch.y)
    if method.task == "upscale":
        return _stacked(*_enlarged(method, nets, batch.x))
    return _stacked(*_filled(method, nets, batch.x, batch.hole))


def _there_and_back(method: Translates, nets: Any, x: Tensor, to: str) -> tuple[Tensor, Tensor, Tensor]:
    made = method.translate(nets, x, to=to)
    return x, made, method.translate(nets, made, to="a" if to == "b" else "b")


def _enlarged(method: Any, nets: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    factor = method.factor
    x = x[..., : x.shape[2] // factor * factor, : x.shape[3] // factor * factor]
    small = F.interpolate(x, scale_factor=1 / factor, mode="bicubic", antialias=True).clamp(-1, 1)
    return F.interpolate(small, scale_factor=factor), method.translate(nets, small), x


def _filled(method: Translates, nets: Any, x: Tensor, hole: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    if hole is None:  # the middle, a quarter of the picture
        height, width = x.shape[2:]
        hole = x.new_zeros(len(x), 1, height, width)
        hole[..., height // 4 : height - height // 4, width // 4 : width - width // 4] = 1
    return x * (1 - hole), method.translate(nets, x, hole), x


def _stacked(*kinds: Tensor) -> np.ndarray:
    arrays = [images.to_uint8(kind) for kind in kinds]
    channels = max(array.shape[-1] for array in arrays)
    return images.stacked([np.repeat(array, channels // array.shape[-1], axis=-1) for array in arrays])
