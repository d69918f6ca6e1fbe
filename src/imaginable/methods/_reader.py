"""A reader of labels and factors: it says of a picture what people said of the pictures it was trained on.

A generator without an encoder makes pictures that nobody labelled. Read off by this network, they can still teach a
latent direction (`imaginable directions RUN find labels`). Not a generative model, hence not listed.

Objective: the mean over everything known of Σ_factors (f_k(x) - y_k)² for numbers, standardised by the caller, and
- log softmax(f_k(x))_{y_k} for classes and words; what is unknown of an item is left out. The network is the one of
`_classifier` (LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition",
doi:10.1109/5.726791, with ReLU, max pools and dropout), with one answer for each number and word.
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
from imaginable.networks.features import ClassifierNetwork


class ReaderNetworks(nn.Module):
    def __init__(self, reader: ClassifierNetwork) -> None:
        super().__init__()
        self.reader = reader


@final
@dataclass(frozen=True)
class Reader(Method[ReaderNetworks]):
    """Reads labels and factors off pictures."""

    paper = "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, doi:10.1109/5.726791"
    consumes = frozenset({"images"})
    labels = "optional"
    averaged = ("reader",)

    words: tuple[int, ...] = ()
    """of each factor, in order, how many words it can be; 0 for a number, which all factors left out here are"""
    width: int = 32
    """channels of the first convolution; the others have twice as many"""
    lr: float = 2e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> ReaderNetworks:
        return ReaderNetworks(ClassifierNetwork(spec.shape, self.width, max(1, sum(self.sizes_of(spec)))))

    def optimizers(self) -> dict[str, Optimizer]:
        schedule = Schedule("cosine", decay_from=0.2, warmup=0.1)
        return {"reader": Adam(self.lr, weight_decay=0.02, schedule=schedule)}

    def phases(self) -> tuple[Phase[ReaderNetworks], ...]:
        return (Phase("reader", self.loss),)

    def sizes_of(self, spec: DataSpec) -> list[int]:
        """How many answers belong to the classes, if any, and then to each factor."""
        words = [*self.words, *[0] * (len(spec.factors) - len(self.words))]
        return [len(spec.classes), *(max(1, count) for count in words)] if spec.classes else [max(1, c) for c in words]

    def loss(self, nets: ReaderNetworks, batch: Batch, progress: Progress) -> Loss:
        answers = nets.reader(batch.x)  # (n, numbers and words)
        terms: list[Tensor] = []
        at = 0
        if batch.label is not None:
            at = answers.shape[1] - self._of_factors(batch)
            terms.append(_words(answers[:, :at], batch.label))
        for column, told in enumerate(batch.factors.T if batch.factors is not None else ()):
            count = self._count(column)
            part = answers[:, at : at + max(1, count)]
            terms.append(_words(part, told.nan_to_num(-1).long()) if count else _number(part[:, 0], told))
            at += max(1, count)
        loss = torch.stack(terms).mean() if terms else answers.sum() * 0
        return Loss(loss, loss=loss)

    def _count(self, column: int) -> int:
        return self.words[column] if column < len(self.words) else 0

    def _of_factors(self, batch: Batch) -> int:
        columns = batch.factors.shape[1] if batch.factors is not None else 0
        return sum(max(1, self._count(column)) for column in range(columns))


def _words(logits: Tensor, told: Tensor) -> Tensor:
    """Cross-entropy over items whose word is known (not -1)."""
    known = (told >= 0).sum().clamp(min=1)
    return F.cross_entropy(logits, told, ignore_index=-1, reduction="sum") / known


def _number(answer: Tensor, told: Tensor) -> Tensor:
    """Squared error over items whose number is known (not NaN)."""
    known = torch.isfinite(told)
    return torch.where(known, answer - told.nan_to_num(), 0).square().sum() / known.sum().clamp(min=1)
