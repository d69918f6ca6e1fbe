"""Ways through codes keep to the sphere, begin and end where they should, and meet every point."""

from __future__ import annotations

import math

import pytest
import torch

from imaginable.latent.interpolate import linear, path, spherical

T = torch.linspace(0, 1, 11)


def codes(*shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape)


def test_between_codes_of_one_norm_the_norm_stays() -> None:
    a, b = codes(2, 64)
    b = b * a.norm() / b.norm()
    torch.testing.assert_close(spherical(a, b, T).norm(dim=1), a.norm().expand(11))
    assert float(linear(a, b, T).norm(dim=1).min()) < 0.8 * float(a.norm()), "a straight line would not"


def test_between_other_codes_the_norm_goes_evenly() -> None:
    a, b = codes(2, 64)
    torch.testing.assert_close(spherical(a, 3 * b, T).norm(dim=1), linear(a.norm(), 3 * b.norm(), T))


def test_the_angle_goes_evenly() -> None:
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    way = spherical(a, b, T)
    torch.testing.assert_close(torch.atan2(way[:, 1], way[:, 0]), T * math.pi / 2)


@pytest.mark.parametrize("way", [linear, spherical])
def test_ends_are_the_codes(way: type[linear]) -> None:
    a, b = codes(2, 3, 4, 4)
    ends = way(a, b, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(ends, torch.stack([a, b]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 2.5, -1.0])
def test_codes_in_one_line_are_joined_by_it(factor: float) -> None:
    a = codes(8)
    way = spherical(a, factor * a, T)
    assert bool(torch.isfinite(way).all())
    torch.testing.assert_close(way, linear(a, factor * a, T))


def test_a_way_to_the_origin_stays_finite() -> None:
    a = codes(8)
    torch.testing.assert_close(spherical(a, 0 * a, T)[[0, -1]], torch.stack([a, 0 * a]))


@pytest.mark.parametrize("on_sphere", [True, False])
def test_a_path_meets_every_point_in_even_time(on_sphere: bool) -> None:
    points = codes(4, 2, 3)
    way = path(points, steps=10, on_sphere=on_sphere)
    assert way.shape == (10, 2, 3)
    torch.testing.assert_close(way[::3], points, rtol=1e-5, atol=1e-5)


def test_a_closed_path_comes_back_without_repeating_the_first() -> None:
    points = codes(3, 5)
    way = path(points, steps=12, closed=True, on_sphere=False)
    torch.testing.assert_close(way[::4], points, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(way[11], linear(points[2], points[0], torch.tensor([0.75]))[0], rtol=1e-4, atol=1e-5)


def test_the_prior_decides_sphere_or_line() -> None:
    points = codes(2, 6)
    torch.testing.assert_close(path(points, 3, on_sphere=True)[1], spherical(*points, torch.tensor([0.5]))[0])
    torch.testing.assert_close(path(points, 3, on_sphere=False)[1], points.mean(0))
