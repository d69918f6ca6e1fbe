"""The features that sets of pictures are compared by, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from imaginable.apps import _networks, _sides
from imaginable.apps._pictures import Say
from imaginable.core import config
from imaginable.core.errors import UserError
from imaginable.data import cache, images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods import _storage
from imaginable.methods._classifier import Classifier
from imaginable.networks.features import RandomFeatures
from imaginable.training.job import Job, Training

Kind = Literal["auto", "classifier", "sides", "random", "inception"]

TRAINING = Training(images=75_000, batch=128)
"""of a classifier, at most"""
EPOCHS, LEAST_IMAGES = 8, 15_000
"""fewer images where there are few: features that know the training pictures by heart put all others far away"""
LEAST_OF_A_CLASS = 20
_BLOCK = 256
_PICTURES_OF_UNIT = 2_000


@dataclass(frozen=True)
class Extractor:
    """Turns uint8 pictures (n, h, w, c) into features (n, d), and probabilities of the data's classes if it has them.

    name: goes with every figure. said: what it is, for a person. head: of a classifier, from features to classes.
    unit: what the network's numbers are divided by.
    """

    name: str
    said: str
    network: Callable[[Tensor], Tensor] | None
    head: nn.Module | None = None
    unit: float = 1.0

    def figure(self, of: str) -> str:
        """A figure's name: those by different features never share one. FD -> FD-classifier, FD-random, FID."""
        if self.name == "inception":
            return {"FD": "FID", "KD": "KID"}.get(of, f"{of}-inception")
        return f"{of}-{self.name}"

    def features(self, items: np.ndarray) -> np.ndarray:
        """Of pictures as people see them; points are their own features."""
        if self.network is None:
            return items
        blocks = (items[at : at + _BLOCK] for at in range(0, len(items), _BLOCK))
        return np.concatenate([self.features_of(images.to_float(block)) for block in blocks])

    @torch.no_grad()
    def features_of(self, x: Tensor) -> np.ndarray:
        """The same of items as networks take them, (n, *shape), not rounded to bytes."""
        if self.network is None:
            return x.numpy()
        blocks = torch.split(x.contiguous(memory_format=torch.channels_last), _BLOCK)
        return torch.cat([self.network(block).float() for block in blocks]).numpy() / np.float32(self.unit)

    @torch.no_grad()
    def probabilities(self, features: np.ndarray) -> np.ndarray | None:
        """Of the classes, (n, classes), from features (n, d); None where there are none."""
        if self.head is None:
            return None
        return torch.softmax(self.head(torch.from_numpy(self.unit * features)).double(), 1).numpy()


def choose(kind: Kind, options: DataOptions, dataset: Dataset, inception: Path | None, say: Say) -> Extractor:
    """auto: a classifier where the data has classes, else random features. `inception`: its weights' file."""
    if dataset.spec.kind == "points":
        return Extractor("points", "the points' own coordinates", None)
    if inception is not None and kind not in ("auto", "inception"):
        raise UserError(f"--inception names weights, and --features {kind} needs none: leave one of them out")
    if kind == "sides":
        raise UserError(f"--features sides: {options.source} is not of two sides that are translated; leave it out")
    if kind == "inception" or inception is not None:
        return _inception(inception, say)
    refusal = _why_no_classifier(dataset)
    if kind == "classifier" and refusal:
        raise UserError(f"--features classifier: {options.source} {refusal}; use --features random")
    if kind == "random" or refusal:
        because = "" if kind == "random" else f" ({options.source} {refusal})"
        return _in_its_unit(_random(dataset.spec.shape[0], because), dataset)
    return classifier(options, dataset, say)


def classifier(options: DataOptions, dataset: Dataset, say: Say) -> Extractor:
    """One of the data's classes, however few pictures they have: made once for a `digest` in the manifest."""
    return _in_its_unit(_classifier(options, dataset, say), dataset)


def between(
    kind: Kind, options: DataOptions, dataset: Dataset, wanted: Dataset, inception: Path | None, say: Say
) -> Extractor:
    """For what is made of one side of pairs or domains and belongs to the other, `wanted`.

    auto: sides, a classifier of side and turn (apps/_sides.py), where both have the same channels and enough
    pictures; the rest as in `choose`.
    """
    if kind not in ("auto", "sides") or inception is not None:
        return choose(kind, options, wanted, inception, say)
    refusal = "has two sides of other channels" if dataset.spec.shape != dataset.spec.target_shape else ""
    both = dataset if refusal else _sides.turned(dataset)
    refusal = refusal or _why_no_classifier(both)
    if not refusal:
        found = replace(_classifier(options, both, say), name="sides", head=None)
        found = replace(found, said=f"{found.said} (of A and B, each in four turns)")
        return _in_its_unit(found, both)
    if kind == "sides":
        raise UserError(f"--features sides: {options.source} {refusal}; use --features random")
    return choose("auto", options, wanted, inception, say)


def _in_its_unit(extractor: Extractor, dataset: Dataset) -> Extractor:
    """With features of mean square 1 over training pictures, as the kernel distance's kernel expects."""
    pictures = images.to_uint8(dataset.batch(dataset.train[:_PICTURES_OF_UNIT]).x)
    square = float(np.square(extractor.features(pictures), dtype=np.float64).mean())
    return replace(extractor, unit=math.sqrt(square) or 1.0)


def _why_no_classifier(dataset: Dataset) -> str:
    """Empty where there are at least two classes with enough training pictures each, of a size it takes."""
    known = dataset.labels[dataset.train]
    counts = np.bincount(known[known >= 0], minlength=len(dataset.spec.classes))
    enough = int((counts >= LEAST_OF_A_CLASS).sum())
    if not dataset.spec.classes:
        return "has no classes to train a classifier on"
    if enough < 2:
        return f"has {enough} of the 2 classes with at least {LEAST_OF_A_CLASS} training pictures a classifier needs"
    if not Classifier.sizes.takes(dataset.spec.shape[-1]):
        return f"has pictures of {dataset.spec.shape[-1]} px, and the classifier takes at most {Classifier.sizes.most}"
    return ""


def _random(channels: int, because: str) -> Extractor:
    network = RandomFeatures(channels).eval().requires_grad_(False)
    return Extractor("random", f"features of a fixed random network, 112 numbers{because}", network)


def _inception(file: Path | None, say: Say) -> Extractor:
    from imaginable.apps._inception import inception

    network = inception(file, say)
    return Extractor("inception", "features of the FID Inception network, 2,048 numbers", network)


# ---- the classifier, trained once for a set of data


def _classifier(options: DataOptions, dataset: Dataset, say: Say) -> Extractor:
    folder = _folder(options, dataset)
    if not (folder / "model.yaml").exists():
        _train(folder, options, dataset, say)
    trained = _storage.load(folder, Classifier)
    network = trained.networks.get_submodule("classifier")
    right, n = accuracy(network, dataset)
    said = "features of a classifier trained on its training part, 128 numbers"
    said += f"; right on {right:.1%} of {n:,} held-out" if n else ""
    return Extractor("classifier", said, network.summary, network.head)  # type: ignore[arg-type]


def _folder(options: DataOptions, dataset: Dataset) -> Path:
    """By content, so that the same pictures under another name find it again, and others never do."""
    spec, method = dataset.spec, Classifier()
    matters = [options.fit, options.background, options.limit, options.unlabelled, options.binarise]
    fields = [config.to_mapping(method), config.to_mapping(_training(dataset))]
    name = cache.key("classifier", dataset.manifest["digest"], list(spec.shape), list(spec.classes), matters, fields)
    return cache.folder() / "classifiers" / name


def _training(dataset: Dataset) -> Training:
    return replace(TRAINING, images=min(TRAINING.images, max(LEAST_IMAGES, EPOCHS * dataset.spec.count)))


def _train(folder: Path, options: DataOptions, dataset: Dataset, say: Say) -> None:
    training = _training(dataset)
    say(f"training a classifier on {options.source} for its features, once ({training.images:,} images)")
    _networks.train_once(Job(Classifier(), options, training, ""), dataset, folder, say)


@torch.no_grad()
def accuracy(network: nn.Module, dataset: Dataset) -> tuple[float, int]:
    """Share of the held-out pictures of a known class that a classifier gets right, and how many those are."""
    labelled = dataset.held_out[dataset.labels[dataset.held_out] >= 0]
    right = 0
    for at in range(0, len(labelled), _BLOCK):
        batch = dataset.batch(labelled[at : at + _BLOCK])
        assert batch.label is not None
        right += int((network(batch.x).argmax(1) == batch.label).sum())
    return right / max(1, len(labelled)), len(labelled)
