"""The perceptual distance against its equation, and where its gradient goes."""

import pytest
import torch
from torch import Tensor, nn

from imaginable.objectives.perceptual import perceptual_distance


def as_it_is(x: Tensor) -> list[Tensor]:
    return [x]


def plane(*vector: float) -> Tensor:
    """One picture of 2 x 3 places that all have this vector."""
    return torch.tensor(vector).view(1, -1, 1, 1).expand(1, len(vector), 2, 3)


@pytest.mark.parametrize(
    ("other", "expected"),
    [((3.0, 0.0), 0.0), ((0.0, 5.0), 2.0), ((-3.0, 0.0), 4.0), ((1.0, 1.0), 2 - 2**0.5), ((0.0, 0.0), 1.0)],
)
def test_it_is_the_squared_distance_of_directions(other: tuple[float, float], expected: float) -> None:
    distance = perceptual_distance(as_it_is, plane(2.0, 0.0), plane(*other))
    assert distance.shape == (1,)
    assert distance.item() == pytest.approx(expected, abs=1e-4)


def test_places_and_levels_are_averaged_and_items_are_not() -> None:
    one, other = plane(1.0, 0.0).repeat(2, 1, 1, 1), plane(1.0, 0.0).repeat(2, 1, 1, 1)
    other[1, :, 0, 0] = torch.tensor([0.0, 1.0])  # one place of six, 2 apart

    def three_levels(x: Tensor) -> list[Tensor]:
        return [x, x, torch.ones_like(x)[..., :1, :1]]  # the third never differs

    torch.testing.assert_close(perceptual_distance(three_levels, one, other), torch.tensor([0.0, 2 / 6 * 2 / 3]))


def test_the_gradient_reaches_the_picture_and_not_frozen_features() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 3).requires_grad_(False)
    x, rebuilt = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8, requires_grad=True)
    before = perceptual_distance(lambda picture: [network(picture)], x, rebuilt).mean()
    before.backward()
    assert rebuilt.grad is not None
    assert all(parameter.grad is None for parameter in network.parameters())
    with torch.no_grad():
        after = perceptual_distance(lambda picture: [network(picture)], x, rebuilt - 10 * rebuilt.grad).mean()
    assert after.item() < before.item()


def test_places_without_any_feature_have_a_finite_gradient() -> None:
    rebuilt = torch.zeros(1, 2, 2, 3, requires_grad=True)
    perceptual_distance(as_it_is, plane(1.0, 0.0), rebuilt).sum().backward()
    assert rebuilt.grad is not None
    assert bool(torch.isfinite(rebuilt.grad).all())


def test_it_is_computed_in_full_precision() -> None:
    one, other = plane(1.0, 0.0).bfloat16(), plane(1.0, 0.004).bfloat16()
    distance = perceptual_distance(as_it_is, one, other)
    assert distance.dtype == torch.float32
    assert distance.item() == pytest.approx(float(other[0, 1, 0, 0]) ** 2, rel=1e-2)
