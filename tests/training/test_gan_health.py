"""What is said of a game of generator and discriminator: called where something is wrong, silent where nothing is."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaginable.cli import main
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import DataSpec
from imaginable.data import toys
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._method import Method
from imaginable.methods.gan import Gan
from imaginable.training import game_health, health
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.train import train

# ---- from numbers to findings

SOUND: dict[str, Any] = {
    "training": 256,
    "held_out": 256,
    "norms": {"generator": 1.0, "discriminator": 1.0},
    "non_finite": 0,
    "diversity": 0.95,
    "coverage": 0.8,
    "coverage_error": 0.025,
    "distance": 0.05,
    "distance_error": 0.02,
    "copies": 0.02,
    "copies_error": 0.01,
    "logit_training": 1.0,
    "logit_held_out": 0.9,
    "logit_fake": -1.0,
    "called_training": 0.75,
    "called_held_out": 0.7,
    "called_fake": 0.25,
    "told_apart": 0.85,
}


def history(*snapshots: dict[str, Any]) -> list[dict[str, Any]]:
    """Snapshots at images 100, 200, ..., sound but for what is given."""
    return [{"seen": 100 * number, **SOUND, **changed} for number, changed in enumerate(snapshots, 1)]


def names(*snapshots: dict[str, Any]) -> list[str]:
    return [finding.name for finding in game_health.called(history(*snapshots))]


FINE: dict[str, Any] = {}
ALIKE = {"diversity": 0.05, "coverage": 0.02, "distance": 2.0}
NARROW = {"diversity": 0.4, "coverage": 0.3}
FEW_KINDS = {"coverage": 0.1, "distance": 0.3}
TOLD_APART = {"told_apart": 1.0, "coverage": 0.1, "distance": 0.9, "logit_fake": -30.0, "diversity": 0.6}
OVERFITTED = {"called_training": 0.9, "called_held_out": 0.4}
COPYING = {"copies": 0.8}
TWINS = {"twins": 0.8, "twins_error": 0.03}
UNLEARNED = {"coverage": 0.4, "distance": 1.5, "diversity": 0.9}
THROWN = {"coverage": 0.1, "distance": 4.0, "diversity": 0.4}
FAR_OFF = {"distance": 1.5, "distance_error": 0.1, "coverage": 0.0, "diversity": 1.6}


@pytest.mark.parametrize(
    ("snapshots", "name", "said"),
    [
        ([FINE, FINE, ALIKE, ALIKE], "collapsed", "since image 300: diversity 0.05 of the data's (best 0.95)"),
        ([ALIKE] * 5, "collapsed", "since image 200"),
        ([FINE, FEW_KINDS, FEW_KINDS], "collapsed", "coverage 0.10 (best 0.80)"),
        ([FINE, NARROW, NARROW], "collapsing", "since image 200"),
        ([TOLD_APART] * 3, "discriminator has won", "100.0% of real items and fakes apart, by 31 in the logit"),
        ([FINE, FAR_OFF, FAR_OFF], "diverged", "is 1.5 ± 0.1 of the mean item's, and was 0.05 at image 100"),
        ([FINE, {"non_finite": 7}], "diverged", "7 samples and logits are no numbers"),
        ([FINE, OVERFITTED, OVERFITTED], "memorising", "90% of the training items real, and 40% of the held-out"),
        ([FINE, COPYING, COPYING], "memorising", "80% of the samples are as near to a training item as"),
        ([FINE, TWINS, TWINS], "memorising", "80% of the samples are less than half as far from one training item as"),
        ([OVERFITTED | {"called_held_out": 0.0, "held_out": 5}] * 2, "memorising", "and 0% of the held-out ones"),
        ([UNLEARNED, *[THROWN] * 4], "collapsing", "since image 200"),
    ],
)
def test_every_fault_is_called_alone_and_says_what_to_do(snapshots: list[dict[str, Any]], name: str, said: str) -> None:
    (finding,) = game_health.called(history(*snapshots))
    assert finding.name == name
    assert said in finding.verdict
    assert finding.remedy


@pytest.mark.parametrize(
    "snapshots",
    [
        [FINE],
        [FINE] * 20,
        [FINE, ALIKE],  # one bad moment
        [ALIKE] * 4,  # slow to begin
        [FINE, ALIKE, FINE, ALIKE],
        [FINE, {"diversity": 0.5, "coverage": 0.45}, {"diversity": 0.5, "coverage": 0.45}],
        [
            {"coverage": 0.12, "diversity": 0.3},
            {"coverage": 0.03, "diversity": 0.3},
            {"coverage": 0.0, "diversity": 0.3},
        ],
        [{"diversity": 3.0}, {"diversity": 0.9}, {"diversity": 0.9}],  # noise to begin with
        [FINE, {"coverage": 0.37, "coverage_error": 0.03}, {"coverage": 0.37, "coverage_error": 0.03}],
        [TOLD_APART] * 2,
        [TOLD_APART | {"coverage": 0.6}] * 5,  # beaten, and good
        [TOLD_APART | {"distance": distance} for distance in (0.9, 0.8, 0.7)],  # beaten, and becoming better
        [TOLD_APART | {"told_apart": 0.99}] * 5,
        [TOLD_APART | {"logit_fake": -3.0}] * 5,
        [ALIKE | {"distance": distance} for distance in (1000, 500, 200, 90, 40, 20)],  # all alike, and coming nearer
        [{"diversity": 1 / time**0.5 + 0.1, "distance": 200 / time} for time in (1, 9, 16, 64)],  # noise that is lost
        [FAR_OFF | {"coverage": 0.1}] * 4,  # never was better
        [FINE, FAR_OFF | {"distance_error": 0.3, "coverage": 0.7}, FAR_OFF | {"distance_error": 0.3, "coverage": 0.7}],
        [{"called_training": 0.8, "called_held_out": 0.5}] * 3,
        [OVERFITTED | {"held_out": 16}] * 3,  # too few to tell
        [OVERFITTED | {"called_held_out": 0.0, "held_out": 1}] * 3,
        [UNLEARNED, *[THROWN] * 3],  # never was near the data
        [{"twins": 0.6, "twins_error": 0.05}] * 3,
        [{"copies": 0.6, "copies_error": 0.05}] * 3,
        [ALIKE | COPYING],
    ],
)
def test_what_is_sound_young_or_may_be_noise_is_not_called(snapshots: list[dict[str, Any]]) -> None:
    assert names(*snapshots) == []


def test_what_is_sound_enough_to_go_back_to() -> None:
    assert game_health.sound(history(FINE))
    assert game_health.sound(history({"distance": 900.0}, {"distance": 90.0})), "young, and becoming better"
    for unsound in (ALIKE, NARROW, FAR_OFF, {"non_finite": 1}):
        assert not game_health.sound(history(FINE, unsound)), "before it is called"


def test_copies_of_one_item_are_a_collapse_and_no_good_memory() -> None:
    assert names(FINE, ALIKE | COPYING, ALIKE | COPYING) == ["collapsed"]


def test_gradients_that_have_grown_are_named_with_a_divergence() -> None:
    loud = FAR_OFF | {"norms": {"generator": 500.0, "discriminator": 2.0}}
    (finding,) = game_health.called(history(FINE, FINE, FINE, FAR_OFF, loud))
    assert "gradients of the generator have a norm of 500, usually 1" in finding.verdict
    assert "discriminator" not in finding.verdict


def test_numbers_that_could_not_be_measured_are_not_missed() -> None:
    bare = {name: SOUND[name] for name in ("training", "norms", "non_finite")}
    few = [{"seen": 1, **bare}, {"seen": 2, **bare}]
    assert game_health.called(few) == ()
    assert game_health.summary(few[-1]) == []
    without = [
        {name: value for name, value in one.items() if "held" not in name and "copies" not in name}
        for one in history(FINE, FINE)
    ]
    assert game_health.called(without) == ()


# ---- real ones


@pytest.fixture(scope="module")
def gaussians() -> Dataset:
    points, modes = toys.ring(2000)
    every = np.arange(2000)
    spec = DataSpec("points", (2,), count=1700)
    names = tuple(map(str, every))
    return Dataset(spec, points, modes, np.zeros((2000, 0), np.float32), names, every[:1700], every[1700:])


def learned(method: Method[Any], dataset: Dataset, folder: Path, images: int) -> list[tuple[int, health.Diagnosis]]:
    options = Training(images=images, batch=64, precision="float32", device="cpu")
    job = Job(method, DataOptions("memory"), options, str(folder))
    list(train(job, dataset=dataset))
    return health.history(Run(job.folder).lines())


def test_a_gan_with_a_far_too_large_learning_rate_is_called_collapsed(gaussians: Dataset, tmp_path: Path) -> None:
    found = learned(Gan(hidden=64, latents=8, lr=0.05, beta1=0.9), gaussians, tmp_path / "run", 16_000)
    fallen = [seen for seen, one in found if one.numbers["game"]["diversity"] < 0.1]
    first = next(seen for seen, one in found if one.names == "collapsed")
    assert first <= fallen[5]
    assert found[-1][1].names == "collapsed"


def test_a_discriminator_far_too_strong_is_called(
    gaussians: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unequal(self: Gan) -> dict[str, Optimizer]:
        return {"generator": Adam(self.lr / 100), "discriminator": Adam(100 * self.lr)}

    monkeypatch.setattr(Gan, "optimizers", unequal)
    found = learned(Gan(hidden=64, latents=8), gaussians, tmp_path / "run", 16_000)
    assert [one.names for _, one in found][-5:] == ["discriminator has won"] * 5


@pytest.fixture(scope="module")
def good(gaussians: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Job[Gan]:
    """A finished run that has learned."""
    options = Training(images=48_000, batch=64, precision="float32", device="cpu")
    run = tmp_path_factory.mktemp("good") / "run"
    job = Job(Gan(hidden=128, latents=8, lr=1e-3), DataOptions("memory"), options, str(run))
    list(train(job, dataset=gaussians))
    return job


def test_a_gan_that_learns_is_never_called_anything_else(good: Job[Gan], capsys: pytest.CaptureFixture[str]) -> None:
    found = health.history(Run(good.folder).lines())
    assert {one.names for _, one in found} == {"", "healthy"}
    assert found[-1][1].numbers["game"]["coverage"] > 0.3
    assert main(["info", good.run]) == 0
    assert "health: healthy: diversity " in capsys.readouterr().out
    best = good.folder / "best"
    assert main(["sample", str(best), "-n", "5"]) == 0
    assert np.load(best / "sampled" / "samples.npy").shape == (5, 2)


def test_a_good_gan_that_is_driven_into_collapse_is_called_at_the_second_snapshot_of_it(
    good: Job[Gan], gaussians: Dataset, tmp_path: Path
) -> None:
    run = shutil.copytree(good.folder, tmp_path / "run")
    longer = dataclasses.replace(good.training, images=60_000, snapshot_every=good.training.snapshot_interval)
    driven = Job(dataclasses.replace(good.method, lr=50 * good.method.lr), good.data, longer, str(run))
    list(train(driven, resume=True, dataset=gaussians))
    found = health.history(Run(run).lines())
    coverage = {seen: one.numbers["game"]["coverage"] for seen, one in found}
    fallen = [seen for seen in coverage if seen > 48_000 and coverage[seen] < coverage[48_000] / 5]
    called = [seen for seen, one in found if one.names in ("collapsed", "collapsing")]
    assert called[0] == fallen[1]
