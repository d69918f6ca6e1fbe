"""A fitted prior finds the mixture that codes come from, and is the same after a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from imaginable.core import seeds
from imaginable.latent.prior import FittedPrior, fit

KNOWN = FittedPrior(
    torch.tensor([0.3, 0.7]),
    torch.tensor([[-4.0, 0.0], [3.0, 2.0]]),
    torch.tensor([[[1.0, 0.0], [0.8, 0.5]], [[0.4, 0.0], [-0.3, 1.2]]]),
)


@pytest.fixture(scope="module")
def codes() -> Tensor:
    return KNOWN.sample(6000, seeds.generator(0, "codes"))


def test_samples_have_the_mixtures_moments(codes: Tensor) -> None:
    mean = KNOWN.weights @ KNOWN.means
    inner = torch.einsum("k,kij,klj->il", KNOWN.weights, KNOWN.factors, KNOWN.factors)
    between = torch.einsum("k,ki,kj->ij", KNOWN.weights, KNOWN.means - mean, KNOWN.means - mean)
    deviations = (inner + between).diagonal().sqrt()
    assert bool(((codes.mean(0) - mean).abs() < 5 * deviations / len(codes) ** 0.5).all())
    torch.testing.assert_close(torch.cov(codes.T), inner + between, rtol=0.05, atol=0.1)


def test_a_fit_recovers_weights_means_and_covariances(codes: Tensor) -> None:
    found = fit(codes, components=2)
    order = found.means[:, 0].argsort()
    torch.testing.assert_close(found.weights[order], KNOWN.weights, rtol=0, atol=0.03)
    torch.testing.assert_close(found.means[order], KNOWN.means, rtol=0, atol=0.1)
    covariances = [prior.factors @ prior.factors.mT for prior in (found, KNOWN)]
    torch.testing.assert_close(covariances[0][order], covariances[1], rtol=0, atol=0.12)


def test_few_codes_get_few_components(codes: Tensor) -> None:
    assert len(fit(codes[:12], components=10).weights) == 1
    assert len(fit(codes[:40], components=10).weights) == 4
    assert len(fit(codes, components=3).weights) == 3


def test_the_generator_decides_the_samples() -> None:
    first, again, other = (KNOWN.sample(5, seeds.generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_saved_is_loaded(codes: Tensor, tmp_path: Path) -> None:
    prior = fit(codes, components=2)
    prior.save(tmp_path / "prior.safetensors")
    loaded = FittedPrior.load(tmp_path / "prior.safetensors")
    for name in ("weights", "means", "factors"):
        assert torch.equal(getattr(loaded, name), getattr(prior, name))
