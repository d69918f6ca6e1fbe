"""The reader of labels and factors: its loss in closed form, what it counts, and that what it reads is right."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imaginable.apps import _reading
from imaginable.apps._reading import everything_known, reader_of
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.methods._reader import Reader, ReaderNetworks


def of(answers: Tensor, words: tuple[int, ...], **told: Tensor) -> Loss:
    """The loss of a network that answers with what it is given."""
    nets = ReaderNetworks(nn.Identity())  # type: ignore[arg-type]
    return Reader(words=words).loss(nets, Batch(answers, **told), Progress(0, 100, 0))


def test_numbers_cost_their_squared_error_and_words_their_log_probability() -> None:
    answers = torch.tensor([[1.0, 0.0, math.log(3)], [3.0, math.log(4), 0.0]])
    factors = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    words = -(math.log(3 / 4) + math.log(4 / 5)) / 2
    assert of(answers, (0, 2), factors=factors).total.item() == pytest.approx(((1 + 4) / 2 + words) / 2)
    label = torch.tensor([1, 0])
    assert of(answers[:, 1:], (), label=label).total.item() == pytest.approx(words)


def test_what_is_unknown_counts_for_nothing() -> None:
    answers = torch.tensor([[1.0, 0.0, 2.0], [9.0, 7.0, -7.0]]).requires_grad_()
    factors = torch.tensor([[0.0, 1.0], [math.nan, math.nan]])
    found = of(answers, (0, 2), factors=factors)
    found.total.backward()
    assert answers.grad is not None
    assert answers.grad[0].all()
    assert not answers.grad[1].any()
    assert found.total.item() == pytest.approx((1 + math.log1p(math.exp(-2))) / 2)


def test_its_answers_are_counted_by_classes_numbers_and_words() -> None:
    spec = DataSpec("images", (3, 32, 32), classes=("a", "b"), factors=("height", "eyes", "tail"))
    assert Reader(words=(0, 5, 0)).sizes_of(spec) == [2, 1, 5, 1]
    assert Reader().sizes_of(DataSpec("images", (3, 32, 32), factors=("height",))) == [1]


def test_it_reads_what_it_was_taught_in_the_data_s_own_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reading, "SHORTEST", 3_000)
    monkeypatch.setattr(_reading, "LONGEST", 3_000)
    options = DataOptions("sneakers", size=32, limit=500)
    dataset = prepare(options)
    said: list[str] = []
    read = reader_of(options, dataset, said.append).read(dataset.items[dataset.held_out])
    known = {one.name: one.values[dataset.held_out] for one in everything_known(dataset)}
    assert read.keys() == known.keys()
    light, height = ("lightness", "collar_height")
    for name in (light, height):
        assert np.corrcoef(read[name], known[name])[0, 1] > 0.8
        assert abs(read[name].mean() - known[name].mean()) < 0.5 * known[name].std()
    before = len(said)
    reader_of(options, dataset, said.append)
    assert len(said) == before, "trained once"
