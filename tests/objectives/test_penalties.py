"""Penalties on the critic's gradient against critics whose gradient is known."""

import pytest
import torch
from torch import Tensor, nn

from imaginable.objectives.penalties import gradient_penalty, squared_gradient_norm

X = torch.tensor([[1.0, 2.0], [-0.5, 0.25], [3.0, 0.0]])


def linear(*weights: float) -> nn.Module:
    """D(x) = w · x, whose gradient is w everywhere."""
    layer = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([weights]))
    return nn.Sequential(layer, nn.Flatten(0))


def test_a_linear_critic_of_slope_one_pays_nothing() -> None:
    torch.testing.assert_close(gradient_penalty(linear(0.6, 0.8), X, -X), torch.zeros(3), atol=1e-10, rtol=0)


@pytest.mark.parametrize(("weights", "norm"), [((3.0, 4.0), 5.0), ((0.0, 0.3), 0.3)])
def test_a_linear_critic_pays_for_the_distance_of_its_slope_from_one(weights: tuple[float, float], norm: float) -> None:
    critic = linear(*weights)
    torch.testing.assert_close(gradient_penalty(critic, X, -X), torch.full((3,), (norm - 1) ** 2))
    torch.testing.assert_close(gradient_penalty(critic, X, -X, norm=2.0), torch.full((3,), (norm - 2) ** 2))
    torch.testing.assert_close(squared_gradient_norm(critic, X), torch.full((3,), norm**2))


def test_the_gradient_of_a_quadratic_is_the_one_by_hand() -> None:
    # D(x) = x1² + 3 x1 x2, gradient (2 x1 + 3 x2, 3 x1)
    def critic(x: Tensor) -> Tensor:
        return x[:, 0] ** 2 + 3 * x[:, 0] * x[:, 1]

    expected = torch.tensor([8.0**2 + 3.0**2, 0.25**2 + 1.5**2, 6.0**2 + 9.0**2])
    torch.testing.assert_close(squared_gradient_norm(critic, X), expected)


def test_pictures_are_penalised_as_flat_vectors() -> None:
    x = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(
        squared_gradient_norm(lambda x: 0.5 * x.square().sum((1, 2, 3)), x), x.square().sum((1, 2, 3))
    )


def test_the_point_lies_on_the_line_between_the_two_items_at_a_share_of_each_items_own() -> None:
    real, fake = torch.randn(500, 3, 2, 2), torch.randn(500, 3, 2, 2)
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.sum((1, 2, 3))

    torch.manual_seed(0)
    gradient_penalty(critic, real, fake)
    shares = ((seen[0] - fake) / (real - fake)).flatten(1)
    middle = shares.median(1, keepdim=True).values  # rounding is large where the two numbers nearly meet
    torch.testing.assert_close(seen[0], middle.view(-1, 1, 1, 1) * (real - fake) + fake, atol=1e-4, rtol=0)
    assert 0 <= float(middle.min()) < 0.02
    assert 0.98 < float(middle.max()) <= 1
    assert float(middle.mean()) == pytest.approx(0.5, abs=5 / (12 * 500) ** 0.5)  # five standard errors


@pytest.mark.parametrize("kind", ["R1", "slope one"])
def test_the_second_backward_pass_reaches_the_critics_weights(kind: str) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 5), nn.Softplus(), nn.Linear(5, 1), nn.Flatten(0)).double()
    x = X.double()

    def penalty() -> Tensor:
        torch.manual_seed(1)  # the same points between
        per_item = squared_gradient_norm(critic, x) if kind == "R1" else gradient_penalty(critic, x, -2 * x)
        return per_item.double().sum()

    weight, step = critic[0].weight, 1e-3
    (exact,) = torch.autograd.grad(penalty(), weight)
    for row, column in ((0, 0), (3, 1), (4, 0)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[row, column] += sign * step
            values.append(penalty().item())
            with torch.no_grad():
                weight[row, column] -= sign * step
        numeric = (values[0] - values[1]) / (2 * step)
        assert abs(numeric) > 1e-3
        assert exact[row, column].item() == pytest.approx(numeric, rel=2e-2, abs=1e-4)  # the gradient is float32


def test_a_flat_critic_pays_one_and_its_gradient_is_a_number() -> None:
    critic = linear(0.0, 0.0)
    penalty = gradient_penalty(critic, X, -X)
    torch.testing.assert_close(penalty, torch.ones(3), atol=1e-5, rtol=0)
    penalty.sum().backward()
    for parameter in critic.parameters():
        assert parameter.grad is not None
        assert bool(torch.isfinite(parameter.grad).all())


def test_an_items_penalty_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    other = torch.cat([X[:1], 100 * torch.randn(2, 2)])
    torch.testing.assert_close(squared_gradient_norm(critic, X)[0], squared_gradient_norm(critic, other)[0])
    penalties = []
    for real in (X, other):
        torch.manual_seed(1)
        penalties.append(gradient_penalty(critic, real, -real)[0])
    torch.testing.assert_close(*penalties)


def test_neither_items_nor_the_generator_get_a_gradient() -> None:
    real, made = X.clone().requires_grad_(), X.clone().requires_grad_()
    critic = nn.Sequential(linear(1.0, 2.0), nn.Softplus())
    (gradient_penalty(critic, real, 2 * made) + squared_gradient_norm(critic, made)).sum().backward()
    assert real.grad is None
    assert made.grad is None
