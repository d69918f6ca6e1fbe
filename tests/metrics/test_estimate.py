"""Estimates: errors against closed forms and repeated draws, and pairs, which are not two independent sets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from imaginable.metrics.estimate import Estimate, mean_of, ratio_of
from imaginable.metrics.frechet import frechet_distance, frechet_estimate
from imaginable.metrics.kernel import kernel_distance, kernel_estimate, paired_kernel_estimate
from imaginable.metrics.score import Array, Score, Undefined
from imaginable.metrics.sharpness import sharpness, sharpness_estimate, spectral_distance

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 4))
Y = RANDOM.normal(size=(60, 4)) + 0.5


def test_a_mean_has_the_textbook_error_and_a_difference_that_of_the_pairs() -> None:
    first, second = X[:, 0], X[:, 0] + 0.1 * Y[:, 1]
    found = mean_of(second).minus(mean_of(first)).score
    assert found.value == pytest.approx(0.1 * Y[:, 1].mean())
    assert found.error == pytest.approx(0.1 * Y[:, 1].std(ddof=1) / math.sqrt(60))
    assert found.error < mean_of(second).score.error / 5
    assert mean_of(first).score == pytest.approx((first.mean(), first.std(ddof=1) / math.sqrt(60), 60, None))


def test_a_count_has_no_error_and_nothing_divides_by_nothing() -> None:
    assert Estimate(3, n=7).score == Score(3, 0.0, 7)
    assert Estimate(5, n=7).minus(Estimate(3, n=7)).score == Score(2, 0.0, 7)
    assert mean_of(X[:1, 0]).score.error == math.inf
    with pytest.raises(Undefined, match="nothing to compare with"):
        ratio_of(np.ones(3), np.zeros(3))


def test_the_error_of_a_ratio_of_pairs_is_the_spread_of_repeated_draws() -> None:
    random = np.random.default_rng(1)

    def draw() -> Score:
        below = random.gamma(3, size=200)
        return ratio_of(below * random.normal(1, 0.1, 200), below).together().score

    drawn = [draw() for _ in range(400)]
    spread = float(np.std([one.value for one in drawn]))
    assert np.mean([one.error for one in drawn]) == pytest.approx(spread, rel=0.1)
    assert np.mean([one.value for one in drawn]) == pytest.approx(1, abs=4 * spread / 20)


def test_distance_from_one_grows_on_either_side() -> None:
    low, high = Estimate(0.7, (np.array([1.0, -1.0]),)), Estimate(1.2, (np.array([1.0, -1.0]),))
    assert low.from_one().value == pytest.approx(0.3)
    assert high.from_one().value == pytest.approx(0.2)
    # what moves both figures up makes the first better and the second worse: errors add up
    assert low.from_one().minus(high.from_one()).score.error == pytest.approx(2 * high.score.error)


def test_estimates_of_independent_sets_are_the_scores() -> None:
    pictures = RANDOM.integers(0, 256, (9, 16, 16, 1), dtype=np.uint8)
    assert frechet_estimate(X, Y).score == frechet_distance(X, Y)
    assert kernel_estimate(X, Y).score == kernel_distance(X, Y)
    assert sharpness_estimate(pictures[:5], pictures[4:]).score == sharpness(pictures[:5], pictures[4:])


def test_the_paired_kernel_distance_by_loops() -> None:
    x, y = X[:12], Y[:12]

    def kernel(a: Array, b: Array) -> float:
        return float((a @ b / 4 + 1) ** 3)

    def by_loops(kept: list[int]) -> float:
        terms = [
            kernel(x[i], x[j]) + kernel(y[i], y[j]) - kernel(x[i], y[j]) - kernel(y[i], x[j])
            for i in kept
            for j in kept
            if i != j
        ]
        return float(np.mean(terms))

    found = paired_kernel_estimate(x, y).score
    assert found.value == pytest.approx(by_loops(list(range(12))))
    left_out = np.array([by_loops([i for i in range(12) if i != out]) for out in range(12)])
    assert found.error == pytest.approx(math.sqrt(11 * left_out.var()))
    with pytest.raises(ValueError, match="no pairs"):
        paired_kernel_estimate(x, y[:11])


def test_of_pairs_from_one_distribution_it_is_unbiased_where_the_plain_one_is_not() -> None:
    random = np.random.default_rng(2)

    def draw() -> tuple[float, float]:
        common = random.normal(size=(40, 3))
        x, y = (common + 0.3 * random.normal(size=(40, 3)) for _ in range(2))
        return paired_kernel_estimate(x, y).value, kernel_estimate(x, y).value

    paired, plain = np.array([draw() for _ in range(300)]).T
    assert abs(paired.mean()) < 4 * paired.std() / math.sqrt(300)
    assert plain.mean() < -10 * plain.std() / math.sqrt(300)
    assert paired_kernel_estimate(X, X).score == pytest.approx((0, 0, 60, None))


def test_the_error_of_a_frechet_difference_of_pairs_is_the_spread_of_repeated_draws() -> None:
    random = np.random.default_rng(3)

    def draw() -> Score:
        real = random.normal(size=(400, 2))
        near, far = real + 0.3 + 0.2 * random.normal(size=(400, 2)), 1.4 * real + 0.5
        first, second = (frechet_estimate(made, real).together() for made in (near, far))
        return first.minus(second).score

    drawn = [draw() for _ in range(300)]
    assert np.mean([one.error for one in drawn]) == pytest.approx(np.std([one.value for one in drawn]), rel=0.12)


def test_the_spectral_distance_is_that_of_a_known_gain() -> None:
    pictures = RANDOM.integers(100, 140, (3, 32, 32, 3), dtype=np.uint8)
    assert spectral_distance(pictures, pictures) == pytest.approx([0, 0, 0])
    doubled = (2 * (pictures.astype(int) - 100) + 100).astype(np.uint8)
    assert spectral_distance(doubled, pictures) == pytest.approx(20 * math.log10(2), abs=0.02)
