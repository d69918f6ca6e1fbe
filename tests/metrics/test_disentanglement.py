"""Disentanglement scores where they are known: perfect, mixed, noisy, dead and doubled codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from imaginable.metrics.disentanglement import dci, factor_vae_score, mutual_information_gap
from imaginable.metrics.score import Array, Score

# every dimension of the mixed codes depends equally on all four factors, and their rotation loses nothing
HADAMARD = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2


def drawn(n: int = 1500, seed: int = 0) -> tuple[Array, np.random.Generator]:
    """Four independent factors: three continuous, one of six values."""
    random = np.random.default_rng(seed)
    factors = random.random((n, 4))
    factors[:, 3] = np.floor(6 * factors[:, 3]) / 6
    return factors, random


def test_one_dimension_a_factor_is_perfect_in_any_order_and_scale_beside_idle_dimensions() -> None:
    factors, random = drawn()
    codes = factors[:, [2, 0, 3, 1]] * [3.0, -1.0, 0.5, 2.0] + [0.0, 5.0, -2.0, 1.0]
    codes = np.hstack([codes, random.normal(size=(len(codes), 2))])
    assert mutual_information_gap(codes, factors).value > 0.95
    assert all(score.value > 0.99 for score in dci(codes, factors))
    assert factor_vae_score(codes, factors).value > 0.99


def test_rotated_codes_know_as_much_and_are_not_disentangled() -> None:
    factors, _ = drawn()
    codes = (factors - factors.mean(0)) @ HADAMARD
    disentanglement, completeness, informativeness = dci(codes, factors)
    assert mutual_information_gap(codes, factors).value < 0.03
    assert disentanglement.value < 0.05
    assert completeness.value < 0.05
    assert informativeness.value > 0.8
    assert factor_vae_score(codes, factors).value < 0.6


def test_noise_knows_nothing_and_guesses() -> None:
    factors, random = drawn(n=400)
    factors[:, 3] = random.random(400) < 0.2  # always answering 0 is right in four of five
    codes = random.normal(size=(400, 8))
    assert mutual_information_gap(codes, factors).value < 0.03
    disentanglement, _, informativeness = dci(codes, factors)
    assert disentanglement.value < 0.15
    assert informativeness.value == pytest.approx(0, abs=0.02)
    guesses = [factor_vae_score(codes, factors, seed).value for seed in range(3)]
    assert np.mean(guesses) == pytest.approx(1 / 4, abs=0.04)


def test_votes_do_not_depend_on_the_scale_of_a_dimension() -> None:
    factors, random = drawn()
    codes = factors @ (np.eye(4) + 0.6 * HADAMARD) + 0.2 * random.normal(size=factors.shape)
    assert factor_vae_score(codes * [1.0, 2.0, 0.5, -1.0], factors) == factor_vae_score(codes, factors)


def test_dead_dimensions_change_nothing() -> None:
    factors, random = drawn()
    codes = factors + 0.1 * random.normal(size=factors.shape)
    dead = np.hstack([np.full((len(codes), 1), 0.3), 1e-3 * random.normal(size=(len(codes), 2))])
    assert factor_vae_score(np.hstack([dead, codes]), factors) == factor_vae_score(codes, factors)
    for score in (mutual_information_gap, lambda *arrays: dci(*arrays).informativeness):
        assert score(np.hstack([dead, codes]), factors).value == pytest.approx(score(codes, factors).value, abs=0.01)


def test_the_gap_is_exact_where_all_mutual_informations_are_known() -> None:
    """Of four equal values one dimension knows all (log 4) and another the half (log 2): a gap of 1/2. The coin
    is known by one dimension alone: 1. Items that do not know a factor do not count for it."""
    value, coin = (grid.ravel() for grid in np.meshgrid(np.arange(4), np.arange(2)))
    factors = np.tile(np.stack([value, coin], 1), (40, 1)).astype(float)
    codes = np.stack([factors[:, 0], factors[:, 0] // 2, factors[:, 1]], 1)
    assert mutual_information_gap(codes, factors).value == pytest.approx(0.75, abs=1e-9)
    unknown = np.stack([np.full(64, np.nan), np.arange(64) % 2], 1)
    silent = np.stack([np.zeros(64), np.zeros(64), np.arange(64) % 2], 1)
    lost = np.full((9, 2), np.nan)
    with_unknown = mutual_information_gap(
        np.vstack([codes, silent, np.full((9, 3), 7.0)]), np.vstack([factors, unknown, lost])
    )
    assert with_unknown.value == pytest.approx(0.75, abs=1e-9)
    assert with_unknown.n == 320 + 64


def test_doubled_dimensions_close_the_gap_and_stay_disentangled() -> None:
    factors, _ = drawn()
    codes = np.hstack([factors, factors])
    disentanglement, completeness, _ = dci(codes, factors)
    assert mutual_information_gap(codes, factors).value == pytest.approx(0, abs=1e-9)
    assert disentanglement.value > 0.98
    assert completeness.value == pytest.approx(1 - math.log(2) / math.log(8), abs=0.03)  # two of eight, equally


def test_disentanglement_looks_along_dimensions_and_completeness_along_factors() -> None:
    _, random = drawn()
    codes = random.random((1500, 3))
    one_for_two = np.stack([codes[:, 0], -np.exp(codes[:, 0])], 1)
    disentanglement, completeness, _ = dci(codes, one_for_two)
    assert disentanglement.value == pytest.approx(0, abs=0.02)
    assert completeness.value == pytest.approx(1, abs=0.02)
    two_for_one = np.stack([codes[:, 0], codes[:, 1] + codes[:, 2]], 1)
    disentanglement, completeness, _ = dci(codes, two_for_one)
    assert disentanglement.value == pytest.approx(1, abs=0.02)
    assert completeness.value == pytest.approx((1 + 1 - math.log(2) / math.log(3)) / 2, abs=0.02)


def test_votes_for_a_factor_that_no_dimension_holds_are_lost() -> None:
    factors, _ = drawn()
    score = factor_vae_score(factors[:, :3], factors)
    assert score.value == pytest.approx(3 / 4, abs=4 * math.sqrt(3 / 16 / 800))


def test_informativeness_is_the_variance_explained() -> None:
    """Of two factors, one is known but for noise that is half of its variance, one not at all: R² 1/2 and 0."""
    random = np.random.default_rng(0)
    codes = random.normal(size=(6000, 2))
    factors = np.stack([codes[:, 0] + random.normal(size=6000), random.normal(size=6000)], 1)
    assert dci(codes, factors).informativeness.value == pytest.approx(0.25, abs=0.03)


ALL = {
    "gap": lambda codes, factors: (mutual_information_gap(codes, factors),),
    "dci": dci,
    "factor_vae": lambda codes, factors: (factor_vae_score(codes, factors),),
}
every_score = pytest.mark.parametrize("scores", ALL.values(), ids=ALL.keys())


@every_score
def test_the_errors_are_the_deviations_over_data_sets(scores: Callable[[Array, Array], Sequence[Score]]) -> None:
    found = []
    for seed in range(12):
        factors, random = drawn(n=500, seed=seed)
        codes = factors @ (np.eye(4) + 0.6 * HADAMARD) + 0.2 * random.normal(size=factors.shape)
        found.append([(score.value, score.error) for score in scores(codes, factors)])
    values, errors = np.moveaxis(np.array(found), 2, 0)
    ratio = errors.mean(0) / values.std(0, ddof=1)
    assert (ratio > 0.6).all()
    assert (ratio < 1.7).all()


@every_score
def test_factors_that_say_too_little_are_left_out(scores: Callable[[Array, Array], Sequence[Score]]) -> None:
    factors, random = drawn()
    idle = np.zeros((len(factors), 3))
    idle[:19, 1] = 1  # nearly always the same
    idle[199:, 2] = np.nan  # nearly never known
    idle[:199, 2] = random.random(199)
    assert scores(factors, np.hstack([idle, factors])) == scores(factors, factors)


@every_score
def test_what_cannot_be_scored_is_refused(scores: Callable[[Array, Array], Sequence[Score]]) -> None:
    factors, _ = drawn(n=300)
    assert scores(factors, factors)[0].n == 300
    wrong = [(factors[1:], factors), (factors[:, :1], factors), (factors, factors[:, :1]), (factors[:, 0], factors)]
    wrong += [
        (factors[:100], factors[:100]),
        (np.where(factors > 0.9, np.nan, factors), factors),
        (factors, factors[:, :0]),
    ]
    for codes, known in wrong:
        with pytest.raises(ValueError):
            scores(codes, known)
