"""The order of the data, averages, checkpoints, micro-batches and rolling back."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from torch import nn

from conftest import small_dataset
from imaginable.core.errors import RunFailed, UserError
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained, find
from imaginable.training import checkpoint
from imaginable.training.average import Averages
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.state import State
from imaginable.training.train import train

Maker = Callable[..., Job[Any]]


def test_every_epoch_shows_every_item_once_in_an_order_of_its_own() -> None:
    dataset = small_dataset("points")
    count = len(dataset.train)
    feed = Feed(dataset, 16, 3, False)
    seen = torch.cat([feed.batch(start).x for start in range(0, 5 * count, 16)])[: 2 * count]
    epochs = seen[:count], seen[count:]
    for epoch in epochs:
        assert torch.equal(epoch.unique(dim=0), torch.from_numpy(dataset.items[dataset.train]).unique(dim=0))
    assert not torch.equal(*epochs)


def test_a_batch_depends_on_its_position_and_the_seed_only() -> None:
    dataset = small_dataset("points")
    walked = Feed(dataset, 16, 3, False)
    for start in range(0, 400, 16):
        last = walked.batch(start)
    assert torch.equal(Feed(dataset, 16, 3, False).batch(384).x, last.x)
    assert not torch.equal(Feed(dataset, 16, 4, False).batch(384).x, last.x)


def test_a_batch_may_be_larger_than_the_data() -> None:
    dataset = small_dataset("images")
    assert len(Feed(dataset, 100, 0, False).batch(70)) == 100


def test_flipping_mirrors_about_half() -> None:
    dataset = small_dataset("images")
    plain, flipped = (Feed(dataset, 40, 0, flip).batch(0).x for flip in (False, True))
    same = [bool(torch.equal(a, b)) for a, b in zip(plain, flipped, strict=True)]
    mirrored = [bool(torch.equal(a.flip(-1), b)) for a, b in zip(plain, flipped, strict=True)]
    assert all(a or b for a, b in zip(same, mirrored, strict=True))
    assert 8 < sum(same) < 32


def test_averages_follow_their_half_life_and_copy_buffers() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2))
    averages = Averages(network, ["0"], half_life=100)
    layer: Any = network[0]
    averaged: Any = averages.networks.get_submodule("0")
    with torch.no_grad():
        layer.weight.fill_(3.0)  # from 1
        layer.running_mean.fill_(7.0)
    averages.update(seen=1_000_000, images=100)
    assert torch.allclose(averaged.weight, torch.full((2,), 2.0))
    assert torch.equal(averaged.running_mean, layer.running_mean)
    averages.update(seen=1000, images=50)  # young: at most a twentieth of what was seen, 50 images
    assert torch.allclose(averaged.weight, torch.full((2,), 2.5))


def saved(path: Path, number: int) -> None:
    checkpoint.save(path, {"seen": number, "state": {"weight": torch.full((100,), float(number))}})


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path: Path) -> None:
    path, said = tmp_path / "checkpoint.pt", []
    saved(path, 1)
    saved(path, 2)
    assert checkpoint.load(path, said.append)["seen"] == 2
    assert not said
    damage(path)
    assert checkpoint.load(path, said.append)["seen"] == 1
    assert "damaged" in said[0]
    damage(checkpoint.previous(path))
    with pytest.raises(UserError, match="damaged"):
        checkpoint.load(path, said.append)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    saved(path, 1)
    monkeypatch.undo()
    with pytest.raises(UserError, match="version"):
        checkpoint.load(path, print)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    saved(path, 1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="disk is full"):
        saved(path, 2)
    monkeypatch.undo()
    assert checkpoint.load(path, print)["seen"] == 1
    assert not list(tmp_path.glob(".*"))


def test_another_setup_is_told_and_goes_on_only_when_asked(job_of: Maker) -> None:
    dataset, job = small_dataset("points"), job_of(find("gan"), images=160)
    reports = train(job, dataset=dataset)
    next(reports)
    reports.close()
    path = Run(job.folder).checkpoint
    state = checkpoint.load(path, print)
    state["environment"]["torch"] = "1.0"
    checkpoint.save(path, {key: value for key, value in state.items() if key != "format"})
    with pytest.raises(UserError, match=r"torch was 1\.0.*--inexact"):
        next(train(job, resume=True, dataset=dataset))
    assert list(train(job, resume=True, inexact=True, dataset=dataset))[-1].seen == 160


def test_micro_batches_have_the_gradient_of_the_whole(job_of: Maker) -> None:
    gradients = []
    for micro_batch in (None, 2):
        dataset = small_dataset("images")
        state = State(job_of(find("autoencoder"), micro_batch=micro_batch), dataset.spec)
        state.cycle(Feed(dataset, 8, 0, False), 1000)
        gradients.append([parameter.grad for parameter in state.networks.parameters()])
    largest = max(float(gradient.abs().max()) for gradient in gradients[0])
    for whole, parts in zip(*gradients, strict=True):
        assert float((whole - parts).abs().max()) < 1e-5 * largest


def test_micro_batches_serve_methods_that_draw(job_of: Maker) -> None:
    dataset = small_dataset("points")
    state = State(job_of(find("gan"), micro_batch=4), dataset.spec)
    before = {player: next(iter(state.networks.get_submodule(player).parameters())).clone() for player in state.rules}
    state.cycle(Feed(dataset, 8, 0, False), 1000)
    for player, was in before.items():
        assert not torch.equal(next(iter(state.networks.get_submodule(player).parameters())), was)


class Number(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.player = nn.Linear(2, 1)


@final
@dataclass(frozen=True)
class Fragile(Method[Number]):
    """Its loss is no number at one step of every attempt below `heals_at`."""

    paper = "none, 2026"
    consumes = frozenset({"points"})
    averaged = ("player",)
    heals_at: int = 1
    seen_attempts = [0]  # noqa: RUF012

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Number:
        return Number()

    def optimizers(self) -> dict[str, Optimizer]:
        return {"player": Adam(1e-3)}

    def phases(self) -> tuple[Phase[Number], ...]:
        return (Phase("player", self.loss),)

    def loss(self, nets: Number, batch: Batch, progress: Progress) -> Loss:
        total = nets.player(batch.x).square().mean()
        if progress.step == 5 and self.seen_attempts[0] < self.heals_at:
            self.seen_attempts[0] += 1
            return Loss(total * torch.nan)
        return Loss(total, size=total)


def test_a_run_that_stops_being_a_number_is_rolled_back_at_half_the_rate(job_of: Maker) -> None:
    Fragile.seen_attempts[0] = 0
    job = job_of(Fragile, images=160, checkpoint_every=16)
    reports = list(train(job, dataset=small_dataset("points")))
    assert reports[-1].seen == 160
    announced = [report.health for report in reports if report.health]
    assert len(announced) == 1
    assert "not a number" in announced[0]
    state = checkpoint.load(Run(job.folder).checkpoint, print)["state"]
    assert state["attempt"] == 1
    assert state["optimizers"]["player"]["param_groups"][0]["lr"] == pytest.approx(5e-4)
    assert any("health" in line for line in Run(job.folder).lines())


def test_a_run_that_never_heals_fails_after_three_attempts(job_of: Maker) -> None:
    Fragile.seen_attempts[0] = 0
    job = job_of(Fragile, images=160)
    job = replace(job, method=Fragile(heals_at=99))
    with pytest.raises(RunFailed, match="3 attempts"):
        list(train(job, dataset=small_dataset("points")))
    assert Fragile.seen_attempts[0] == 4


def test_snapshots_show_the_same_latents_through_time(job_of: Maker) -> None:
    job = job_of(find("gan"), snapshot_every=16)
    job = replace(job, method=replace(job.method, lr=0.0))
    list(train(job, dataset=small_dataset("points")))
    sheets = Run(job.folder).sheets("samples")
    assert len(sheets) == 4
    from PIL import Image

    first, last = (np.asarray(Image.open(path)) for path in (sheets[0], sheets[-1]))
    assert np.array_equal(first, last)
