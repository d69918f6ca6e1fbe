"""Against scipy's matrix square root, torchmetrics and closed forms; the error against repeated draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.fid import FrechetInceptionDistance

from imaginable.core.errors import UserError
from imaginable.metrics import _distances
from imaginable.metrics.frechet import frechet_distance, frechet_of_moments, moments
from imaginable.metrics.score import Array, Undefined

Draw = Callable[[np.random.Generator], tuple[Array, Array]]
RANDOM = np.random.default_rng(0)
MIXING = RANDOM.normal(size=(12, 12))
X = RANDOM.normal(size=(300, 12)) @ MIXING + 50
Y = RANDOM.laplace(size=(200, 12)) @ MIXING[::-1] + 51


class Features(torch.nn.Module):
    """Pictures (n, 1, 1, 12) are their own features."""

    num_features = 12

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def test_it_is_the_distance_by_the_matrix_square_root() -> None:
    c1, c2 = np.cov(X.T), np.cov(Y.T)
    expected = np.square(X.mean(0) - Y.mean(0)).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(X, Y).value == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(Y, X).value == pytest.approx(expected, rel=1e-9)


def test_it_is_the_distance_of_torchmetrics() -> None:
    reference = FrechetInceptionDistance(Features(), normalize=True).set_dtype(torch.float64)
    reference.update(torch.from_numpy(X).reshape(-1, 1, 1, 12), real=True)
    reference.update(torch.from_numpy(Y).reshape(-1, 1, 1, 12), real=False)
    assert frechet_distance(X, Y).value == pytest.approx(float(reference.compute()), rel=1e-6)


def test_of_diagonal_gaussians_it_is_the_closed_form() -> None:
    a, b, shift = np.array([4.0, 1.0, 0.0]), np.array([1.0, 9.0, 0.25]), np.array([0.0, 2.0, 1.0])
    found = frechet_of_moments(np.zeros(3), np.diag(a), shift, np.diag(b))
    assert found == pytest.approx(np.square(shift).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum())


def test_moments_are_those_of_numpy_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for rows in (7, 1000):
        monkeypatch.setattr(_distances, "ROWS", rows)
        mean, covariance = moments(X.astype(np.float32))
        np.testing.assert_allclose(mean, X.astype(np.float32).mean(0, dtype=np.float64), rtol=1e-12)
        np.testing.assert_allclose(covariance, np.cov(X.astype(np.float32).astype(np.float64).T), rtol=1e-9)


def test_blocks_change_neither_value_nor_error(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = frechet_distance(X, Y)
    monkeypatch.setattr(_distances, "ROWS", 17)
    np.testing.assert_allclose(frechet_distance(X, Y)[:3], whole[:3], rtol=1e-9)


def test_a_set_against_itself_shuffled_gives_zero() -> None:
    score = frechet_distance(X, X[RANDOM.permutation(len(X))])
    assert 0 <= score.value < 1e-6 * np.cov(X.T).trace()
    assert score.error < 1e-6 * np.cov(X.T).trace()


def test_features_that_never_vary_change_nothing() -> None:
    score = frechet_distance(np.hstack([X, np.ones((300, 2))]), np.hstack([Y, np.ones((200, 2))]))
    np.testing.assert_allclose(score[:2], frechet_distance(X, Y)[:2], rtol=1e-6)


def test_a_feature_that_varies_in_one_set_only_costs_its_variance() -> None:
    extra = RANDOM.normal(size=200)
    score = frechet_distance(np.hstack([X, np.zeros((300, 1))]), np.column_stack([Y, extra - extra.mean()]))
    assert score.value == pytest.approx(frechet_distance(X, Y).value + extra.var(ddof=1), rel=1e-6)
    assert np.isfinite(score.error)


def different(random: np.random.Generator) -> tuple[Array, Array]:
    x = random.normal(size=(200, 6)) * np.linspace(0.5, 2, 6)
    return x, random.uniform(-2, 2, size=(400, 6)) @ MIXING[:6, :6] * 0.5 + 0.3


def apart_and_skewed(random: np.random.Generator) -> tuple[Array, Array]:
    """What moves a mean moves a variance with it."""
    return random.normal(size=(300, 2)), 3 * random.exponential(size=(300, 2))


def alike(random: np.random.Generator) -> tuple[Array, Array]:
    scale = np.linspace(0.5, 2, 20)
    return random.normal(size=(150, 20)) * scale, random.normal(size=(150, 20)) * scale


@pytest.mark.parametrize(("draw", "factor"), [(different, 1.0), (apart_and_skewed, 1.0), (alike, 2**0.5)])
def test_the_error_is_the_spread_over_repeated_sets(draw: Draw, factor: float) -> None:
    """Between sets from one distribution it is too large by √2, as documented."""
    scores = [frechet_distance(*draw(np.random.default_rng(seed))) for seed in range(200)]
    spread = np.std([score.value for score in scores])
    error = np.sqrt(np.mean([score.error**2 for score in scores]))
    assert factor / 1.2 < error / spread < factor * 1.2


def test_too_few_images_are_sent_to_the_kernel_distance() -> None:
    with pytest.raises(Undefined, match=r"n = 12, d = 12\): use the kernel distance"):
        frechet_distance(X, Y[:12])
    assert frechet_distance(X, Y[:13]).n == 13


def test_features_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UserError, match="1 of 300 items"):
        frechet_distance(np.where(np.arange(300)[:, None] == 3, np.nan, X), Y)
    with pytest.raises(ValueError, match="one kind"):
        frechet_distance(X, Y[:, :5])
