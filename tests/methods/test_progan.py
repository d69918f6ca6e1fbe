"""ProGAN: when it grows, what each player descends, which layers move when, and that a kill in a fade is harmless."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.data.dataset import Dataset
from imaginable.methods import _storage
from imaginable.methods._adversarial import Adversaries
from imaginable.methods._method import Trained
from imaginable.methods.progan import Progan
from imaginable.networks.progressive import ProgressiveDiscriminator
from imaginable.training import best, checkpoint, game_health
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.state import State
from imaginable.training.train import train

SPEC = DataSpec("images", (3, 32, 32))
SMALL = Progan(latents=8, width=4, most=16)
Maker = Callable[..., Job[Any]]
Data = Callable[[str], Dataset]


def built() -> Adversaries:
    torch.manual_seed(0)
    return SMALL.networks(SPEC, {})


# ---- when it grows


def test_every_doubling_has_an_equal_part_a_resolution_first_and_then_the_fade() -> None:
    method = Progan(growing=0.6, fade=0.5)
    fractions = [0.0, 0.1, 0.15, 0.2, 0.3, 0.35, 0.4, 0.5, 0.55, 0.6, 0.9, 1.0]
    levels = [method.level_at(fraction, 3) for fraction in fractions]
    assert levels == pytest.approx([0, 0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3, 3, 3])
    steps = [method.level_at(number / 1000, 3) for number in range(1001)]
    rises = [after - before for before, after in itertools.pairwise(steps)]
    assert min(rises) >= 0
    assert max(rises) < 0.0101, "a fade of 0.1 of the run: no jumps"


def test_growing_can_take_all_of_the_run_or_none_and_fades_can_be_left_out() -> None:
    assert Progan(growing=0.0).level_at(0.0, 4) == 4
    assert Progan(growing=1.0, fade=1.0).level_at(0.5, 3) == pytest.approx(1.5)
    assert {Progan(fade=0.0).level_at(number / 100, 3) for number in range(101)} == {0, 1, 2, 3}


def test_shares_beyond_all_and_none_are_refused() -> None:
    with pytest.raises(UserError, match=r"--growing 1\.5"):
        replace(SMALL, growing=1.5).networks(SPEC, {})
    with pytest.raises(UserError, match="--fade -1"):
        replace(SMALL, fade=-1).networks(SPEC, {})


# ---- what the players descend


def made_linear(discriminator: ProgressiveDiscriminator) -> ProgressiveDiscriminator:
    """Biases so large that no leaky ReLU bends anything, and blind for the others of a group."""
    with torch.no_grad():
        for name, parameter in discriminator.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(0.0 if name.startswith("logit") else 30.0)
            else:
                parameter.mul_(10.0 if name.startswith("logit") else 0.3)
        discriminator.last.weight[:, -1] = 0
        # the constant that the biases make goes off again
        discriminator.logit.bias -= discriminator(torch.zeros(1, 3, 4, 4))
    return discriminator


def test_the_critics_loss_is_that_of_the_paper() -> None:
    nets = built()
    assert isinstance(nets.discriminator, ProgressiveDiscriminator)
    critic = made_linear(nets.discriminator)
    x, made = torch.randn(4, 3, 32, 32), torch.randn(4, 3, 4, 4)
    small = x.unflatten(3, (4, 8)).unflatten(2, (4, 8)).mean((3, 5))
    with torch.no_grad():
        ends = critic(10 * torch.cat([torch.eye(48), torch.zeros(1, 48)]).view(49, 3, 4, 4))
        slope = float((ends[:-1] - ends[-1]).norm()) / 10  # of a linear map, wherever it is
        real, fake = critic(small).mean(), critic(made).mean()
        squares = critic(small).square().mean()
    assert slope > 0.1
    method = replace(SMALL, penalty=7.0, drift=0.3)
    loss = method.critic_loss(nets, Batch(x, drawn=made), Progress(0, 100, 0))
    expected = fake - real + 7 * (slope - 1) ** 2 + 0.3 * squares
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-3)
    assert loss.terms["penalty"].item() == pytest.approx((slope - 1) ** 2, rel=1e-3)
    generators = method.generator_loss(nets, Batch(x, drawn=made), Progress(0, 100, 0))
    assert generators.total.item() == pytest.approx(-fake.item(), rel=1e-5)


def test_the_penalty_is_a_second_derivative_in_a_fade_too() -> None:
    """Against differences of the loss along a random direction of the weights."""
    nets = built()
    now = Progress(11, 100, 0)
    assert SMALL.level_at(now.fraction, 3) % 1 > 0
    x, made = torch.rand(4, 3, 32, 32), torch.rand(4, 3, 8, 8)

    def penalty() -> Tensor:
        torch.manual_seed(1)
        method = replace(SMALL, drift=0.0, penalty=1000.0)  # beside it the rest is nothing
        return method.critic_loss(nets, Batch(x, drawn=made), now).total / 1000

    penalty().backward()
    moving = [parameter for parameter in nets.discriminator.parameters() if parameter.grad is not None]
    slope = sum(float(p.grad.square().sum()) for p in moving if p.grad is not None) ** 0.5
    values = []
    for step in (1e-3, -2e-3):  # forth, and back beyond where it was
        with torch.no_grad():
            for parameter in moving:
                assert parameter.grad is not None
                parameter += step * parameter.grad / slope
        values.append(float(penalty().detach()))
    assert (values[0] - values[1]) / 2e-3 == pytest.approx(slope, rel=0.02)


def test_the_papers_constants() -> None:
    method = Progan()
    assert (method.penalty, method.drift) == (10, 0.001)
    assert [(phase.player, phase.every, phase.repeat) for phase in method.phases()] == [
        ("discriminator", 1, 1),
        ("generator", 1, 1),
    ]
    for rule in method.optimizers().values():
        assert isinstance(rule, Adam)
        assert (rule.lr, rule.betas, rule.eps) == (1e-3, (0.0, 0.99), 1e-8)


# ---- at every level


@pytest.mark.parametrize("level", [0.0, 0.5, 2.0, 2.1, 3.0])
def test_made_items_and_judged_ones_have_the_datas_size(level: float) -> None:
    nets = built()
    for player in (nets.generator, nets.discriminator):
        player.get_buffer("level").fill_(level)
    x = SMALL.decode(nets, torch.randn(3, 8))
    assert x.shape == (3, 3, 32, 32)
    assert SMALL.judge(nets, x).shape == (3,)


@pytest.fixture
def state(tiny_job: Maker, tiny_dataset: Data, tmp_path: Path) -> tuple[State, Feed]:
    job = replace(tiny_job(Progan, tmp_path / "run"), method=SMALL)
    dataset = tiny_dataset("images")
    return State(job, dataset.spec), Feed(dataset, 8, 0, flip=False)


def test_layers_move_only_once_their_resolution_is_faded_in(state: tuple[State, Feed]) -> None:
    one, feed = state
    blocks = {
        (player, number): list(one.networks.get_submodule(f"{player}.blocks.{number}").parameters())
        for player in ("generator", "discriminator")
        for number in range(3)
    }
    before = {key: [value.detach().clone() for value in values] for key, values in blocks.items()}
    for fraction, active in ((0.0, 0), (0.05, 0), (0.09, 0), (0.11, 1), (0.25, 1), (0.31, 2), (0.49, 2), (0.51, 3)):
        one.seen = round(fraction * 10_000)
        for _ in range(2):
            one.cycle(feed, 10_000)
        for (player, number), values in blocks.items():
            moved = [not torch.equal(*pair) for pair in zip(values, before[player, number], strict=True)]
            assert all(moved) if number < active else not any(moved), (fraction, player, number)


def test_a_resolution_that_was_not_used_has_no_state_in_the_optimizer(state: tuple[State, Feed]) -> None:
    one, feed = state
    one.cycle(feed, 10_000)
    held = set(one.optimizers["generator"].state)
    names = {name for name, parameter in one.networks.named_parameters() if parameter in held}
    assert names
    assert not {name for name in names if ".blocks." in name}


def test_players_and_the_average_are_at_the_level_of_the_cycle(state: tuple[State, Feed]) -> None:
    one, feed = state
    one.seen = 1_500
    one.cycle(feed, 10_000)
    levels = [
        float(networks.get_buffer(name))
        for networks, name in (
            (one.networks, "generator.level"),
            (one.networks, "discriminator.level"),
            (one.averages.networks, "generator.level"),
        )
    ]
    assert levels == pytest.approx([SMALL.level_at(0.15, 3)] * 3)


# ---- diagnosis

GOOD = {"distance": 0.2, "diversity": 1.0, "coverage": 0.8}
FALLEN = {"distance": 0.3, "diversity": 0.15, "coverage": 0.1}


def snapshot(seen: int, **numbers: float) -> dict[str, Any]:
    return {"seen": seen, "non_finite": 0, "norms": {}, "distance_error": 0.01, "coverage_error": 0.01, **numbers}


@pytest.mark.parametrize(("fallen_at", "called"), [(530, []), (700, ["collapsed"])])
def test_what_was_smaller_is_not_compared_with_what_is_large(
    fallen_at: int, called: list[str], state: tuple[State, Feed]
) -> None:
    """At 32 pixels the last fade begins at half of the run."""
    one, _ = state
    one.job = replace(one.job, training=replace(one.job.training, images=1000))
    one.games = [snapshot(seen, **(GOOD if seen < fallen_at else FALLEN)) for seen in (400, 450, 530, 600, 700, 800)]
    assert one.grown == 500
    found = game_health.called([{**game, "told_apart": 0.9, "training": 8} for game in one.comparable])
    assert [finding.name for finding in found] == called
    one.games = [snapshot(450, **FALLEN | {"non_finite": 3})]
    assert [finding.name for finding in game_health.called(one.comparable)] == ["diverged"], "at any size"


def test_the_best_snapshot_is_one_of_full_size(state: tuple[State, Feed]) -> None:
    one, _ = state
    one.job = replace(one.job, training=replace(one.job.training, images=1000))
    run, trained = Run(one.job.folder), Trained(one.job.method, one.averages.networks, one.spec)
    kept = []
    for seen, distance in ((300, 0.1), (600, 0.9), (800, 0.5), (1000, 0.6)):
        one.games.append(snapshot(seen, distance=distance))
        best.keep(trained, run, {"images_seen": seen}, one)
        kept.append(_storage.about(run.best)["images_seen"])
    assert kept == [300, 600, 800, 800]


# ---- kills


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_that_is_killed_in_a_fade_ends_as_if_it_was_not(
    precision: str, tiny_job: Maker, tiny_dataset: Data, tmp_path: Path
) -> None:
    times = {"images": 96, "checkpoint_every": 32, "snapshot_every": 48, "precision": precision}
    method = replace(SMALL, growing=1.0)
    whole, killed = (replace(tiny_job(Progan, tmp_path / name, **times), method=method) for name in ("whole", "killed"))
    dataset = tiny_dataset("images")
    for report in train(whole, dataset=dataset):
        if report.seen == 40:  # what a kill would leave: its last checkpoint is at 32
            shutil.copytree(whole.run, killed.run)
    left = checkpoint.load(Run(killed.folder).checkpoint, pytest.fail)["state"]
    assert left["seen"] == 32
    assert 0.2 < float(left["networks"]["generator.level"]) % 1 < 0.8, "in the middle of a fade"
    assert list(train(killed, resume=True, dataset=dataset))[-1].seen == 96
    ends = [checkpoint.load(Run(job.folder).checkpoint, pytest.fail)["state"] for job in (whole, killed)]
    for part in ("networks", "averages"):
        assert ends[0][part].keys() == ends[1][part].keys()
        assert all(torch.equal(value, ends[1][part][name]) for name, value in ends[0][part].items())


def test_a_run_killed_by_the_system_in_a_fade_resumes_to_the_same_model(tmp_path: Path) -> None:
    def words(name: str) -> list[str]:
        settings = "--limit 60 --size 32 --images 1600 --batch 8 --checkpoint-every 80 --growing 1 --fade 1"
        networks = "--latents 8 --width 4 --most 8 --snapshot-every 1600"
        run = ["--run", str(tmp_path / name)]
        return [
            sys.executable,
            "-m",
            "imaginable",
            "train",
            "progan",
            "sneakers",
            *settings.split(),
            *networks.split(),
            *run,
        ]

    subprocess.run(words("whole"), check=True, capture_output=True)
    run = Run(tmp_path / "killed")
    with subprocess.Popen(words("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not run.checkpoint.exists() or len(log := run.lines()) < 20:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.02)
        process.kill()
    assert log[-1]["level"] % 1 > 0
    left = checkpoint.load(run.checkpoint, pytest.fail)["state"]
    assert 0 < left["seen"] < 1600
    assert float(left["networks"]["generator.level"]) % 1 > 0, "in the middle of a fade"
    subprocess.run([sys.executable, "-m", "imaginable", "resume", str(run.folder)], check=True, capture_output=True)
    digests = [
        hashlib.sha256((tmp_path / name / "model" / "model.safetensors").read_bytes()).hexdigest()
        for name in ("whole", "killed")
    ]
    assert digests[0] == digests[1]
