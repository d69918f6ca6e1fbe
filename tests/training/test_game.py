"""What is measured of a game of generator and discriminator, and that measuring changes nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imaginable.data import toys
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Judges, Method
from imaginable.methods.dcgan import Dcgan
from imaginable.methods.gan import Gan
from imaginable.metrics.kernel import kernel_distance
from imaginable.training import game, game_health
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.state import State

TinyDataset = Callable[[str], Dataset]
TinyJob = Callable[..., Job[Any]]


def ring(n: int, seed: int) -> np.ndarray:
    return toys.ring(n, seed=seed)[0].astype(np.float64)


def test_new_real_items_are_as_good_as_real() -> None:
    numbers = game.quality(ring(256, 1), ring(1000, 2), ring(256, 3))
    assert numbers["diversity"] == pytest.approx(1, abs=0.05)
    assert numbers["coverage"] > 0.9
    assert abs(numbers["distance"]) < 3 * numbers["distance_error"]
    assert numbers["copies"] < 0.06
    assert numbers["duplicates"] < 0.06


def test_the_mean_item_repeated_is_at_distance_one_whatever_the_unit_of_features() -> None:
    for factor, shift in ((1, 0), (1000, 5)):
        real = factor * (ring(256, 1) + shift)
        numbers = game.quality(np.repeat(real.mean(0, keepdims=True), 256, 0), real)
        assert numbers["distance"] == pytest.approx(1, rel=1e-6)
        assert numbers["diversity"] == pytest.approx(0, abs=1e-6)
        assert numbers["coverage"] == 0


def test_where_the_mean_is_as_near_as_chance_errors_stay_above_zero() -> None:
    """Of features that are noise, the mean item may come out at a distance below 0."""
    below = 0
    for seed in range(8):
        noise = np.random.default_rng(seed).normal(size=(256, 20_000))
        numbers = game.quality(noise[:128], noise[128:])
        below += kernel_distance(np.zeros((128, 20_000)), noise[128:]).value < 0
        assert numbers["distance_error"] > 0
        assert math.isfinite(numbers["distance"])
    assert below


def test_one_mode_of_eight_lowers_diversity_and_coverage() -> None:
    points, modes = toys.ring(4000, seed=1)
    numbers = game.quality(points[modes == 3][:256].astype(np.float64), ring(256, 2))
    assert numbers["diversity"] < game_health.NO_VARIETY
    assert numbers["coverage"] < 0.2


def test_training_items_are_copies_of_training_items() -> None:
    real = ring(1000, 2)
    assert game.quality(real[:256], real, ring(256, 3))["copies"] == 1


def test_twins_are_copies_with_a_little_noise_and_neither_new_items_nor_blurred_ones() -> None:
    random = np.random.default_rng(0)
    training, new, noise = random.normal(0, 1, (45, 20)), random.normal(0, 1, (256, 20)), random.normal(0, 1, (256, 20))
    copied = training[random.integers(0, 45, 256)]
    assert game.twins(copied + 0.1 * noise, training).value == 1
    assert game.twins(new, training).value == 0
    assert game.twins(0.3 * new, training).value == 0, "blurred"
    alike = training[:1] + 0.01 * training
    assert game.twins(alike.mean(0) + 0.01 * new, alike).value == 0, "all training items are nearly the same"
    assert game.twins(ring(256, 2), ring(45, 1)).value < 0.5, "as few features as there can be"


def test_items_that_are_all_the_same_are_nothing_to_compare_with() -> None:
    assert game.quality(ring(256, 1), np.ones((256, 2))) == {}


def test_the_grip_of_a_critic_does_not_depend_on_its_zero_or_scale() -> None:
    random = np.random.default_rng(0)
    real, held_out, fake = random.normal(2, 1, 256), random.normal(1, 1, 200), random.normal(-2, 1, 256)
    numbers = game.grip(real, fake, held_out)
    moved = game.grip(50 * real - 700, 50 * fake - 700, 50 * held_out - 700)
    for name in ("called_training", "called_held_out", "called_fake", "told_apart"):
        assert numbers[name] == moved[name]
    assert numbers["called_training"] > numbers["called_held_out"] > numbers["called_fake"]
    assert numbers["told_apart"] == pytest.approx(0.5 * (1 + math.erf(4 / 2)), abs=0.01)  # Φ(4 / √2)
    assert numbers["logit_held_out"] == pytest.approx(1, abs=0.3)
    assert game.grip(np.zeros(9), np.zeros(9))["told_apart"] == 0.5


@pytest.mark.parametrize("method", [Gan, Dcgan])
def test_measuring_moves_nothing_and_repeats_itself(
    method: type[Method[Any]], tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    dataset = tiny_dataset("images")
    state = State(tiny_job(method, tmp_path / "run"), dataset.spec)
    assert isinstance(method(), Judges)
    state.cycle(Feed(dataset, 8, 0, False), 64)
    before = {name: value.clone() for name, value in state.networks.state_dict().items()}
    first, second = game.measure(state, dataset), game.measure(state, dataset)
    assert first is not None
    assert first == second
    assert (first["training"], first["held_out"]) == (len(dataset.train), len(dataset.held_out))
    assert set(first["norms"]) == {"generator", "discriminator"}
    assert all(torch.equal(value, before[name]) for name, value in state.networks.state_dict().items())
    few = dataclasses.replace(dataset, train=dataset.train[:19])
    assert game.measure(state, few) is None, "19 items are too few"


def test_without_held_out_items_those_that_are_there_are_measured(tiny_dataset: TinyDataset, tiny_job: TinyJob) -> None:
    dataset = tiny_dataset("images")
    alone = dataclasses.replace(dataset, train=dataset.train[:20], held_out=dataset.held_out[:0])
    numbers = game.measure(State(tiny_job(Dcgan, Path("unused")), dataset.spec), alone)
    assert numbers is not None
    assert (numbers["training"], "held_out" in numbers, "called_held_out" in numbers) == (20, False, False)
    assert 0 <= numbers["twins"] <= 1


def test_a_few_held_out_items_are_judged_as_among_training_items(tiny_dataset: TinyDataset, tiny_job: TinyJob) -> None:
    """Alone, two would be normalised to plus and minus one."""
    dataset = tiny_dataset("images")
    state = State(tiny_job(Dcgan, Path("unused")), dataset.spec)
    one = dataclasses.replace(dataset, held_out=dataset.train[:1])
    numbers = game.measure(state, one)
    assert numbers is not None
    batch = dataset.batch(np.concatenate([one.held_out, game._shuffled(dataset.train)])[:64])
    state.players.free_only()
    with torch.no_grad():
        expected = state.job.method.judge(state.networks, batch.x, None)[0]
    assert numbers["logit_held_out"] == pytest.approx(float(expected), rel=1e-3)


def test_samples_that_are_no_numbers_are_counted(tiny_dataset: TinyDataset, tiny_job: TinyJob) -> None:
    dataset = tiny_dataset("points")
    state = State(tiny_job(Gan, Path("unused")), dataset.spec)
    with torch.no_grad():
        next(state.averages.networks.get_submodule("generator").parameters()).fill_(torch.nan)
    numbers = game.measure(state, dataset)
    assert numbers is not None
    assert numbers["non_finite"] == game.ITEMS
    assert "distance" not in numbers
