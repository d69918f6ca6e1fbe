"""Classes for pictures of two sides, which have none, so that a classifier of them gives features to compare sets by.

A class is a side and by how many quarters the picture was turned (Gidaris et al. 2018, arXiv:1803.07728). What is made
for a side is measured by whether it looks like that side's pictures, and that is what such features know; turns can be
told only by who sees shapes, and features of such networks order generative models much as those of labels do (Morozov
et al. 2021, "On Self-Supervised Image Representations for GAN Evaluation", ICLR).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaginable.data.dataset import Dataset

_TURNS = 4


def turned(dataset: Dataset) -> Dataset:
    """Every picture of A and of B in all four turns, of 8 classes; held-out ones are still held out.

    Pairs or domains, whose sides have the same channels.
    """
    parts, labels, learned = [], [], []
    sides = dataset.only_a(), dataset.only_b()
    for side, pictures in enumerate(sides):
        index = np.concatenate([pictures.train, pictures.held_out])
        for turn in range(_TURNS):
            parts.append(np.rot90(pictures.items[index], turn, axes=(1, 2)))
            labels.append(np.full(len(index), _TURNS * side + turn))
            learned.append(np.arange(len(index)) < len(pictures.train))
    items, is_learned = np.concatenate(parts), np.concatenate(learned)
    classes = tuple(f"{side} turned {turn} times" for side in "AB" for turn in range(_TURNS))
    count = sum(len(side.train) for side in sides)
    return Dataset(
        replace(sides[0].spec, classes=classes, factors=(), count=count),
        items,
        np.concatenate(labels).astype(np.int64),
        np.zeros((len(items), 0), np.float32),
        tuple(map(str, range(len(items)))),
        np.flatnonzero(is_learned),
        np.flatnonzero(~is_learned),
        dataset.manifest,
    )
