"""log p(x | z) of every output distribution: nats per item."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from imaginable.objectives.reconstruction import (
    bernoulli_log_likelihood,
    focal_loss,
    gaussian_log_likelihood,
    logistic_log_likelihood,
    logistic_mixture_log_likelihood,
    logistic_mixture_mean,
    mixture_parameters,
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


# ---- the mixture of logistics


def mixture(n: int, channels: int, components: int = 3, scale: float = 1.0) -> Tensor:
    torch.manual_seed(0)
    return scale * torch.randn(n, mixture_parameters(channels, components), 1, 1, dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.3, 2.0, 20.0])
def test_the_mixture_of_a_grey_pixel_sums_to_one(scale: float) -> None:
    parameters = mixture(1, 1, scale=scale).expand(256, -1, 1, 1)
    log_p = logistic_mixture_log_likelihood(GREYS.reshape(256, 1, 1, 1), parameters)
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-9)


def test_the_mixture_of_a_colour_pixel_sums_to_one_over_its_last_channel_given_any_others() -> None:
    # Σ_b P(r, g, b) is P(r, g): a mixture of one channel fewer, with the same weights
    both = torch.tensor([0.2, -0.7], dtype=torch.float64)
    pixels = torch.cat([both.expand(256, 2), GREYS[:, None]], dim=1).reshape(256, 3, 1, 1)
    parameters = mixture(1, 3)
    marginal = logistic_mixture_log_likelihood(pixels, parameters.expand(256, -1, 1, 1)).exp().sum()
    numbers = parameters.reshape(3, -1)  # (components, 1 + 3 + 3 + 3)
    kept = torch.cat([numbers[:, 0:3], numbers[:, 4:6], numbers[:, 7:8]], dim=1).reshape(1, -1, 1, 1)
    expected = logistic_mixture_log_likelihood(both.reshape(1, 2, 1, 1), kept).exp()
    assert marginal.item() == pytest.approx(expected.item(), rel=1e-9)


def test_a_mixture_of_one_is_the_logistic() -> None:
    x, a = pictures()
    x, a = x[:, :1], a[:, :1]
    parameters = torch.cat([torch.full_like(a, 7.0), a, torch.full_like(a, -2.0)], dim=1)
    expected = logistic_log_likelihood(x, a, torch.tensor(-2.0))
    torch.testing.assert_close(logistic_mixture_log_likelihood(x, parameters), expected)
    torch.testing.assert_close(logistic_mixture_mean(parameters, 1), a)


def test_the_mixtures_mean_is_that_of_its_probabilities() -> None:
    parameters = mixture(1, 1, scale=0.2)
    parameters.reshape(3, 3)[:, 2] = -3.0  # narrow enough to lose nothing at the ends
    log_p = logistic_mixture_log_likelihood(GREYS.reshape(256, 1, 1, 1), parameters.expand(256, -1, 1, 1))
    expected = (log_p.exp() * GREYS).sum().item()
    assert logistic_mixture_mean(parameters, 1).item() == pytest.approx(expected, abs=1e-4)


def test_a_later_channels_mean_follows_the_earlier_ones() -> None:
    # one component; green = 0.1 + tanh(1) · red
    parameters = torch.tensor([0.0, 0.3, 0.1, -5.0, -5.0, 1.0]).reshape(1, 6, 1, 1)
    shown = logistic_mixture_mean(parameters, 2).flatten()
    torch.testing.assert_close(shown, torch.tensor([0.3, 0.1 + math.tanh(1.0) * 0.3]))
    greens = GREYS.float()
    pixels = torch.stack([torch.full((256,), -0.4), greens], dim=1).reshape(256, 2, 1, 1)
    likely = logistic_mixture_log_likelihood(pixels, parameters.expand(256, -1, 1, 1))
    best = greens[int(likely.argmax())].item()
    assert best == pytest.approx(0.1 - math.tanh(1.0) * 0.4, abs=1 / 127.5)


# ---- focal loss


def test_without_gamma_the_focal_loss_is_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(6, 1, 4, 4), torch.randint(0, 2, (6, 1, 4, 4)).float()
    expected = -bernoulli_log_likelihood(2 * truth - 1, logits) / 16
    torch.testing.assert_close(focal_loss(logits, truth, 0), expected)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("chance", [0.01, 0.3, 0.9])
def test_it_is_the_papers_formula(chance: float, gamma: float) -> None:
    logit = torch.tensor(math.log(chance / (1 - chance)))
    hit = -((1 - chance) ** gamma) * math.log(chance)
    miss = -(chance**gamma) * math.log(1 - chance)
    truth = torch.tensor([[1.0], [0.0]])
    assert focal_loss(logit.expand(2, 1), truth, gamma).tolist() == pytest.approx([hit, miss], rel=1e-4)
    mixed = focal_loss(logit.expand(1, 4), torch.tensor([[1.0, 0, 0, 0]]), gamma)
    assert mixed.item() == pytest.approx((hit + 3 * miss) / 4, rel=1e-4), "the mean over an item's numbers"


def test_what_is_hopelessly_wrong_or_sure_has_a_finite_loss_and_slope() -> None:
    logits = torch.tensor([[200.0], [-200.0], [200.0], [-200.0]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[0.0], [1.0], [1.0], [0.0]]), 2)
    assert loss.tolist() == pytest.approx([200, 200, 0, 0])
    loss.sum().backward()
    assert logits.grad is not None
    assert logits.grad[:, 0].tolist() == pytest.approx([1, -1, 0, 0])
