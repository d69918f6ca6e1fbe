"""A loss that stops being a number costs the way back to the last good checkpoint, not the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from imaginable.core.errors import RunFailed
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Method, Phase, Trained
from imaginable.training import checkpoint
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.train import Report, train

FAULTS: list[int] = []
"""steps at which a loss still goes wrong, each once; refilled by the tests"""


class Networks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.guess = nn.Linear(2, 2)


@final
@dataclass(frozen=True)
class Fragile(Method[Networks]):
    """Learns points by heart, and breaks when told to."""

    paper = "nobody 2024"
    consumes = frozenset({"points"})
    averaged = ("guess",)

    only_gradient: bool = False
    """the loss stays a number, its gradient does not"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Networks:
        return Networks()

    def optimizers(self) -> dict[str, Optimizer]:
        return {"guess": Adam(1e-2)}

    def phases(self) -> tuple[Phase[Networks], ...]:
        return (Phase("guess", self.loss),)

    def loss(self, nets: Networks, batch: Batch, progress: Progress) -> Loss:
        total: Tensor = (nets.guess(batch.x + 0.1 * torch.randn_like(batch.x)) - batch.x).square().mean()
        if progress.step in FAULTS:
            FAULTS.remove(progress.step)
            total = total + (0 * total).sqrt() if self.only_gradient else total * torch.nan
        return Loss(total, error=total)


Play = Callable[..., tuple[list[Report], Run]]


@pytest.fixture
def play(tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path) -> Play:
    """Trains eight steps with faults at these steps; checkpoints after every second one."""

    def played(faults: list[int], only_gradient: bool = False, **training: Any) -> tuple[list[Report], Run]:
        FAULTS[:] = faults
        job = tiny_job(Fragile, tmp_path / "run", **training)
        job = Job(Fragile(only_gradient), job.data, job.training, job.run)
        return list(train(job, dataset=tiny_dataset("points"))), Run(job.folder)

    return played


def saved(run: Run) -> dict[str, Any]:
    return dict(checkpoint.load(run.checkpoint, pytest.fail)["state"])


def test_one_bad_step_goes_back_to_the_last_checkpoint_says_so_and_finishes(play: Play) -> None:
    reports, run = play([5])
    (health,) = [report.health for report in reports if report.health]
    assert "the losses of the guess were no numbers at image 40: back to image 32, attempt 2" in health
    assert [report.seen for report in reports] == [8, 16, 24, 32, 40, 40, 48, 56, 64]
    assert saved(run)["attempt"] == 1
    assert saved(run)["optimizers"]["guess"]["param_groups"][0]["lr"] == pytest.approx(0.5e-2)


def test_the_log_keeps_one_line_per_step_and_what_happened(play: Play) -> None:
    _, run = play([5])
    seen = [line["seen"] for line in run.lines()]
    assert seen == [8, 16, 24, 32, 40, 48, 56, 64]
    assert sum("health" in line for line in run.lines()) == 1


def test_another_attempt_has_other_draws(play: Play) -> None:
    reports, _ = play([5])
    first, second = [report.terms["error"] for report in reports if report.seen == 40]
    assert first != second


def test_before_the_first_checkpoint_it_begins_again(play: Play) -> None:
    reports, run = play([1])
    assert "back to image 0" in next(report.health for report in reports if report.health)
    assert reports[-1].seen == 64
    assert saved(run)["attempt"] == 1


def test_three_bad_steps_are_survived(play: Play) -> None:
    reports, run = play([3, 5, 6])
    assert reports[-1].seen == 64
    assert saved(run)["attempt"] == 3
    assert saved(run)["optimizers"]["guess"]["param_groups"][0]["lr"] == pytest.approx(1e-2 / 8)


def test_always_bad_fails_with_advice_and_keeps_the_checkpoint(play: Play, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="image 40, 3 attempts at lower rates included; try"):
        play([5] * 10)
    assert saved(Run(tmp_path / "run"))["seen"] == 32


@pytest.mark.parametrize("step", [3, 7])
def test_weights_that_are_no_numbers_are_never_saved(step: int, play: Play) -> None:
    """A step whose loss is a number and whose gradient is not spoils the weights just before a checkpoint."""
    reports, run = play([step], only_gradient=True)
    assert reports[-1].seen == 64
    weights = safetensors.torch.load_file(run.model / "model.safetensors")
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())
    assert all(bool(torch.isfinite(value).all()) for value in saved(run)["networks"].values())
    assert any(report.health for report in reports)


def test_stopping_right_after_such_a_step_keeps_the_last_good_checkpoint(
    tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path
) -> None:
    FAULTS[:] = [4]
    job = tiny_job(Fragile, tmp_path / "run")
    job = Job(Fragile(only_gradient=True), job.data, job.training, job.run)
    stream = train(job, dataset=tiny_dataset("points"))
    next(report for report in stream if report.seen == 40)
    stream.close()
    assert all(bool(torch.isfinite(value).all()) for value in saved(Run(job.folder))["networks"].values())
