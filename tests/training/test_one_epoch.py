"""Methods that make pictures of pictures in the loop: one epoch is one epoch, and no step is at a rate of zero."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaginable.core.types import Batch
from imaginable.data.dataset import Dataset
from imaginable.methods import names
from imaginable.methods._method import find
from imaginable.training.job import Job
from imaginable.training.train import train

KINDS = {"pix2pix": "pairs", "cyclegan": "domains", "srgan": "images", "inpainting": "images"}


@pytest.mark.parametrize("name", KINDS)
def test_as_many_images_as_there_are_is_each_of_them_once(
    name: str,
    tiny_dataset: Callable[[str], Dataset],
    tiny_job: Callable[..., Job[Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset, read = tiny_dataset(KINDS[name]), Dataset.batch
    asked: list[int] = []

    def spied(self: Dataset, index: np.ndarray, *more: Any, **named: Any) -> Batch:
        asked.extend(index.tolist())
        return read(self, index, *more, **named)

    monkeypatch.setattr(Dataset, "batch", spied)
    count = len(dataset.train)
    last = list(train(tiny_job(find(name), tmp_path / "run", images=count), dataset=dataset))[-1]
    assert (last.seen, last.step) == (count, count // 8)
    trained = set(dataset.train.tolist())
    assert sorted(index for index in asked if index in trained) == sorted(trained)


@pytest.mark.parametrize("name", names())
def test_every_step_that_a_player_takes_is_of_some_length(name: str) -> None:
    method = find(name)()
    rules = method.optimizers()
    for phase in method.phases():
        fractions = [step / 1000 for step in range(1000) if phase.active(0, step / 1000)]
        assert fractions
        assert all(rules[phase.player].schedule.factor(fraction) > 0 for fraction in fractions)
