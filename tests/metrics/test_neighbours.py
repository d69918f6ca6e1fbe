"""Neighbours against a direct search; the birthday estimate on distributions of known support."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from imaginable.metrics import _distances
from imaginable.metrics.neighbours import Duplicates, close_pair_distance, copies, duplicates, nearest
from imaginable.metrics.score import Undefined

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(83, 5)), RANDOM.normal(size=(97, 5))


@pytest.mark.parametrize("rows", [2048, 10])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_nearest_is_that_of_a_direct_search(kind: type, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distances, "ROWS", rows)
    x, y = X.astype(kind), Y.astype(kind)
    distance, index = nearest(x, y)
    assert index.tolist() == cdist(x, y).argmin(1).tolist()
    np.testing.assert_allclose(distance, cdist(x, y).min(1), rtol=1e-12)
    inside = cdist(x, x) + np.diag(np.full(len(x), np.inf))
    distance, index = nearest(x, x, itself=True)
    assert index.tolist() == inside.argmin(1).tolist()
    np.testing.assert_allclose(distance, inside.min(1), rtol=1e-12)


def test_a_copy_is_at_no_distance_even_in_single_precision() -> None:
    pictures = (RANDOM.normal(size=(200, 64)) * 100 + 1000).astype(np.float32)
    distance, index = nearest(pictures[50:60], pictures)
    assert distance.tolist() == [0] * 10
    assert index.tolist() == list(range(50, 60))


def test_one_image_has_no_neighbour_in_its_own_set() -> None:
    with pytest.raises(Undefined, match="no other image"):
        nearest(X[:1], X[:1], itself=True)
    with pytest.raises(ValueError, match="one set"):
        nearest(X, Y, itself=True)


def test_a_model_that_copies_is_told_from_one_that_does_not() -> None:
    training, held_out, fresh = (RANDOM.normal(size=(1000, 8)) for _ in range(3))
    real = nearest(held_out, training)[0]
    honest = copies(nearest(fresh, training)[0], real)
    assert abs(honest.value - 0.01) < 3 * honest.error
    assert copies(nearest(training[:300], training)[0], real).value == 1
    half = copies(nearest(np.vstack([training[:500], fresh[:500]]), training)[0], real)
    assert half.value == pytest.approx(0.505, abs=0.01)


@pytest.mark.parametrize("held_out", [200, 5000])
def test_the_error_of_copies_is_the_spread_over_repeated_sets(held_out: int) -> None:
    random = np.random.default_rng(0)
    scores = [copies(random.gamma(4, size=1000) * 0.8, random.gamma(4, size=held_out), 0.05) for _ in range(300)]
    error = np.sqrt(np.mean([score.error**2 for score in scores]))
    assert 1 / 1.3 < error / np.std([score.value for score in scores]) < 1.3


def test_copies_need_enough_held_out_images() -> None:
    with pytest.raises(Undefined, match="at least 100 held-out images, not 99"):
        copies(np.ones(50), np.ones(99))
    with pytest.raises(Undefined, match="at least 10 samples"):
        copies(np.ones(9), np.ones(100))
    with pytest.raises(ValueError, match="share"):
        copies(np.ones(50), np.ones(200), share=0)


def test_one_real_item_in_a_hundred_has_a_nearer_neighbour() -> None:
    real = RANDOM.normal(size=(1000, 4))
    below = close_pair_distance(real)
    assert (nearest(real, real, itself=True)[0] < below).sum() == 10
    found = duplicates(real, below)
    assert found.rate.value == 0.01
    assert 50 * 1000 < found.support.value < 101 * 1000
    with pytest.raises(Undefined, match="real images, not 99"):
        close_pair_distance(real[:99])


def pictures(support: int, samples: int, seed: int) -> Duplicates:
    """Samples of equally likely points on a line, 1 apart, hardly disturbed."""
    random = np.random.default_rng(seed)
    drawn = random.integers(support, size=samples)
    return duplicates(drawn[:, None] + 0.01 * random.normal(size=(samples, 1)), 0.5)


@pytest.mark.parametrize(("support", "samples"), [(1000, 100), (200, 100), (30, 100), (3000, 60)])
def test_the_interval_covers_the_true_support_in_95_of_100_runs(support: int, samples: int) -> None:
    """With 60 samples of 3000, half of the runs see no duplicate."""
    found = [pictures(support, samples, seed).support for seed in range(400)]
    covered = [score.interval is not None and score.interval[0] <= support <= score.interval[1] for score in found]
    assert 0.93 <= np.mean(covered) <= 1


def test_the_estimate_is_close_and_its_error_is_the_spread() -> None:
    found = [pictures(200, 150, seed).support for seed in range(300)]
    values = np.array([score.value for score in found])
    assert np.median(values) == pytest.approx(200, rel=0.05)
    assert 1 / 1.3 < np.mean([score.error for score in found]) / values.std() < 1.3


def test_no_duplicates_give_a_lower_bound() -> None:
    found = duplicates(np.arange(50.0)[:, None], 0.5)
    assert found.rate[:2] == (0, 0)
    assert found.rate.interval is not None
    assert found.support.value == math.inf
    assert found.support.interval == (pytest.approx(50 * 49 / 2 / -math.log(0.025)), math.inf)


def test_of_unequal_chances_it_is_the_effective_number() -> None:
    chance = np.repeat([0.5 / 10, 0.5 / 1000], [10, 1000])
    drawn = np.random.default_rng(0).choice(1010, size=2000, p=chance)
    found = duplicates(drawn[:, None].astype(float), 0.5).support
    assert found.value == pytest.approx(1 / np.square(chance).sum(), rel=0.05)


@pytest.mark.parametrize("rows", [2048, 3])
def test_rate_and_pairs_are_counted_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distances, "ROWS", rows)
    samples = np.array([0, 0.1, 1, 2, 3, 3.1, 3.2, 4, 5, 6])[:, None]
    found = duplicates(samples, 0.5)
    assert found.rate.value == 0.5
    assert found.support.value == 45 / 4


@pytest.mark.parametrize(("support", "factor"), [(2000, 1.0), (100, 2**0.5)])
def test_the_error_of_the_rate_is_the_spread_over_repeated_sets(support: int, factor: float) -> None:
    """Where duplicates are common it is too large by up to √2, as documented."""
    found = [pictures(support, 100, seed).rate for seed in range(300)]
    error = np.sqrt(np.mean([score.error**2 for score in found]))
    assert factor / 1.25 < error / np.std([score.value for score in found]) < factor * 1.25


def test_a_single_picture_is_all_duplicates() -> None:
    found = duplicates(np.ones((40, 3)), 0.1)
    assert found.rate.value == 1
    assert found.support.value == 1


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(Undefined, match="at least 10 samples, not 9"):
        duplicates(X[:9], 0.1)
    with pytest.raises(ValueError, match="above 0"):
        duplicates(X, 0.0)


def test_so_many_copies_among_real_images_that_no_distance_is_left_are_refused() -> None:
    real = np.random.default_rng(0).normal(size=(200, 3))
    assert close_pair_distance(real) > 0
    real[:4] = real[4:8]  # eight of 200 have a copy
    with pytest.raises(Undefined, match=r"1% of the real images or more look exactly like another.*remove copies"):
        close_pair_distance(real)
