"""Where the marginal likelihood is known, the bound at the exact posterior is that likelihood.

z ~ N(0, I), x = W z + b + σ ε. With orthogonal columns in W the posterior's covariance
(I + WᵀW/σ²)⁻¹ is diagonal, as the package's q is, and p(x) = N(b, WWᵀ + σ²I).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from imaginable.objectives.reconstruction import gaussian_log_likelihood
from imaginable.objectives.variational import kl_to_standard_normal, reparameterise

DIMENSIONS, LATENTS, N, DEVIATION = 6, 2, 5, 0.5
torch.manual_seed(0)
W = torch.linalg.qr(torch.randn(DIMENSIONS, LATENTS, dtype=torch.float64))[0] * torch.tensor([2.0, 0.7])
B = torch.randn(DIMENSIONS, dtype=torch.float64)
X = torch.randn(N, LATENTS, dtype=torch.float64) @ W.T + B + DEVIATION * torch.randn(N, DIMENSIONS, dtype=torch.float64)
VARIANCE = 1 / (1 + (W.T @ W).diagonal() / DEVIATION**2)  # (latents,)
MEAN = (X - B) @ W / DEVIATION**2 * VARIANCE  # (n, latents)
MARGINAL = MultivariateNormal(B, W @ W.T + DEVIATION**2 * torch.eye(DIMENSIONS)).log_prob(X)  # (n,)
LOG_DEVIATION = torch.tensor(math.log(DEVIATION), dtype=torch.float64)


def bound(mean: Tensor, variance: Tensor) -> Tensor:
    """E_q log p(x|z) - KL, the expectation in closed form: at the mean, less tr(W S Wᵀ) / 2σ². (n,)"""
    at_mean = gaussian_log_likelihood(X, mean @ W.T + B, LOG_DEVIATION)
    spread = (W.square().sum(0) * variance).sum() / (2 * DEVIATION**2)
    return at_mean - spread - kl_to_standard_normal(mean, variance.log().expand_as(mean)).sum(1)


def test_the_bound_at_the_exact_posterior_is_the_marginal_likelihood() -> None:
    torch.testing.assert_close(bound(MEAN, VARIANCE), MARGINAL, rtol=1e-10, atol=1e-10)


def test_any_other_posterior_gives_less() -> None:
    for mean, variance in [(MEAN + 0.1, VARIANCE), (MEAN, 1.3 * VARIANCE), (MEAN, 0.7 * VARIANCE)]:
        assert bool((bound(mean, variance) < MARGINAL - 1e-3).all())


def test_drawn_as_in_training_it_is_the_same_on_average() -> None:
    torch.manual_seed(1)
    draws = 20_000
    z = reparameterise(MEAN.expand(draws, N, LATENTS), VARIANCE.log().expand(draws, N, LATENTS))
    shown = (z @ W.T + B).reshape(draws * N, DIMENSIONS)
    values = gaussian_log_likelihood(X.repeat(draws, 1), shown, LOG_DEVIATION).reshape(draws, N)
    estimate = values.mean(0) - kl_to_standard_normal(MEAN, VARIANCE.log().expand_as(MEAN)).sum(1)
    standard_error = values.std(0) / draws**0.5
    assert bool(((estimate - MARGINAL).abs() < 5 * standard_error).all())
    assert float(standard_error.max()) < 0.02, "else the line above says little"


def test_every_draw_gives_the_same_value_when_the_kl_is_drawn_too() -> None:
    torch.manual_seed(2)
    z = reparameterise(MEAN, VARIANCE.log().expand_as(MEAN))
    zero, one = torch.zeros_like(MEAN), torch.zeros((), dtype=torch.float64)
    log_joint = gaussian_log_likelihood(X, z @ W.T + B, LOG_DEVIATION) + gaussian_log_likelihood(z, zero, one)
    log_posterior = gaussian_log_likelihood(z, MEAN, 0.5 * VARIANCE.log())
    torch.testing.assert_close(log_joint - log_posterior, MARGINAL, rtol=1e-10, atol=1e-10)
