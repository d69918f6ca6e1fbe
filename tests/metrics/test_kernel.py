"""Against a double loop; the error against repeated draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from imaginable.metrics import _distances
from imaginable.metrics.kernel import kernel_distance
from imaginable.metrics.score import Array, Undefined

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(40, 6)) + 1, RANDOM.exponential(size=(25, 6))


def by_loops(first: Array, second: Array) -> float:
    def mean(a: Array, b: Array, same: bool) -> float:
        d = a.shape[1]
        values = [(x @ y / d + 1) ** 3 for i, x in enumerate(a) for j, y in enumerate(b) if not (same and i == j)]
        return float(np.mean(values))

    return mean(first, first, True) + mean(second, second, True) - 2 * mean(first, second, False)


def test_it_is_the_mean_over_all_pairs() -> None:
    assert kernel_distance(X, Y).value == pytest.approx(by_loops(X, Y), rel=1e-10)
    assert kernel_distance(X, Y).n == 25


def test_of_equal_numbers_it_is_the_distance_of_torchmetrics() -> None:
    expected = float(poly_mmd(torch.from_numpy(X[:25]), torch.from_numpy(Y)))
    assert kernel_distance(X[:25], Y).value == pytest.approx(expected, rel=1e-6)


def test_the_error_is_the_jackknife_of_the_value() -> None:
    without_x = [by_loops(np.delete(X, i, 0), Y) for i in range(len(X))]
    without_y = [by_loops(X, np.delete(Y, j, 0)) for j in range(len(Y))]
    variance = (len(X) - 1) * np.var(without_x) + (len(Y) - 1) * np.var(without_y)
    assert kernel_distance(X, Y).error == pytest.approx(np.sqrt(variance), rel=1e-8)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = kernel_distance(X, Y)
    monkeypatch.setattr(_distances, "ROWS", 7)
    np.testing.assert_allclose(kernel_distance(X, Y)[:3], whole[:3], rtol=1e-10)


def test_it_is_unbiased_where_the_distributions_are_the_same() -> None:
    values = [kernel_distance(*draw(0.0, seed)).value for seed in range(400)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 20
    assert 0.3 < np.mean(np.array(values) < 0) < 0.7


def draw(shift: float, seed: int) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    return random.normal(size=(60, 10)), random.normal(size=(90, 10)) + shift


@pytest.mark.parametrize(("shift", "factor"), [(1.0, 1.0), (0.0, 2**0.5)])
def test_the_error_is_the_spread_over_repeated_sets(shift: float, factor: float) -> None:
    """Where the distributions are the same it is too large by √2, as documented."""
    scores = [kernel_distance(*draw(shift, seed)) for seed in range(300)]
    spread = np.std([score.value for score in scores])
    error = np.sqrt(np.mean([score.error**2 for score in scores]))
    assert factor / 1.2 < error / spread < factor * 1.2


def test_single_precision_features_are_summed_in_double() -> None:
    x, y = (X * 30).astype(np.float32), (X * 30 + 0.01)[:30].astype(np.float32)
    assert kernel_distance(x, y).value == pytest.approx(by_loops(x.astype(float), y.astype(float)), rel=1e-7)


def test_too_few_images_are_refused() -> None:
    with pytest.raises(Undefined, match="at least 10 images in both sets, not 40 and 9"):
        kernel_distance(X, Y[:9])
    assert np.isfinite(kernel_distance(X[:10], Y[:10]).error)
