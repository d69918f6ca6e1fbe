"""Distances of codes: of a known Gaussian, by brute force, of codes of very many numbers, and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from imaginable.latent.outlying import Cloud


def gaussian(n: int, deviations: Tensor, seed: int = 0) -> Tensor:
    """Codes (n, d) around 3, turned so that their numbers are correlated."""
    generator = torch.Generator().manual_seed(seed)
    d = len(deviations)
    turn, _ = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(9)))
    return 3 + (torch.randn(n, d, generator=generator) * deviations) @ turn.T


def turn_of(d: int) -> Tensor:
    return torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(9)))[0]


def test_a_step_of_one_deviation_is_a_distance_of_one_in_every_direction() -> None:
    deviations = torch.tensor([0.5, 1.0, 2.0, 4.0])
    cloud = Cloud.fit(gaussian(40_000, deviations))
    steps = 3 + torch.diag(deviations) @ turn_of(4).T  # a deviation along each of the axes
    assert cloud.mahalanobis(steps).tolist() == pytest.approx([1] * 4, rel=0.03)
    assert cloud.mahalanobis(torch.full((1, 4), 3.0)).item() == pytest.approx(0, abs=0.03)


def test_its_square_has_as_many_degrees_of_freedom_as_the_code_numbers() -> None:
    deviations = torch.tensor([0.5, 1.0, 2.0])
    squares = Cloud.fit(gaussian(20_000, deviations)).mahalanobis(gaussian(20_000, deviations, seed=1)).square()
    assert float(squares.mean()) == pytest.approx(3, rel=0.03)
    assert float(squares.var()) == pytest.approx(6, rel=0.08)


def test_it_is_the_plain_formula_with_the_shrunk_covariance() -> None:
    codes = gaussian(300, torch.tensor([1.0, 2.0, 3.0, 0.2, 5.0])).double().numpy()
    covariance, shrinkage = ledoit_wolf(codes)
    assert 0 < shrinkage < 0.1
    off = codes[:50] - codes.mean(0)
    plain = np.sqrt(np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off))
    found = Cloud.fit(torch.from_numpy(codes)).mahalanobis(torch.from_numpy(codes[:50]).float())
    np.testing.assert_allclose(found.numpy(), plain, rtol=1e-4)


def test_fewer_codes_than_numbers_give_a_distance_all_the_same() -> None:
    deviations = torch.linspace(0.1, 2, 60)
    cloud = Cloud.fit(gaussian(20, deviations))
    near, far = cloud.mahalanobis(gaussian(50, deviations, 1)), cloud.mahalanobis(gaussian(50, deviations, 1) + 5)
    assert bool(torch.isfinite(near).all())
    assert float(far.min()) > float(near.max())


def test_numbers_that_never_move_do_no_harm_until_they_do() -> None:
    torch.manual_seed(0)
    codes = torch.cat([torch.randn(200, 3), torch.ones(200, 1)], 1)
    cloud = Cloud.fit(codes)
    assert bool(torch.isfinite(cloud.mahalanobis(codes)).all())
    moved, aside = codes.clone(), codes.clone()
    moved[:, 3] += 2
    aside[:, 0] += 2
    assert float(cloud.mahalanobis(moved).min()) > float(cloud.mahalanobis(aside).max())


def test_codes_of_very_many_numbers_are_measured_number_by_number() -> None:
    torch.manual_seed(0)
    deviations = torch.linspace(0.5, 2, 1_100)
    codes = 1 + torch.randn(400, 1_100) * deviations
    cloud = Cloud.fit(codes)
    assert cloud.whitening.shape == (1_100,)
    z = (codes[:7].double() - codes.double().mean(0)) / codes.double().std(0)
    np.testing.assert_allclose(cloud.mahalanobis(codes[:7]).numpy(), z.norm(dim=1).numpy(), rtol=1e-4)
    assert Cloud.fit(codes[:, :1_024]).whitening.shape == (1_024, 1_024), "up to there with all correlations"


def test_the_nearest_are_those_of_a_double_loop() -> None:
    torch.manual_seed(0)
    known, asked = torch.randn(40, 6), torch.randn(9, 6)
    distances = np.array([[np.linalg.norm(one - other) for other in known.numpy()] for one in asked.numpy()])
    cloud = Cloud.fit(known)
    for count in (1, 5, 40):
        expected = np.sort(distances, axis=1)[:, :count].mean(1)
        np.testing.assert_allclose(cloud.nearest(asked, count).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(cloud.nearest(asked).numpy(), np.sort(distances, axis=1)[:, :5].mean(1), rtol=1e-5)
    assert cloud.nearest(asked, 100).tolist() == cloud.nearest(asked, 40).tolist(), "there are no more"


def test_codes_of_any_shape_are_taken_as_their_numbers() -> None:
    torch.manual_seed(0)
    codes = torch.randn(50, 2, 3, 4)
    flat, shaped = Cloud.fit(codes.flatten(1)), Cloud.fit(codes)
    assert torch.equal(shaped.mahalanobis(codes), flat.mahalanobis(codes.flatten(1)))
    assert torch.equal(shaped.nearest(codes), flat.nearest(codes.flatten(1)))


def test_not_more_codes_are_kept_than_can_be_sought_among() -> None:
    codes = torch.arange(25_000.0)[:, None]
    cloud = Cloud.fit(codes)
    assert len(cloud.codes) == 10_000
    assert float(cloud.codes[1] - cloud.codes[0]) == 2, "from the beginning to near the end"
    assert float(cloud.mean) == pytest.approx(12_499.5), "of all"


@pytest.mark.parametrize("numbers", [6, 1_030])
def test_what_is_saved_is_loaded(numbers: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    codes = torch.randn(30, numbers)
    cloud = Cloud.fit(codes)
    cloud.save(tmp_path / "deep" / "cloud.safetensors")
    again = Cloud.load(tmp_path / "deep" / "cloud.safetensors")
    for asked in ("mahalanobis", "nearest"):
        assert torch.equal(getattr(again, asked)(codes), getattr(cloud, asked)(codes))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["cloud.safetensors"]
