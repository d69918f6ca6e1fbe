"""The bound's own terms against torch.distributions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from imaginable.objectives.variational import (
    capacity_cost,
    free_bits,
    importance_weighted_bound,
    kl_to_standard_normal,
    normal_log_density,
    reparameterise,
    total_correlation_terms,
)


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


def test_density_is_that_of_torch() -> None:
    torch.manual_seed(0)
    z, mean, log_variance = torch.randn(3, 5, 3)
    expected = Normal(mean, (0.5 * log_variance).exp()).log_prob(z)
    torch.testing.assert_close(normal_log_density(z, mean, log_variance), expected)


def test_free_bits_average_over_the_batch_before_they_compare() -> None:
    kl = torch.tensor([[0.0, 4.0], [2.0, 0.0]])  # means 1 and 2
    assert free_bits(kl, 0.5).item() == 3.0
    assert free_bits(kl, 1.5).item() == 3.5  # items one by one would give another number
    assert free_bits(kl, 5.0).item() == 10.0


def test_capacity_costs_on_both_sides() -> None:
    assert capacity_cost(torch.tensor([1.0, 5.0, 9.0]), 5.0, 10.0).tolist() == [40.0, 0.0, 40.0]


def test_importance_weighted_bound_is_the_log_of_the_mean_weight() -> None:
    weights = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    torch.testing.assert_close(importance_weighted_bound(weights.log()), torch.tensor([2.0, 4.0]).log())
    torch.testing.assert_close(importance_weighted_bound(weights[:1].log()), weights[0].log())


# ---- the KL's three parts


def decomposed(means: list[list[float]], deviation: float, count: int | None = None, draws: int = 400) -> list[float]:
    """Averages over draws of the three terms, for items with these posterior means."""
    torch.manual_seed(0)
    mean = torch.tensor(means, dtype=torch.float64)
    log_variance = torch.full_like(mean, 2 * math.log(deviation))
    rows = [
        torch.stack(total_correlation_terms(reparameterise(mean, log_variance), mean, log_variance, count or len(mean)))
        for _ in range(draws)
    ]
    return [float(row) for row in torch.stack(rows).mean((0, 2))]


CORNERS = [[a, b] for a in (-5.0, 5.0) for b in (-5.0, 5.0)]


@pytest.mark.parametrize(
    ("means", "information", "correlation"),
    [
        (CORNERS, math.log(4), 0.0),  # four codes far apart, dimensions independent
        (CORNERS[::3], math.log(2), math.log(2)),  # two on the diagonal: either dimension says all
        (CORNERS[:2], math.log(2), 0.0),  # two that differ in one dimension
        ([[1.0, 2.0]] * 4, 0.0, 0.0),  # all the same: the code says nothing
    ],
)
def test_information_and_correlation_where_they_are_known(
    means: list[list[float]], information: float, correlation: float
) -> None:
    found = decomposed(means, 0.1)
    assert found[0] == pytest.approx(information, abs=1e-6)
    assert found[1] == pytest.approx(correlation, abs=1e-6)


def test_when_the_batch_is_the_data_set_the_three_are_exact_and_sum_to_the_kl() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(7, 3, dtype=torch.float64), torch.randn(7, 3, dtype=torch.float64)
    z = reparameterise(mean, log_variance)
    scale = (0.5 * log_variance).exp()
    even = Categorical(torch.ones(7, dtype=torch.float64))
    aggregate = MixtureSameFamily(even, Independent(Normal(mean, scale), 1)).log_prob(z)
    marginals = sum(MixtureSameFamily(even, Normal(mean[:, j], scale[:, j])).log_prob(z[:, j]) for j in range(3))
    given_x = Normal(mean, scale).log_prob(z).sum(1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    information, correlation, dimensions = total_correlation_terms(z, mean, log_variance, 7)
    torch.testing.assert_close(information, given_x - aggregate)
    torch.testing.assert_close(correlation, aggregate - marginals)
    torch.testing.assert_close(dimensions, marginals - prior)
    torch.testing.assert_close(information + correlation + dimensions, given_x - prior)


def test_over_all_batches_the_estimate_of_q_is_right_on_average() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(6, 2, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    z = reparameterise(mean[:1], log_variance[:1])
    exact = Independent(Normal(mean, (0.5 * log_variance).exp()), 1).log_prob(z).exp().mean()
    estimates = []
    for others in itertools.combinations(range(1, 6), 2):  # item 0 with any two of the rest
        batch = [*others, 0]  # not in front: its own weight belongs on the diagonal
        information, _, _ = total_correlation_terms(z.expand(3, 2), mean[batch], log_variance[batch], 6)
        log_given_x = Normal(mean[0], (0.5 * log_variance[0]).exp()).log_prob(z).sum()
        estimates.append((log_given_x - information[2]).exp())
    torch.testing.assert_close(torch.stack(estimates).mean(), exact)


def test_a_batch_of_one_is_no_error() -> None:
    assert all(bool(torch.isfinite(term)) for term in map(torch.tensor, decomposed([[0.5, 0.5]], 0.3)))


def test_the_trick_on_numbers_that_one_can_check_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    mean, deviation, noise = torch.tensor([[0.5, -0.2]]), torch.tensor([[0.1, 0.3]]), torch.tensor([[0.5, -1.0]])
    monkeypatch.setattr(torch, "randn_like", lambda like: noise)
    z = reparameterise(mean, 2 * deviation.log())
    torch.testing.assert_close(z, torch.tensor([[0.55, -0.5]]))
