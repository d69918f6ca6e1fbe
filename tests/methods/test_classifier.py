"""The classifier that features come from: its loss in closed form, what it counts, and that it learns."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.methods import names
from imaginable.methods._classifier import Classifier, ClassifierNetworks
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.train import train


def of(logits: Tensor, labels: list[int]) -> Loss:
    """The loss of a network that answers with what it is given."""
    nets = ClassifierNetworks(nn.Identity())  # type: ignore[arg-type]
    return Classifier().loss(nets, Batch(logits, label=torch.tensor(labels)), Progress(0, 100, 0))


LOGITS = torch.tensor([[0.0, math.log(3)], [math.log(4), 0.0], [0.0, 0.0]])


def test_the_loss_is_minus_the_log_of_the_right_classs_probability() -> None:
    found = of(LOGITS, [1, 1, 0])  # probabilities 3/4, 1/5 and 1/2
    assert found.total.item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 5) + math.log(1 / 2)) / 3)
    assert found.terms["right"].item() == pytest.approx(2 / 3)
    assert found.terms["loss"].item() == pytest.approx(found.total.item())


def test_unknown_classes_count_for_nothing() -> None:
    known, mixed = of(LOGITS[:2], [1, 1]), of(LOGITS, [1, 1, -1])
    assert mixed.total.item() == pytest.approx(known.total.item())
    assert mixed.terms["right"].item() == pytest.approx(1 / 2)
    logits = LOGITS.clone().requires_grad_()
    of(logits, [1, 1, -1]).total.backward()
    assert logits.grad is not None
    assert not logits.grad[2].any()
    assert logits.grad[:2].all()


def test_a_batch_of_unknown_classes_teaches_nothing_and_does_no_harm() -> None:
    logits = LOGITS.clone().requires_grad_()
    found = of(logits, [-1, -1, -1])
    found.total.backward()
    assert found.total.item() == 0.0
    assert found.terms["right"].item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_data_without_classes_and_points_are_refused() -> None:
    with pytest.raises(UserError, match="needs classes: put the pictures into one folder per class"):
        Classifier().check(DataSpec("images", (1, 16, 16)))
    with pytest.raises(UserError, match="takes images"):
        Classifier().check(DataSpec("points", (2,), classes=("a", "b")))


def test_it_is_not_offered_as_a_generative_model() -> None:
    assert not [name for name in names() if "classifier" in name]


def test_it_learns_digits(tmp_path: Path) -> None:
    options = DataOptions("digits", size=16)
    training = Training(images=5_000, batch=100, precision="float32", device="cpu", snapshot_every=5_000)
    dataset = prepare(options)
    run = tmp_path / "run"
    for _ in train(Job(Classifier(width=8), options, training, str(run)), dataset=dataset):
        pass
    last = Run(run).lines()[-1]
    assert last["right"] > 0.8, "of ten classes"
