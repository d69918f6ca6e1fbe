"""What a run does about a lost generator or an exploding step, and which snapshot it keeps: with a generator whose
samples are what the test wants them to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imaginable import model as models
from imaginable.core.errors import RunFailed, UserError
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.data import toys
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods.gan import Gan
from imaginable.methods.vae import Vae
from imaginable.training import best, checkpoint, health
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.train import Report, train

TinyDataset = Callable[[str], Dataset]
TinyJob = Callable[..., Job[Any]]


def ring(n: int, seed: int) -> np.ndarray:
    return toys.ring(n, seed=seed)[0].astype(np.float64)


SPREAD: list[float] = []
"""how far the puppet's samples reach from its next steps on, one a step; empty: as far as real items"""
KICKS: list[tuple[int, float]] = []
"""steps, and what their loss is multiplied with; each once"""


class Strings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(2, 2)
        nn.init.eye_(self.generator.weight)
        nn.init.zeros_(self.generator.bias)


@final
@dataclass(frozen=True)
class Puppet(Method[Strings]):
    """Its samples are what the test wants them to be; its discriminator has no opinion."""

    paper = "nobody 2024"
    consumes = frozenset({"points"})
    averaged = ("generator",)

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Strings:
        return Strings()

    def optimizers(self) -> dict[str, Optimizer]:
        return {"generator": Adam(0.0)}

    def phases(self) -> tuple[Phase[Strings], ...]:
        return (Phase("generator", self.loss, after=self.pull),)

    def loss(self, nets: Strings, batch: Batch, progress: Progress) -> Loss:
        factor = 1.0
        if KICKS and KICKS[0][0] == progress.step:
            factor = KICKS.pop(0)[1]
        return Loss(factor * nets.generator(batch.x).square().mean())

    def pull(self, nets: Strings, batch: Batch, progress: Progress) -> None:
        nets.generator.weight.copy_(torch.eye(2) * (SPREAD.pop(0) if SPREAD else 1.0))

    def judge(self, nets: Strings, x: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.zeros(len(x))

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (2,)

    def prior(
        self, nets: Strings, n: int, spec: DataSpec, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        return torch.from_numpy(2 * ring(n, int(torch.randint(9, (), generator=generator)))).float()

    def decode(
        self, nets: Strings, z: Tensor, label: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        x: Tensor = nets.generator(z)
        return x


@pytest.fixture
def play(tiny_dataset: TinyDataset, tmp_path: Path) -> Callable[..., tuple[list[Report], Run]]:
    """Ten snapshots, of ten steps each; the spread of the samples in each of them, and kicks at steps."""

    def played(
        spread: list[float] | None = None, kicks: list[tuple[int, float]] | None = None, **training: Any
    ) -> tuple[list[Report], Run]:
        SPREAD[:] = [one for one in spread or () for _ in range(10)]
        KICKS[:] = kicks or []
        fields = {"images": 800, "snapshot_every": 80, "checkpoint_every": 40, "half_life": 1, **training}
        options = Training(batch=8, precision="float32", device="cpu", **fields)
        job = Job(Puppet(), DataOptions("memory"), options, str(tmp_path / "run"))
        return list(train(job, dataset=tiny_dataset("points"))), Run(job.folder)

    return played


COLLAPSES = [1.0, 1.0, 1.0, 0.01, 0.01, 0.01]


def said(reports: list[Report]) -> dict[int, str]:
    return {report.seen: report.health for report in reports if report.health}


def called(run: Run) -> dict[int, str]:
    return {seen: diagnosis.names for seen, diagnosis in health.history(run.lines())}


def test_a_sound_run_is_called_healthy_from_a_tenth_of_it_on(play: Any) -> None:
    reports, run = play()
    assert list(said(reports)) == [80]
    assert said(reports)[80].startswith("healthy: diversity 1.")
    assert set(called(run).values()) == {"healthy"}
    assert not run.sound.exists()


def test_a_collapse_is_called_within_two_snapshots_and_with_where_it_began(play: Any) -> None:
    reports, run = play(COLLAPSES)
    assert list(said(reports)) == [80, 400, 560], "the sound ones, the second collapsed one, the recovery"
    assert "since image 320" in said(reports)[400]
    assert called(run)[320] == "healthy"
    assert called(run)[480] == "collapsed"


def test_before_a_tenth_of_the_run_nothing_is_called(play: Any) -> None:
    _, run = play([0.01] * 3, snapshot_every=16)
    assert [called(run)[seen] for seen in (16, 32, 48, 64, 80)] == ["", "", "", "", "collapsed"]


def test_on_collapse_rollback_goes_back_to_the_last_sound_snapshot(play: Any) -> None:
    reports, run = play(COLLAPSES[:5], on_collapse="rollback")
    said_of_it = said(reports)
    (rolled,) = [line for line in said_of_it.values() if "back to image" in line]
    assert "the generator was lost (collapsed: " in rolled
    assert "at image 400: back to image 240, attempt 2, half the learning rate" in rolled
    assert set(called(run).values()) == {"healthy"}, "the log tells of the attempt that counts"
    state = checkpoint.load(run.checkpoint, pytest.fail)["state"]
    assert (state["attempt"], state["seen"]) == (1, 800)
    assert [one["seen"] for one in state["games"]] == list(range(80, 880, 80))


def test_a_collapse_that_comes_back_every_time_fails_after_three_attempts(play: Any) -> None:
    with pytest.raises(RunFailed, match=r"the generator was lost .* 3 attempts at lower rates included"):
        play([1.0, *[0.01] * 100], on_collapse="rollback")


def test_on_collapse_stop_saves_and_stops(play: Any, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"collapsed: .* --on-collapse stop"):
        play(COLLAPSES, on_collapse="stop", checkpoint_every=800)
    run = Run(tmp_path / "run")
    assert checkpoint.load(run.checkpoint, pytest.fail)["seen"] == 400
    assert run.lines()[-1]["vitals"]["findings"][0]["name"] == "collapsed"


def test_a_run_that_is_at_its_end_has_nothing_to_stop(play: Any) -> None:
    reports, run = play([1.0] * 8 + [0.01] * 2, on_collapse="stop")
    assert reports[-1].seen == 800
    assert called(run)[800] == "collapsed"


def test_on_collapse_is_refused_where_no_game_is_watched(tiny_job: TinyJob, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--on-collapse stop: vae has no game"):
        tiny_job(Vae, tmp_path, on_collapse="stop").check()


@pytest.mark.parametrize("factor", [1e6, 1e16])
def test_an_exploding_step_is_rolled_back_before_it_is_taken(factor: float, play: Any) -> None:
    reports, run = play(kicks=[(72, factor)])
    (line,) = [line for line in said(reports).values() if "back to image" in line]
    assert "attempt 2" in line
    assert "at image 576: back to image 560" in line
    assert ("the generator exploded (gradient norm" if factor < 1e15 else "beyond any sense (") in line
    assert checkpoint.load(run.checkpoint, pytest.fail)["state"]["attempt"] == 1
    assert reports[-1].seen == 800


def test_a_step_a_hundred_times_as_large_is_left_alone(play: Any) -> None:
    reports, _ = play(kicks=[(72, 100.0)])
    assert not any("back to image" in line for line in said(reports).values())


def test_the_best_snapshot_is_kept_beside_the_last(play: Any) -> None:
    _, run = play([0.5, 0.8, 1.0, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    (_, last), *_ = reversed(health.history(run.lines()))
    line = best.said(run, last.numbers["game"])
    assert line.startswith("the snapshot at image 240 was better than the last (kernel distance ")
    assert line.endswith(f"imaginable sample {run.best}")
    kept, shared = models.load(run.best, Puppet), models.load(run.folder, Puppet)
    assert kept.about["images_seen"] == 240
    assert float(kept.decode_tensor(torch.ones(1, 2))[0, 0]) == pytest.approx(1.0, abs=0.05)
    assert float(shared.decode_tensor(torch.ones(1, 2))[0, 0]) == pytest.approx(0.1, abs=0.05)


def test_where_last_and_best_may_be_equal_nothing_is_said_of_it(play: Any) -> None:
    _, run = play()
    (_, last), *_ = reversed(health.history(run.lines()))
    assert best.said(run, last.numbers["game"]) == ""


def test_goes_on_as_if_never_interrupted_with_its_history(
    tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    dataset = tiny_dataset("points")
    whole, parts = (tiny_job(Gan, tmp_path / name, snapshot_every=8) for name in ("whole", "parts"))
    list(train(whole, dataset=dataset))
    stream = train(parts, dataset=dataset)
    next(report for report in stream if report.seen == 24)
    stream.close()
    saved = checkpoint.load(Run(parts.folder).checkpoint, pytest.fail)["state"]
    assert [one["seen"] for one in saved["games"]] == [8, 16, 24]
    list(train(parts, resume=True, dataset=dataset))
    expected, found = (checkpoint.load(Run(job.folder).checkpoint, pytest.fail)["state"] for job in (whole, parts))
    assert found["games"] == expected["games"]
    assert len(found["games"]) == 8
    assert found["norms"] == expected["norms"]
    ends = [(Run(job.folder).best / "model.safetensors").read_bytes() for job in (whole, parts)]
    assert ends[0] == ends[1]
