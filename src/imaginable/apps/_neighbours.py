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
ALIKE = 0.5
"""grey levels below which two pictures are the same one, rounded"""
FEW, _CALIBRATED = 2_000, 300
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
        self._own = _different(self._small)

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

    def apart(self, arrays: np.ndarray, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Of each picture, uint8 (n, h, w, c): its distance to the nearest training picture (n,), in grey levels, and
        that one's index in the data set (n,). mirrored: the mirror image counts as the picture, where it is nearer."""
        distances, index = neighbours.nearest(_small(arrays), self._small)
        if mirrored:
            others, at = neighbours.nearest(_small(arrays[:, :, ::-1]), self._small)
            distances, index = np.minimum(distances, others), np.where(others < distances, at, index)
        return distances / np.sqrt(self._small.shape[1]), self._dataset.train[index]

    @property
    def usual(self) -> float:
        """Grey levels from a training picture to its nearest other one, the median."""
        return float(np.median(self._own))

    @property
    def copy_below(self) -> float:
        """Grey levels below which a picture is nearly a copy: nearer than all but one in a hundred training pictures
        are to their nearest other one, and nearer than half of what is usual among them."""
        return max(ALIKE, min(float(np.quantile(self._own, 0.01)), self.usual / 2))

    def _verdict(self, distance: float) -> str:
        said = (
            f"{distance:.1f} grey levels from the nearest training picture, "
            f"and those are {self.usual:.1f} from each other"
        )
        if distance < self.copy_below:
            return f"nearly a copy: {said}"
        if float(np.mean(self._own < distance)) < 0.05:
            return f"very near to a training picture: {said}"
        return f"no copy: {said}"


def own_distances(items: np.ndarray) -> np.ndarray:
    """Of items (n, d), n > 1, to their nearest other one: of all where there are few, else of some, (at most n,)."""
    if len(items) <= FEW:
        return neighbours.nearest(items, items, itself=True)[0]
    random = np.random.Generator(np.random.Philox(seeds.derive("neighbours")))
    order = random.permutation(len(items))
    return neighbours.nearest(items[order[:_CALIBRATED]], items[order[_CALIBRATED:]])[0]


def _different(small: np.ndarray) -> np.ndarray:
    """Such distances in grey levels, without those of exact copies, which would make every distance a usual one."""
    own = own_distances(small) / np.sqrt(small.shape[1]) if len(small) > 1 else np.zeros(0)
    own = own[own >= ALIKE]
    return own if len(own) else np.zeros(1)


def _small(arrays: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, c) as float32 (n, c · SIDE²) in grey levels."""
    shrunk = F.adaptive_avg_pool2d(images.to_float(arrays), min(SIDE, arrays.shape[1])) * 127.5
    flat: np.ndarray = shrunk.flatten(1).numpy()
    return flat
