"""What every method with an `augment` field promises; a new one is tested here without a line more."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imaginable import methods
from imaginable.core.types import Batch, Progress
from imaginable.data.dataset import Dataset
from imaginable.methods._adversarial import Adversaries
from imaginable.methods._method import Method, Phase, find
from imaginable.nn.augment import Augment
from imaginable.training import checkpoint
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.restore import begin_from
from imaginable.training.run import Run
from imaginable.training.state import State
from imaginable.training.train import train

NAMES = [name for name in methods.names() if "augment" in {field.name for field in dataclasses.fields(find(name))}]
every_method = pytest.mark.parametrize("name", NAMES)
END = Progress(64, 64, 0)
"""where also networks that grow see pictures as large as the data's"""

BuildJob = Callable[..., Job[Any]]


@pytest.fixture
def build(tiny_job: Callable[..., Job[Any]], tmp_path: Path) -> BuildJob:
    """A job of the method with that augmentation."""

    def built(name: str, mode: str, folder: str = "run", **training: Any) -> Job[Any]:
        job = tiny_job(find(name), tmp_path / folder, **training)
        return dataclasses.replace(job, method=dataclasses.replace(job.method, augment=mode))

    return built


@pytest.fixture
def dataset(tiny_dataset: Callable[[str], Dataset]) -> Dataset:
    return tiny_dataset("images")


def started(job: Job[Any], dataset: Dataset, strength: float) -> tuple[State, Feed]:
    """A state whose adaptive augmentation is as strong as that, and about to go on."""
    state = State(job, dataset.spec)
    augment = augmentation(state)
    augment.strength.fill_(strength)
    augment.gaps.fill_(1.0)
    return state, Feed(dataset, job.training.batch, job.training.seed, flip=False)


def augmentation(state: State) -> Augment:
    assert isinstance(state.networks, Adversaries)
    return state.networks.augment


def tensors(state: State) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in state.networks.state_dict().items()}


def test_dcgan_is_among_them() -> None:
    assert "dcgan" in NAMES


@every_method
def test_by_default_nothing_is_changed(name: str) -> None:
    method: Method[Any] = find(name)()
    assert method.augment == "none"  # type: ignore[attr-defined]


@every_method
def test_a_run_may_begin_with_the_weights_of_one_that_was_augmented(
    name: str, build: BuildJob, dataset: Dataset, tmp_path: Path
) -> None:
    """And is not itself; the discriminator is taken over, too."""
    list(train(build(name, "adaptive", "augmented"), dataset=dataset))
    plain = dataclasses.replace(build(name, "none", "plain"), start_from=str(tmp_path / "augmented"))
    state = State(plain, dataset.spec)
    begin_from(state)
    saved = checkpoint.load(Run(plain.start_from).checkpoint, pytest.fail)["state"]["networks"]
    own = {key: value for key, value in tensors(state).items() if key.startswith("discriminator")}
    assert own
    assert all(torch.equal(value, saved[key]) for key, value in own.items())


@every_method
def test_the_strength_moves_with_the_discriminator_and_nothing_else_does(
    name: str, build: BuildJob, dataset: Dataset
) -> None:
    state, feed = started(build(name, "adaptive"), dataset, 0.5)
    was, moved, player = tensors(state), dict[str, set[str]](), "generator"  # it makes the fakes first

    def end_turn(following: str) -> None:
        nonlocal was, player
        now = tensors(state)
        moved.setdefault(player, set()).update(key for key in now if not torch.equal(now[key], was[key]))
        was, player = now, following

    def watched(phase: Phase[Any]) -> Phase[Any]:
        def loss(*arguments: Any) -> Any:
            end_turn(phase.player)
            return phase.loss(*arguments)

        return dataclasses.replace(phase, loss=loss)

    state.phases = tuple(watched(phase) for phase in state.phases)
    state.cycle(feed, 64)
    end_turn("")
    own = {"discriminator": {"discriminator", "augment"}, "generator": {"generator", "length"}}  # StyleGAN2's paths'
    for who, keys in moved.items():
        assert {key.split(".")[0] for key in keys} <= own[who]
    assert "augment.strength" in moved["discriminator"]


@every_method
def test_the_strength_moves_by_the_images_judged_and_is_logged(
    name: str, build: BuildJob, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imaginable.nn.augment.TARGET", -math.inf)  # up, whatever the discriminator says
    state, feed = started(build(name, "adaptive"), dataset, 0.5)
    augment = augmentation(state)
    total = 1_000_000
    moved = 8 / augment.pace(total)
    turns = next(phase.repeat for phase in state.phases if phase.player == "discriminator")
    terms = state.cycle(feed, total)
    assert float(augment.strength) == pytest.approx(0.5 + turns * moved, abs=moved / 100)
    assert float(terms["strength"]) == pytest.approx(0.5 + (turns - 1) / 2 * moved, abs=moved / 100)
    assert not augment.newest.any()


@every_method
def test_held_out_items_are_judged_changed_and_leave_no_trace_but_what_is_noted(
    name: str, build: BuildJob, dataset: Dataset
) -> None:
    other = dataset.batch(dataset.held_out[:8])
    ends, gradients, counts = [], [], []
    for shown in ({}, {"held_out": other.x, "held_out_label": other.label}):
        state, _ = started(build(name, "adaptive"), dataset, 0.8)  # the same one each time
        nets, phase = state.networks, next(phase for phase in state.phases if phase.player == "discriminator")
        assert isinstance(nets, Adversaries)
        state.players.free_only("discriminator")
        seen: list[Tensor] = []
        nets.discriminator.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0].detach()))
        batch = dataset.batch(dataset.train[:8])
        torch.manual_seed(0)
        batch = dataclasses.replace(batch, drawn=torch.randn(batch.x.shape), **shown)
        loss = phase.loss(nets, batch, END).total
        found = torch.autograd.grad(loss, list(nets.discriminator.parameters()), allow_unused=True)
        gradients.append([gradient for gradient in found if gradient is not None])
        assert (nets.augment.newest[:, 1] == (8 if shown else 0)).all()
        counts.append(len(seen))
        ends.append(tensors(state))
    assert counts[1] == counts[0] + 1
    assert all(nearest(one, other.x) > 1e-3 for one in seen[-1])
    assert gradients[0]
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items() if key != "augment.newest")


@every_method
@pytest.mark.parametrize("mode", ["diff", "adaptive"])
def test_real_and_made_items_are_changed_before_they_are_judged(
    name: str, mode: str, build: BuildJob, dataset: Dataset
) -> None:
    """The discriminator never sees an item of the data, nor what was drawn, as it is."""
    job = build(name, mode)
    state = State(job, dataset.spec)
    if mode == "adaptive":
        augmentation(state).strength.fill_(0.8)
    nets, batch = state.networks, Feed(dataset, 8, 0, flip=False).batch(0)
    assert isinstance(nets, Adversaries)
    drawing = next((phase.draw for phase in state.phases if phase.draw), None)
    torch.manual_seed(0)
    if drawing:  # other methods make what they judge in the loss itself
        batch = dataclasses.replace(batch, drawn=drawing(nets, batch, END).detach())
    seen: list[Tensor] = []
    nets.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    for phase in state.phases:
        state.players.free_only(phase.player)
        seen.clear()
        loss = phase.loss(nets, batch, END)
        assert seen or "length" in loss.terms, "judged, but for penalties of the generator alone"
        for x in seen:
            assert all(nearest(one, known_items(batch)) > 1e-3 for one in x)


def known_items(batch: Batch) -> Tensor:
    return batch.x if batch.drawn is None else torch.cat([batch.x, batch.drawn])


def nearest(one: Tensor, known: Tensor) -> float:
    return float((known - one).abs().amax((1, 2, 3)).min())


@every_method
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resumed_is_uninterrupted_strength_included(
    name: str, precision: str, build: BuildJob, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a strength that rises at every step, and so fast that pictures are changed."""
    monkeypatch.setattr("imaginable.nn.augment.TARGET", -math.inf)
    monkeypatch.setattr("imaginable.nn.augment._FASTEST", 3.0)  # 192 images from 0 to 1: eight are 0.04
    whole, killed = (build(name, "adaptive", folder, precision=precision) for folder in ("whole", "killed"))
    for report in train(whole, dataset=dataset):
        if report.seen >= 40 and not Path(killed.run).exists():  # what a kill would leave
            shutil.copytree(whole.run, killed.run)
    list(train(killed, resume=True, dataset=dataset))
    one, two = (
        checkpoint.load(Run(job.folder).checkpoint, pytest.fail)["state"]["networks"] for job in (whole, killed)
    )
    assert one["augment.strength"] > 0.2
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert torch.equal(value, two[key]), key
    strengths = [[json.loads(line)["strength"] for line in lines(job)] for job in (whole, killed)]
    assert strengths[0] == strengths[1]
    assert strengths[0] == sorted(strengths[0])


def lines(job: Job[Any]) -> list[str]:
    return (Path(job.run) / "log.jsonl").read_text(encoding="utf-8").splitlines()
