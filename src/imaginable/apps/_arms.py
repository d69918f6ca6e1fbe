"""What a classifier is trained on in a proof, and how right it then is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imaginable.apps import _features
from imaginable.apps._subsets import Real
from imaginable.core import seeds
from imaginable.core.errors import RunFailed
from imaginable.data import images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._classifier import Classifier
from imaginable.training.feed import Feed
from imaginable.training.job import Job, Training
from imaginable.training.state import BadStepError, State

REAL, CLASSICAL, SYNTHETIC, BOTH = "real", "real + classical", "real + synthetic", "real + classical + synthetic"
ARMS = (REAL, CLASSICAL, SYNTHETIC, BOTH)
WITH_SYNTHETIC = (SYNTHETIC, BOTH)
BATCH = 128
SHIFT = 1 / 8
"""of the side: how far a crop is moved, at most"""

Extras = Sequence[np.ndarray]
"""further pictures of each class, uint8 (n, h, w, c)"""


@dataclass(frozen=True)
class Trial:
    """right: of n test pictures."""

    right: int
    n: int


def classical(real: Dataset, count: int, flip: bool, seed: int) -> list[np.ndarray]:
    """So many crops of the pictures of each class, which are moved by up to an eighth of the side each way, what is
    then missing at the edge mirrored from inside. flip: half of them are turned left to right."""
    pictures = images.to_uint8(real.batch(real.train).x)
    random = np.random.Generator(np.random.Philox(seeds.derive(seed, "classical")))
    return [
        _cropped(
            np.resize(random.permutation(pictures[real.labels == label]), (count, *pictures.shape[1:])), flip, random
        )
        for label in range(len(real.spec.classes))
    ]


def _cropped(pictures: np.ndarray, flip: bool, random: np.random.Generator) -> np.ndarray:
    size = pictures.shape[1]
    margin = round(SHIFT * size)
    padded = np.pad(pictures, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
    corners = random.integers(0, 2 * margin + 1, (len(pictures), 2))
    mirrored = random.random(len(pictures)) < (0.5 if flip else 0.0)
    cut = [one[y : y + size, x : x + size] for one, (y, x) in zip(padded, corners, strict=True)]
    return np.stack([one[:, ::-1] if turned else one for one, turned in zip(cut, mirrored, strict=True)])


def mixed(real: Dataset, extras: Sequence[Extras]) -> Dataset:
    """Real pictures and further ones as one data set to train on.

    The real ones are repeated until they are at least half of it, and of every kind of extras each class has the same
    share: a class with fewer of them than others repeats those, and one with none has real ones in their place.
    """
    items, labels, index = [real.items], [real.labels], []
    start = len(real.items)
    for extra in extras:
        most = max(len(of_class) for of_class in extra)
        for label, of_class in enumerate(extra):
            own = np.arange(start, start + len(of_class)) if len(of_class) else np.flatnonzero(real.labels == label)
            index.append(np.resize(own, most))
            if len(of_class):
                items.append(of_class)
                labels.append(np.full(len(of_class), label))
                start += len(of_class)
    added = np.concatenate(index) if index else np.zeros(0, np.int64)
    train = np.concatenate([np.resize(real.train, max(len(real.train), len(added))), added])
    everything = np.concatenate(items)
    return replace(
        real,
        items=everything,
        labels=np.concatenate(labels).astype(np.int64),
        factors=np.zeros((len(everything), 0), np.float32),
        spec=replace(real.spec, factors=(), count=len(train)),
        names=tuple(map(str, range(len(everything)))),
        train=train,
    )


def of(arm: str, real: Dataset, extras: Mapping[str, Extras]) -> Dataset:
    """extras: those called classical and synthetic."""
    kinds = {REAL: (), CLASSICAL: ("classical",), SYNTHETIC: ("synthetic",), BOTH: ("classical", "synthetic")}[arm]
    return mixed(real, [extras[kind] for kind in kinds])


def trial(dataset: Dataset, real: Real, seen: int, seed: int, device: str) -> Trial:
    """A new classifier sees so many pictures of `dataset`, and is asked for the class of all test pictures.

    The loop's own cycle, without its files: there are a hundred of these in a proof, of a few seconds each.
    """
    training = Training(images=seen, batch=min(BATCH, seen), seed=seed, device=device)
    state = State(Job(Classifier(), DataOptions(""), training, ""), dataset.spec)
    feed = Feed(dataset, training.batch, seed, flip=False)
    try:
        while state.seen < seen:
            state.cycle(feed, seen)
    except BadStepError as error:
        raise RunFailed(f"--prove: a classifier could not be trained: {error}") from error
    network = state.averages.networks.cpu().get_submodule("classifier")
    share, n = _features.accuracy(network, replace(real.dataset, held_out=real.test))
    return Trial(round(share * n), n)
