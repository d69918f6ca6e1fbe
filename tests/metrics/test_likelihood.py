"""The bounds where log p(x) is known exactly: z ~ N(0, I), x = W z + b + noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from imaginable.metrics.likelihood import bits_per_dimension, bounds, mean_and_error

torch.manual_seed(0)
N, DEVIATION = 6, 0.5
W = torch.linalg.qr(torch.randn(5, 2, dtype=torch.float64))[0] * torch.tensor([2.0, 0.7])
X = torch.randn(N, 2, dtype=torch.float64) @ W.T + DEVIATION * torch.randn(N, 5, dtype=torch.float64)
MARGINAL = MultivariateNormal(torch.zeros(5), W @ W.T + DEVIATION**2 * torch.eye(5)).log_prob(X).numpy()
VARIANCE = 1 / (1 + (W.T @ W).diagonal() / DEVIATION**2)
MEAN = X @ W / DEVIATION**2 * VARIANCE
CALLS: list[int] = []


def log_weights(x: Tensor, label: Tensor | None, samples: int, shift: float = 0.0, spread: float = 1.0) -> Tensor:
    """With the exact posterior, or one that is off by `shift` and too wide by `spread`."""
    CALLS.append(len(x) * samples)
    where = [int((item == X).all(1).nonzero()[0, 0]) for item in x]
    q = Normal(MEAN[where] + shift, spread * VARIANCE.sqrt())
    z = q.sample((samples,))
    log_joint = Normal(z @ W.T, DEVIATION).log_prob(x).sum(2) + Normal(0.0, 1.0).log_prob(z).sum(2)
    return log_joint - q.log_prob(z).sum(2)


def test_at_the_exact_posterior_both_bounds_are_the_likelihood_for_every_k() -> None:
    for samples in (1, 3):
        found = bounds(log_weights, X, samples)
        np.testing.assert_allclose(found.elbo, MARGINAL, rtol=1e-9)
        np.testing.assert_allclose(found.importance, MARGINAL, rtol=1e-9)


def test_the_bound_rises_with_k_and_is_near_at_5000() -> None:
    torch.manual_seed(1)

    def off(x: Tensor, label: Tensor | None, samples: int) -> Tensor:
        return log_weights(x, label, samples, 0.3, 1.3)

    repeats = {1: 200, 5: 200, 50: 200, 5000: 1}
    found = {k: np.mean([bounds(off, X, k).importance for _ in range(times)], axis=0) for k, times in repeats.items()}
    gaps = [float((MARGINAL - found[k]).mean()) for k in repeats]
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert np.abs(MARGINAL - found[5000]).max() < 0.01 * 5  # single items
    assert abs(gaps[3]) < 0.01
    elbo = bounds(off, X, 5000).elbo
    np.testing.assert_allclose(elbo.mean(), MARGINAL.mean() - gaps[0], atol=0.05)


def test_the_memory_does_not_grow_with_k_or_n() -> None:
    CALLS.clear()
    bounds(log_weights, X, 200_000)
    assert max(CALLS) <= 2**17 // 5
    assert sum(CALLS) == N * 200_000


def test_extreme_weights_neither_overflow_nor_vanish() -> None:
    values = torch.tensor([[-5000.0, 900.0], [-5001.0, 899.0]])
    found = bounds(lambda x, label, k: values[:k].double(), torch.zeros(2, 1), 2)
    expected = np.array([-5000.0, 900.0]) + math.log((1 + math.exp(-1)) / 2)
    np.testing.assert_allclose(found.importance, expected)


def test_bits_per_dimension_of_a_uniform_guess() -> None:
    nats = np.array([-784 * math.log(256)])
    assert bits_per_dimension(nats, 784)[0] == pytest.approx(8.0)


def test_mean_and_standard_error() -> None:
    mean, error = mean_and_error(np.array([1.0, 2.0, 3.0, 6.0]))
    assert mean == 3.0
    assert error == pytest.approx(math.sqrt(14 / 3) / 2)
    assert math.isnan(mean_and_error(np.array([1.0]))[1])


def test_labels_stay_with_their_items() -> None:
    x, label = torch.arange(40.0).reshape(40, 1, 1).expand(40, 100, 100), torch.arange(40)

    def pairs(x: Tensor, label: Tensor | None, samples: int) -> Tensor:
        assert label is not None
        assert torch.equal(x[:, 0, 0], label.float())
        return label.double().expand(samples, -1)

    assert bounds(pairs, x, 3, label).elbo.tolist() == list(range(40))
