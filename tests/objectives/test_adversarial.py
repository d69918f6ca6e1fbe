"""The players' losses against their papers' formulas and known optima."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from imaginable.objectives.adversarial import (
    adaptive_weight,
    discriminator_loss,
    hinge_discriminator_loss,
    hinge_generator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    minimax_loss,
    nonsaturating_loss,
    relativistic_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)

REAL, FAKE = torch.tensor([-4.0, 0.0, 1.0, 5.0]), torch.tensor([3.0, 0.0, -2.0, -6.0])

P, Q = torch.tensor([0.5, 0.3, 0.15, 0.05]), torch.tensor([0.1, 0.3, 0.2, 0.4])
"""two distributions over four items: the data's and the generator's"""


def best_logits(loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Of each of the four items, for the discriminator whose expected loss is E over P (real) and Q (fake)."""
    logits = torch.zeros(4, requires_grad=True)
    rule = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def expected() -> Tensor:
        rule.zero_grad()
        # independent draws: the loss of every pair of a real and a fake item, weighed by its probability
        pairs = loss(logits[:, None].expand(4, 4), logits[None, :].expand(4, 4))
        total = (P[:, None] * Q[None, :] * pairs).sum()
        total.backward()
        return total

    rule.step(expected)
    return logits.detach()


def test_the_discriminator_descends_the_negative_of_equation_1() -> None:
    expected = -REAL.sigmoid().log() - (1 - FAKE.sigmoid()).log()
    torch.testing.assert_close(discriminator_loss(REAL, FAKE), expected)
    assert discriminator_loss(REAL, FAKE).shape == (4,)


def test_the_generator_descends_either_form() -> None:
    torch.testing.assert_close(minimax_loss(FAKE), (1 - FAKE.sigmoid()).log())
    torch.testing.assert_close(nonsaturating_loss(FAKE), -FAKE.sigmoid().log())


def test_far_logits_stay_finite() -> None:
    far = torch.tensor([-1e4, 1e4])
    for loss in (discriminator_loss(far, far.flip(0)), minimax_loss(far), nonsaturating_loss(far)):
        assert bool(torch.isfinite(loss).all())


def test_the_hinge_counts_nothing_beyond_its_margin() -> None:
    real, fake = torch.tensor([[-1.0, 0.5], [1.0, 7.0]]), torch.tensor([[-5.0, -1.0], [0.0, 2.0]])
    torch.testing.assert_close(hinge_discriminator_loss(real, fake), torch.tensor([[1.0, 0.25], [0.5, 1.5]]))
    torch.testing.assert_close(hinge_generator_loss(fake), -fake)


def test_the_adaptive_weight_is_the_ratio_of_the_gradients_at_the_last_layer() -> None:
    hidden, last = torch.tensor([3.0, 4.0]), torch.tensor([1.0, 1.0], requires_grad=True)
    out = last @ hidden  # gradient of out at the last layer: (3, 4), norm 5
    reconstruction, adversarial = out.square() / 2, -0.25 * out  # slopes 7 and -0.25
    weight = adaptive_weight(reconstruction, adversarial, last)
    assert weight.item() == pytest.approx(7 / 0.25, rel=1e-5)
    assert not weight.requires_grad
    assert last.grad is None
    (reconstruction + weight * adversarial).backward()  # the graphs are still there
    assert last.grad is not None
    assert last.grad.norm().item() == pytest.approx(0.0, abs=1e-4), "equal and opposite pulls"


def test_the_adaptive_weight_stays_within_its_limit() -> None:
    last = torch.ones(2, requires_grad=True)
    assert adaptive_weight(last.sum(), 0 * last.sum(), last).item() == 1e4
    assert adaptive_weight(last.sum(), 0 * last.sum(), last, most=7).item() == 7


def test_squared_errors_are_equation_9_of_mao_et_al() -> None:
    torch.testing.assert_close(
        least_squares_discriminator_loss(REAL, FAKE), torch.tensor([12.5 + 4.5, 0.5, 2.0, 8.0 + 18.0])
    )
    torch.testing.assert_close(least_squares_generator_loss(FAKE), torch.tensor([2.0, 0.5, 4.5, 24.5]))


def test_the_best_discriminators_are_the_densities_ratio() -> None:
    share = P / (P + Q)
    torch.testing.assert_close(best_logits(discriminator_loss).sigmoid(), share, atol=1e-4, rtol=0)
    torch.testing.assert_close(best_logits(least_squares_discriminator_loss), share, atol=1e-4, rtol=0)


def test_the_best_hinge_answers_are_the_margins_on_the_side_of_the_likelier() -> None:
    def expected(logits: Tensor) -> Tensor:
        return (P[:, None] * Q[None, :] * hinge_discriminator_loss(logits[:, None], logits[None, :])).sum()

    best = torch.tensor([1.0, 0.0, -1.0, -1.0])  # P = Q at the second: any answer within the margins
    assert expected(best).item() == pytest.approx(torch.minimum(P, Q).sum().item())  # 1 - total variation
    for offset in 0.3 * torch.randn(50, 4, generator=torch.Generator().manual_seed(0)):
        assert expected(best + offset) >= expected(best) - 1e-6


def test_the_wasserstein_losses_are_differences_and_blind_to_a_shift_of_the_critic() -> None:
    torch.testing.assert_close(wasserstein_critic_loss(REAL, FAKE), torch.tensor([7.0, 0.0, -3.0, -11.0]))
    torch.testing.assert_close(wasserstein_critic_loss(REAL + 8, FAKE + 8), wasserstein_critic_loss(REAL, FAKE))
    torch.testing.assert_close(wasserstein_generator_loss(FAKE), -FAKE)


def test_the_best_critic_of_slope_one_measures_how_far_two_points_are_apart() -> None:
    # one real item at 0, one fake at 3: D(x) = -s x with |s| <= 1; the dual's optimum is their distance
    slopes = torch.linspace(-1, 1, 201)
    losses = wasserstein_critic_loss(-slopes * 0.0, -slopes * 3.0)
    assert losses.min().item() == pytest.approx(-3.0)
    assert slopes[losses.argmin()].item() == 1.0


def test_the_relativistic_loss_is_the_softplus_of_a_difference_and_players_swap_places() -> None:
    torch.testing.assert_close(relativistic_loss(REAL, FAKE), -(REAL - FAKE).sigmoid().log())
    torch.testing.assert_close(relativistic_loss(REAL + 2, FAKE + 2), relativistic_loss(REAL, FAKE))
    # the two players' losses differ by the difference of the logits: softplus(t) - softplus(-t) = t
    torch.testing.assert_close(relativistic_loss(REAL, FAKE) - relativistic_loss(FAKE, REAL), FAKE - REAL)
    assert relativistic_loss(torch.zeros(1), torch.zeros(1)).item() == pytest.approx(0.6931472)


def test_the_best_relativistic_discriminator_ranks_by_the_densities_ratio() -> None:
    # every pair of items is compared: it is right to prefer i to j with odds P_i Q_j : P_j Q_i
    logits = best_logits(relativistic_loss)
    expected = (P / Q).log()
    torch.testing.assert_close(logits - logits[1], expected - expected[1], atol=2e-3, rtol=0)


def test_the_generators_slope_does_not_vanish_where_it_is_found_out_but_for_minimax() -> None:
    found_out = torch.tensor(-20.0, requires_grad=True)
    losses = (nonsaturating_loss, least_squares_generator_loss, wasserstein_generator_loss, hinge_generator_loss)
    for loss in losses:
        (slope,) = torch.autograd.grad(loss(found_out), found_out)
        assert slope <= -1
    (slope,) = torch.autograd.grad(minimax_loss(found_out), found_out)
    assert abs(slope) < 1e-8
