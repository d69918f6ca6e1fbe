"""The bound's own terms against torch.distributions."""

import torch
from torch.distributions import Normal, kl_divergence

from imaginable.objectives.variational import kl_to_standard_normal, reparameterise


def test_kl_is_the_closed_form_of_every_dimension() -> None:
    torch.manual_seed(0)
    mean, log_variance = 3 * torch.randn(5, 4), 2 * torch.randn(5, 4)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)), torch.zeros(2, 3))


def test_draws_have_the_stated_moments() -> None:
    torch.manual_seed(0)
    n, mean, deviation = 200_000, 1.5, 0.4
    z = reparameterise(torch.full((n, 1), mean), torch.full((n, 1), 2 * torch.tensor(deviation).log().item()))
    assert abs(float(z.mean()) - mean) < 5 * deviation / n**0.5  # five standard errors
    assert abs(float(z.std()) - deviation) < 5 * deviation / (2 * n) ** 0.5


def test_gradients_flow_through_the_draw() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(6, 2, requires_grad=True), torch.randn(6, 2, requires_grad=True)
    z = reparameterise(mean, log_variance)
    z.sum().backward()
    assert mean.grad is not None
    assert log_variance.grad is not None
    assert torch.equal(mean.grad, torch.ones(6, 2))
    torch.testing.assert_close(log_variance.grad, 0.5 * (z - mean).detach())  # dz/dlogσ² = ½ σ ε
