"""The training pictures that are nearest to a made one, and whether it is a copy of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.nn import functional as F

from imaginable.apps import _pictures
from imaginable.core import seeds
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.metrics import neighbours
from imaginable.model import Model

SIDE = 16
"""pixels that pictures are compared at: what differs below is noise and exact position"""
_CALIBRATED = 300
_BLOCK = 2048


@dataclass(frozen=True)
class Near:
    """One training picture, uint8 (h, w, c); distance: root mean square of the difference, in grey levels."""

    name: str
    picture: np.ndarray
    distance: float


class Neighbours:
    """Of one model's training pictures. Their own distances to each other say what near means."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        index = dataset.train
        blocks = [dataset.batch(index[at : at + _BLOCK]).x for at in range(0, len(index), _BLOCK)]
        self._small = np.concatenate([_small(images.to_uint8(block)) for block in blocks])
        random = np.random.Generator(np.random.Philox(seeds.derive("neighbours")))
        order = random.permutation(len(self._small))
        count = min(_CALIBRATED, len(order) // 2)
        own, _ = neighbours.nearest(self._small[order[:count]], self._small[order[count:]])
        self._own = np.sort(own) / np.sqrt(self._small.shape[1])

    @classmethod
    def of(cls, model: Model, run: Path) -> Neighbours:
        """Raises UserError for a model without its run."""
        return cls(_pictures.training_data(run, f"the nearest training pictures of {model.name}"))

    def nearest(self, array: np.ndarray, count: int = 6) -> tuple[list[Near], str]:
        """The nearest ones to a picture, uint8 (h, w, c), nearest first, and in a line whether it is a copy."""
        difference = self._small - _small(array[None])
        distances = np.sqrt(np.square(difference).mean(1))
        chosen = np.argsort(distances, kind="stable")[:count]
        index = self._dataset.train[chosen]
        pictures = images.to_uint8(self._dataset.batch(index).x)
        found = [
            Near(self._dataset.names[item], picture, float(distances[at]))
            for item, picture, at in zip(index, pictures, chosen, strict=True)
        ]
        return found, self._verdict(found[0].distance)

    def _verdict(self, distance: float) -> str:
        share = float(np.mean(self._own < distance))
        usual = float(np.median(self._own))
        said = (
            f"{distance:.1f} grey levels from the nearest training picture, and those are {usual:.1f} from each other"
        )
        if share < 0.01 and distance < usual / 2:
            return f"nearly a copy: {said}"
        if share < 0.05:
            return f"very near to a training picture: {said}"
        return f"no copy: {said}"


def _small(arrays: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, c) as float32 (n, c · SIDE²) in grey levels."""
    shrunk = F.adaptive_avg_pool2d(images.to_float(arrays), min(SIDE, arrays.shape[1])) * 127.5
    flat: np.ndarray = shrunk.flatten(1).numpy()
    return flat
