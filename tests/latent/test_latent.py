"""Ways between codes, sums of them, and a fitted prior."""

import itertools
from pathlib import Path

import pytest
import torch

from imaginable.core import seeds
from imaginable.latent.arithmetic import combine
from imaginable.latent.interpolate import linear, path, spherical
from imaginable.latent.prior import FittedPrior, fit


def test_spherical_keeps_the_norm_and_meets_both_ends() -> None:
    a, b = torch.randn(2, 64)
    b = b * a.norm() / b.norm()
    way = spherical(a, b, torch.linspace(0, 1, 11))
    assert torch.allclose(way.norm(dim=1), a.norm().expand(11), rtol=1e-5)
    assert torch.allclose(way[0], a, atol=1e-5)
    assert torch.allclose(way[-1], b, atol=1e-5)
    angles = [torch.arccos((one @ two) / one.norm() / two.norm()) for one, two in itertools.pairwise(way)]
    assert float(max(angles) - min(angles)) < 1e-3


def test_spherical_is_linear_for_parallel_codes() -> None:
    a = torch.randn(8)
    assert torch.allclose(spherical(a, 2 * a, torch.tensor([0.5]))[0], 1.5 * a, atol=1e-5)
    assert bool(torch.isfinite(spherical(a, -a, torch.tensor([0.5]))).all())


def test_linear_middle_is_the_mean() -> None:
    a, b = torch.randn(2, 3, 4)
    assert torch.allclose(linear(a, b, torch.tensor([0.5]))[0], (a + b) / 2, atol=1e-6)


def test_a_path_passes_through_its_points_and_a_closed_one_comes_back() -> None:
    points = torch.randn(3, 5)
    way = path(points, 9, on_sphere=False)
    assert torch.allclose(way[[0, 4, 8]], points, atol=1e-5)
    closed = path(points, 12, closed=True, on_sphere=False)
    assert torch.allclose(closed[[0, 4, 8]], points, atol=1e-5)
    assert torch.allclose(closed[10], (points[2] + points[0]) / 2, atol=1e-5)


def test_combine() -> None:
    a, b, c = torch.randn(3, 4)
    assert torch.allclose(combine([a, b, c], [1, -1, 1]), a - b + c)
    with pytest.raises(ValueError, match="3 codes and 2 signs"):
        combine([a, b, c], [1, 1])


def test_a_fitted_prior_has_the_codes_mean_and_covariance(tmp_path: Path) -> None:
    torch.manual_seed(0)
    mixing = torch.tensor([[2.0, 0.0], [1.0, 0.5]])
    codes = torch.cat([torch.randn(2000, 2) @ mixing.T, torch.randn(1000, 2) @ mixing.T + 20])
    prior = fit(codes, components=2)
    prior.save(tmp_path / "prior.safetensors")
    drawn = FittedPrior.load(tmp_path / "prior.safetensors").sample(20_000, seeds.generator(0))
    assert torch.equal(drawn, prior.sample(20_000, seeds.generator(0)))
    assert torch.allclose(drawn.mean(0), codes.mean(0), atol=0.3)
    near = drawn[drawn[:, 0] < 10]
    assert len(near) / len(drawn) == pytest.approx(2 / 3, abs=0.03)
    assert torch.allclose(near.T.cov(), mixing @ mixing.T, atol=0.3)


def test_few_codes_get_few_components() -> None:
    assert len(fit(torch.randn(30, 4), components=10).weights) == 1
