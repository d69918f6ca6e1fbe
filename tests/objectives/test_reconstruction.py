"""Output distributions against torch's own, and the discrete one against its sum."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from imaginable.objectives.reconstruction import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    logistic_log_likelihood,
    squared_error,
)

LEVELS = torch.arange(256, dtype=torch.float64) * 2 / 255 - 1


def test_squared_error_is_a_sum_per_item() -> None:
    x = torch.randn(3, 2, 4, 4)
    assert torch.allclose(squared_error(x, x + 0.5), torch.full((3,), 0.25 * 32))


def test_bernoulli_on_binary_pictures() -> None:
    x = torch.randint(0, 2, (4, 1, 5, 5)).float()
    logits = torch.randn(4, 1, 5, 5) * 3
    expected = Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    assert torch.allclose(bernoulli_log_likelihood(2 * x - 1, logits), expected, atol=1e-4)


def test_gaussian() -> None:
    x, mean = torch.randn(2, 4, 3, 5, 5)
    expected = Normal(mean, 0.3).log_prob(x).sum((1, 2, 3))
    assert torch.allclose(gaussian_log_likelihood(x, mean, torch.tensor(0.3).log()), expected, rtol=1e-5)


@pytest.mark.parametrize("mean", [-1.3, -1.0, -0.2, 0.0, 0.71, 1.0, 2.0])
@pytest.mark.parametrize("log_scale", [-7.0, -4.0, -1.0, 1.0])
def test_the_discretised_logistic_sums_to_one(mean: float, log_scale: float) -> None:
    x = LEVELS.view(256, 1)
    log_probability = logistic_log_likelihood(x, torch.tensor(mean).double(), torch.tensor(log_scale).double())
    assert float(log_probability.exp().sum()) == pytest.approx(1.0, abs=1e-9)


def test_the_discretised_logistic_is_a_difference_of_distribution_functions() -> None:
    mean, log_scale = torch.tensor(0.1).double(), torch.tensor(-2.0).double()
    x = LEVELS[100:150].view(-1, 1)
    scaled = [torch.sigmoid((x + half - mean) / log_scale.exp()) for half in (1 / 255, -1 / 255)]
    expected = (scaled[0] - scaled[1]).log().sum(1)
    assert torch.allclose(logistic_log_likelihood(x, mean, log_scale), expected, atol=1e-9)


def test_the_logistics_gradient_stays_finite_far_away_and_when_narrow() -> None:
    mean = torch.full((1, 256), -1.0, requires_grad=True)
    log_scale = torch.tensor(-8.0, requires_grad=True)
    logistic_log_likelihood(LEVELS[None].float(), mean, log_scale).sum().backward()
    assert mean.grad is not None
    assert log_scale.grad is not None
    assert bool(torch.isfinite(mean.grad).all())
    assert bool(torch.isfinite(log_scale.grad))
