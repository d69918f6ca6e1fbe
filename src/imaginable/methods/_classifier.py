"""A classifier of the pictures at hand, whose last features generative models are measured by.

Features of a network that tells the data's own classes apart take the place of an ImageNet network's where those
pictures are far from photographs: Fashion-MNIST, icons, microscopy (as in the classifier score of Li et al. 2017,
"ALICE", and the usual practice for MNIST). Not a generative model, hence not listed: `evaluate` trains it by itself.

Objective: E [ -log softmax(f(x))_y ], with a tenth of each label spread over all classes (Szegedy et al. 2016,
"Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567, section 7), on pictures shifted by up to an eighth:
features must not depend on where exactly a thing lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.features import FeatureNetwork

_SMOOTHED = 0.1


class ClassifierNetworks(nn.Module):
    def __init__(self, classifier: FeatureNetwork) -> None:
        super().__init__()
        self.classifier = classifier


@final
@dataclass(frozen=True)
class Classifier(Method[ClassifierNetworks]):
    """Classifier whose features measure others."""

    paper = "Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567"
    consumes = frozenset({"images"})
    labels = "required"
    averaged = ("classifier",)

    width: int = 16
    """channels of the first convolution; there are eight times as many features"""
    lr: float = 2e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> ClassifierNetworks:
        return ClassifierNetworks(FeatureNetwork(spec.shape[0], self.width, len(spec.classes)))

    def optimizers(self) -> dict[str, Optimizer]:
        schedule = Schedule("cosine", decay_from=0.2, warmup=0.02)
        return {"classifier": Adam(self.lr, weight_decay=0.02, schedule=schedule)}

    def phases(self) -> tuple[Phase[ClassifierNetworks], ...]:
        return (Phase("classifier", self.loss),)

    def loss(self, nets: ClassifierNetworks, batch: Batch, progress: Progress) -> Loss:
        assert batch.label is not None, "the loop refuses data without classes"
        logits = nets.classifier(shifted(batch.x))  # (n, classes)
        loss = F.cross_entropy(logits, batch.label, ignore_index=-1, label_smoothing=_SMOOTHED, reduction="none").mean()
        return Loss(loss, loss=loss, right=(logits.argmax(1) == batch.label).float().mean())


def shifted(x: Tensor) -> Tensor:
    """All pictures (n, c, h, w) moved by the same random number of pixels, up to an eighth, edges repeated."""
    most = x.shape[-1] // 8
    down, right = torch.randint(-most, most + 1, (2,)).tolist()
    padded = F.pad(x, (most, most, most, most), mode="replicate")
    return padded[:, :, most + down : most + down + x.shape[2], most + right : most + right + x.shape[3]]
