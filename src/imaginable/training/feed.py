"""The order of the data: a pure function of the seed and the images seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from imaginable.core import distributed, seeds
from imaginable.core.types import Batch
from imaginable.data.dataset import Dataset

_GOLDEN = 0.6180339887
_SHARE = 0.25
"""of the batches that bring held-out items; which ones follows a ratio that falls into step with no other number"""


class Feed:
    """An endless row of training items: one fresh permutation after another, positions counted in images.

    With a quarter of the batches of pictures come as many held-out items, in their own order, round and round. Of
    domains, B comes in a row of its own.
    """

    def __init__(self, dataset: Dataset, batch: int, seed: int, flip: bool) -> None:
        self._dataset = dataset
        self._batch = batch
        self._seed = seed
        self._row = _Row(dataset.train, seed, "order", flip)
        self._other = _Row(dataset.target_train, seed, "order of B", flip)

    def batch(self, seen: int) -> Batch:
        """This rank's part of the batch at positions seen .. seen + batch."""
        mine = self._batch // distributed.ranks()
        start = seen + mine * distributed.rank()
        if not len(self._dataset.train):  # the method makes its own items
            return Batch(torch.empty(mine, 0))
        index, mirrored = self._row.at(start, start + mine)
        draw = seeds.derive(self._seed, "binarise", start) if self._dataset.binarise else None
        batch = self._dataset.batch(index, mirrored, draw)
        if self._dataset.spec.kind == "domains":
            return replace(batch, y=self._dataset.target_batch(*self._other.at(start, start + mine)))
        number = seen // self._batch
        if self._dataset.spec.kind != "images" or number * _GOLDEN % 1 >= _SHARE or not len(self._dataset.held_out):
            return batch
        held_out = self._dataset.held_out
        other = self._dataset.batch(held_out[np.arange(start, start + mine) % len(held_out)], mirrored, draw)
        return replace(batch, held_out=other.x, held_out_label=other.label)


class _Row:
    """Items `index` in one permutation after another; `name` tells rows of one seed apart."""

    def __init__(self, index: np.ndarray, seed: int, name: str, flip: bool) -> None:
        self._index = index
        self._seed = seed
        self._name = name
        self._flip = flip
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)
        self._mirrored = np.empty(0, dtype=bool)

    def at(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The items at positions start .. stop, and which of them are mirrored, if any are."""
        parts = [self._within(position, stop) for position in self._starts(start, stop)]
        index = np.concatenate([part[0] for part in parts])
        return index, np.concatenate([part[1] for part in parts]) if self._flip else None

    def _starts(self, start: int, stop: int) -> list[int]:
        """`start`, and every first position of an epoch before `stop`."""
        count = len(self._index)
        return [start, *range((start // count + 1) * count, stop, count)]

    def _within(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Items from `start` to the end of its epoch or `stop`, and which of them are mirrored."""
        count = len(self._index)
        epoch, first = divmod(start, count)
        if epoch != self._epoch:
            random = np.random.Generator(np.random.Philox(seeds.derive(self._seed, self._name, epoch)))
            self._order = self._index[random.permutation(count)]
            self._mirrored = random.random(count) < 0.5
            self._epoch = epoch
        last = min(count, first + stop - start)
        return self._order[first:last], self._mirrored[first:last]
