"""A classifier of the pictures at hand, whose last features generative models are measured by.

Where pictures are far from photographs (Fashion-MNIST, icons, microscopy), features of a network that tells the
data's own classes apart take the place of an ImageNet network's. Not a generative model, hence not listed: `evaluate`
trains it by itself.

Objective: E [ -log softmax(f(x))_y ], the network a small one of LeNet's kind (LeCun et al. 1998, "Gradient-Based
Learning Applied to Document Recognition", doi:10.1109/5.726791) with ReLU, max pools and dropout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch.nn.functional as F
from torch import nn

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.features import ClassifierNetwork


class ClassifierNetworks(nn.Module):
    def __init__(self, classifier: ClassifierNetwork) -> None:
        super().__init__()
        self.classifier = classifier


@final
@dataclass(frozen=True)
class Classifier(Method[ClassifierNetworks]):
    """Classifier whose features measure others."""

    paper = "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, doi:10.1109/5.726791"
    consumes = frozenset({"images"})
    labels = "required"
    averaged = ("classifier",)

    width: int = 32
    """channels of the first convolution; the others have twice as many"""
    lr: float = 2e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> ClassifierNetworks:
        return ClassifierNetworks(ClassifierNetwork(spec.shape, self.width, len(spec.classes)))

    def optimizers(self) -> dict[str, Optimizer]:
        schedule = Schedule("cosine", decay_from=0.2, warmup=0.1)
        return {"classifier": Adam(self.lr, weight_decay=0.02, schedule=schedule)}

    def phases(self) -> tuple[Phase[ClassifierNetworks], ...]:
        return (Phase("classifier", self.loss),)

    def loss(self, nets: ClassifierNetworks, batch: Batch, progress: Progress) -> Loss:
        assert batch.label is not None, "the loop refuses data without classes"
        logits = nets.classifier(batch.x)  # (n, classes)
        known = (batch.label >= 0).sum().clamp(min=1)  # where the class is unknown, there is nothing to learn
        loss = F.cross_entropy(logits, batch.label, ignore_index=-1, reduction="sum") / known
        return Loss(loss, loss=loss, right=(logits.argmax(1) == batch.label).sum() / known)
