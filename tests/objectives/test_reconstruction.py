"""log p(x | z) of every output distribution: nats per item."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from imaginable.objectives.reconstruction import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    logistic_log_likelihood,
    squared_error,
)

GREYS = torch.arange(256, dtype=torch.float64) / 127.5 - 1
MEANS = [-3.0, -1.0, -0.997, 0.0, 0.1234, 1.0, 40.0]


def pictures(n: int = 4) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randint(0, 256, (n, 3, 5, 5)) / 127.5 - 1, torch.randn(n, 3, 5, 5)


@pytest.mark.parametrize(
    "function",
    [
        squared_error,
        bernoulli_log_likelihood,
        lambda x, a: gaussian_log_likelihood(x, a, torch.tensor(-1.0)),
        lambda x, a: logistic_log_likelihood(x, a, torch.tensor(-1.0)),
    ],
)
def test_one_number_per_item_that_no_other_item_changes(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    x, a = pictures()
    assert function(x, a).shape == (4,)
    torch.testing.assert_close(function(x[1:2], a[1:2]), function(x, a)[1:2])
    halves = function(x[:, :1], a[:, :1]) + function(x[:, 1:], a[:, 1:])
    torch.testing.assert_close(halves, function(x, a))  # summed over dimensions, not averaged


def test_squared_error() -> None:
    x, a = pictures()
    torch.testing.assert_close(squared_error(x, a), torch.stack([((p - q) ** 2).sum() for p, q in zip(x, a)]))  # noqa: B905


def test_bernoulli() -> None:
    x, a = pictures()
    black_and_white = x.sign() + (x == 0)
    expected = Bernoulli(logits=a).log_prob((black_and_white + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(bernoulli_log_likelihood(black_and_white, a), expected)
    probability = (x + 1) / 2
    expected = (probability * a.sigmoid().log() + (1 - probability) * (-a).sigmoid().log()).flatten(1).sum(1)
    torch.testing.assert_close(bernoulli_log_likelihood(x, a), expected)


@pytest.mark.parametrize("log_deviation", [-4.0, 0.0, 2.0])
def test_gaussian(log_deviation: float) -> None:
    x, a = pictures()
    deviation = torch.tensor(log_deviation)
    expected = Normal(a, deviation.exp()).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(gaussian_log_likelihood(x, a, deviation), expected, rtol=1e-5, atol=1e-4)


def logistic(mean: float, log_scale: float, dtype: torch.dtype = torch.float64) -> Tensor:
    """log P of each grey value, (256,)."""
    x = GREYS.to(dtype)[:, None]
    return logistic_log_likelihood(x, torch.full_like(x, mean), torch.tensor(log_scale, dtype=dtype))


@pytest.mark.parametrize("log_scale", [-14.0, -7.0, -3.0, 0.0, 6.0])
@pytest.mark.parametrize("mean", MEANS)
def test_the_256_probabilities_sum_to_one(mean: float, log_scale: float) -> None:
    assert float(logistic(mean, log_scale).exp().sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("log_scale", [-6.0, -3.0, 0.0, 6.0])
@pytest.mark.parametrize("mean", MEANS)
def test_in_single_precision_they_do_to_five_digits(mean: float, log_scale: float) -> None:
    assert float(logistic(mean, log_scale, torch.float32).exp().sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("log_scale", [-3.0, -1.0, 1.0])
def test_logistic_is_the_difference_of_two_sigmoids(log_scale: float) -> None:
    mean, scale, half = 0.3, torch.tensor(log_scale).double().exp(), 1 / 255
    inside = torch.sigmoid((GREYS + half - mean) / scale) - torch.sigmoid((GREYS - half - mean) / scale)
    first, last = torch.sigmoid((GREYS[:1] + half - mean) / scale), torch.sigmoid(-(GREYS[-1:] - half - mean) / scale)
    expected = torch.cat([first, inside[1:-1], last]).log()
    torch.testing.assert_close(logistic(mean, log_scale), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("log_scale", [-20.0, -12.0, -7.0, 12.0])
def test_gradients_are_finite_however_narrow_or_wide(log_scale: float) -> None:
    x = GREYS.float()[:, None]
    mean = torch.zeros_like(x, requires_grad=True)
    scale = torch.full_like(x, log_scale).requires_grad_()
    value = logistic_log_likelihood(x, mean, scale)
    value.sum().backward()
    assert mean.grad is not None
    assert scale.grad is not None
    assert bool(torch.isfinite(value).all())
    assert bool(torch.isfinite(mean.grad).all())
    assert bool(torch.isfinite(scale.grad).all())
    far = x.flatten() > 0.5
    assert bool((mean.grad.flatten()[far] > 0).all()), "a far-off value still pulls"
