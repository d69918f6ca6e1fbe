"""The bound's terms against closed forms; a linear-Gaussian model whose marginal is known."""

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from imaginable.objectives.reconstruction import gaussian_log_likelihood
from imaginable.objectives.variational import kl_to_standard_normal, reparameterise


def test_kl_is_torchs() -> None:
    mean, log_variance = torch.randn(2, 5, 3)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    assert torch.allclose(kl_to_standard_normal(mean, log_variance), expected, atol=1e-5)


def test_draws_have_the_posteriors_moments_and_gradients_reach_it() -> None:
    torch.manual_seed(0)
    mean = torch.full((20_000, 1), 2.0, requires_grad=True)
    log_variance = torch.full((20_000, 1), -1.0, requires_grad=True)
    z = reparameterise(mean, log_variance)
    assert z.mean().item() == pytest.approx(2.0, abs=0.02)
    assert z.var().item() == pytest.approx(0.3679, abs=0.02)
    z.sum().backward()
    assert mean.grad is not None
    assert log_variance.grad is not None
    assert torch.equal(mean.grad, torch.ones_like(mean))
    assert torch.allclose(log_variance.grad, 0.5 * (z - mean).detach(), atol=1e-6)


def test_at_the_exact_posterior_the_bound_is_the_log_marginal() -> None:
    """x = w z + noise, z a number: p(x) = N(0, w wᵀ + σ² I), posterior N(m, v) in closed form."""
    torch.manual_seed(0)
    w, x, deviation = torch.tensor([1.0, -0.5, 2.0]), torch.tensor([[0.3, 0.8, -1.1]]), 0.7
    marginal = MultivariateNormal(torch.zeros(3), w[:, None] @ w[None] + deviation**2 * torch.eye(3))
    variance = 1 / (1 + w @ w / deviation**2)
    mean = variance * (x @ w) / deviation**2
    log_variance = variance.log().expand(1, 1)
    # ± one deviation stands for all draws: the log likelihood is quadratic in z
    ends = mean + variance.sqrt() * torch.tensor([[-1.0], [1.0]])
    log_likelihood = gaussian_log_likelihood(x, ends * w, torch.tensor(deviation).log()).mean()
    bound = log_likelihood - kl_to_standard_normal(mean[None], log_variance).sum()
    assert float(bound) == pytest.approx(float(marginal.log_prob(x)), abs=1e-5)
