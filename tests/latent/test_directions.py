"""Directions agree with NumPy, find what was planted, say how far to trust them, and keep out of each other's way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imaginable.latent import directions
from imaginable.latent.directions import Direction, Told, consistency, in_deviations, orthogonal, pointed


@pytest.fixture
def codes() -> torch.Tensor:
    """Of eight numbers, correlated, with a mean and very different spreads."""
    generator = torch.Generator().manual_seed(3)
    mixing = torch.randn(8, 8, generator=generator) * torch.tensor([3.0, 2, 1, 1, 0.5, 0.5, 0.1, 0.01])[:, None]
    return torch.randn(600, 8, generator=generator) @ mixing + 5


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0))


# ---- units


def test_a_unit_is_one_standard_deviation_of_codes_along_it(codes: torch.Tensor) -> None:
    vector = in_deviations(torch.randn(8), codes)
    along = codes.numpy() @ (vector / vector.norm()).numpy()
    assert float(vector.norm()) == pytest.approx(along.std(), rel=1e-4)


def test_no_direction_stays_none(codes: torch.Tensor) -> None:
    assert not in_deviations(torch.zeros(8), codes).any()


def test_maps_keep_their_shape() -> None:
    codes = torch.randn(50, 2, 3, 3)
    vectors, _ = directions.principal(codes, 4)
    assert vectors.shape == (4, 2, 3, 3)
    assert in_deviations(vectors[0], codes).shape == (2, 3, 3)


# ---- references


def test_principal_components_are_the_covariance_s_eigenvectors(codes: torch.Tensor) -> None:
    vectors, shares = directions.principal(codes, 5)
    values, axes = np.linalg.eigh(np.cov(codes.numpy().T.astype(np.float64), bias=True))
    order = np.argsort(values)[::-1]
    for k, vector in enumerate(vectors.double().numpy()):
        expected = axes[:, order[k]] * np.sqrt(values[order[k]])
        np.testing.assert_allclose(vector * np.sign(vector @ expected), expected, rtol=1e-3, atol=1e-4)
        assert vector[np.abs(vector).argmax()] > 0, "the sign is settled"
    np.testing.assert_allclose(shares.numpy(), values[order[:5]] / values.sum(), rtol=1e-4)


def test_factorisation_is_the_first_layer_s_gram_matrix_s_eigenvectors_by_falling_eigenvalue() -> None:
    weight = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    vectors, values = directions.factorised(weight, torch.randn(4000, 6), 6)
    expected, axes = np.linalg.eigh(weight.numpy().T.astype(np.float64) @ weight.numpy())
    np.testing.assert_allclose(values.numpy(), expected[::-1], rtol=1e-4)
    assert (values[:-1] >= values[1:]).all()
    for k, vector in enumerate(vectors):
        assert abs(cosine(vector, torch.from_numpy(axes[:, ::-1][:, k].copy()).float())) == pytest.approx(1, abs=1e-4)


def test_components_of_a_linear_layer_come_back_as_codes() -> None:
    """Against numpy: regress codes on the coordinates along the layer's own principal axes."""
    generator = torch.Generator().manual_seed(2)
    codes = torch.randn(400, 5, generator=generator)
    weight = torch.randn(5, 30, generator=generator) * torch.tensor([4.0, 2, 1, 0.5, 0.2])[:, None]
    layer = codes @ weight
    vectors, shares = directions.principal_of_layer(layer, codes, 3)
    centred = (layer - layer.mean(0)).numpy().astype(np.float64)
    _, strength, axes = np.linalg.svd(centred, full_matrices=False)
    scores = centred @ axes[:3].T
    expected, *_ = np.linalg.lstsq(scores, (codes - codes.mean(0)).numpy(), rcond=None)
    for k in range(3):
        assert abs(cosine(vectors[k], torch.from_numpy(expected[k]).float())) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(shares.numpy(), (strength**2 / (strength**2).sum())[:3], rtol=1e-4)


# ---- from labels


def planted(correlation: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two factors that move codes in two ways, with correlated noise: codes, factors (n, 2) and ways (2, 6)."""
    generator = torch.Generator().manual_seed(5)
    factors = torch.randn(3000, 2, generator=generator)
    factors[:, 1] = correlation * factors[:, 0] + (1 - correlation**2) ** 0.5 * factors[:, 1]
    way = torch.randn(2, 6, generator=generator)
    noise = torch.randn(3000, 6, generator=generator) @ torch.randn(6, 6, generator=generator) * 0.3
    return factors @ way + noise, factors, way


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_planted_ways_are_found_however_their_factors_come_together(correlation: float) -> None:
    codes, factors, way = planted(correlation)
    steps = directions.supervised(codes, [Told(factors[:, 0]), Told(factors[:, 1])])
    for step, expected, factor in zip(steps, way, factors.T, strict=True):
        torch.testing.assert_close(step[0], expected * factor.std(correction=0), rtol=0.05, atol=0.05)
    alone = directions.supervised(codes, [Told(factors[:, 0])])[0][0]
    assert (cosine(alone, way[0]) > 0.99) is (correlation == 0), "alone, it brings the other in"


def test_steps_of_words_are_differences_of_means_and_numpy_agrees() -> None:
    generator = torch.Generator().manual_seed(8)
    words = torch.randint(0, 3, (600,), generator=generator)
    codes = torch.randn(600, 4, generator=generator) + torch.eye(4)[words] * torch.tensor([1.0, 2, 3, 4])
    (steps,) = directions.supervised(codes, [Told(words.float(), 3)])
    for word in range(3):
        chosen = (words == word).numpy()
        expected = codes.numpy()[chosen].mean(0) - codes.numpy()[~chosen].mean(0)
        np.testing.assert_allclose(steps[word].numpy(), expected, rtol=1e-3, atol=1e-4)


def test_what_is_unknown_of_an_item_does_not_tilt_the_rest() -> None:
    codes, factors, way = planted()
    some = torch.where(torch.arange(3000) % 3 == 0, torch.nan, factors[:, 0])
    step, _ = directions.supervised(codes, [Told(some), Told(factors[:, 1])])
    assert cosine(step[0], way[0]) > 0.99
    (nothing,) = directions.supervised(codes, [Told(torch.full((3000,), torch.nan))])
    assert not nothing.any()


def test_readable_factors_are_trusted_and_others_not(codes: torch.Tensor) -> None:
    own, factors, _ = planted()
    assert directions.linear(own, factors[:, 0]) > 0.7
    assert directions.logistic(own, factors[:, 0] > 0) > 0.85
    generator = torch.Generator().manual_seed(1)
    r2 = directions.linear(codes, torch.randn(600, generator=generator))
    accuracy = directions.logistic(codes, torch.rand(600, generator=generator) < 0.3)
    assert r2 < 0.1
    assert abs(accuracy - 0.5) < 0.08
    assert Direction("x", codes[0], "supervised", r2, "R²").weak
    assert Direction("x", codes[0], "supervised", accuracy, "accuracy").weak


def test_too_little_to_learn_from_is_refused(codes: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="ten items"):
        directions.linear(codes[:9], torch.arange(9.0))
    with pytest.raises(ValueError, match="ten items"):
        directions.linear(codes, torch.ones(600))
    with pytest.raises(ValueError, match="in and"):
        directions.logistic(codes, torch.arange(600) < 2)


# ---- by pointing


def test_pointing_survives_wrong_clicks_and_knows_when_it_is_chance() -> None:
    generator = torch.Generator().manual_seed(6)
    codes = torch.randn(200, 16, generator=generator)
    order = codes[:, 3].argsort()
    least, most = codes[order[:10]], codes[order[-10:]]
    most = torch.cat([most[1:], least[:1]])  # one of twenty on the wrong side
    vector, confidence = pointed(most, least[1:], codes)
    assert cosine(vector, torch.eye(16)[3]) > 0.6
    assert vector[3] > 0
    assert confidence > 0.8
    by_chance = [pointed(codes[at : at + 10], codes[at + 10 : at + 20], codes)[1] for at in range(0, 180, 20)]
    assert abs(np.mean(by_chance) - 0.5) < 0.15
    assert Direction("x", vector, "pointed", float(np.mean(by_chance)), "accuracy").weak


def test_two_clicks_on_a_side_say_nothing_of_themselves(codes: torch.Tensor) -> None:
    vector, confidence = pointed(codes[:5], codes[5:7], codes)
    assert vector.any()
    assert confidence == 0


# ---- consistency


def test_consistency_is_one_for_the_same_change_and_nothing_for_chance() -> None:
    change = torch.randn(3, 4, 4)
    assert consistency(torch.stack([change, 2 * change, 0.5 * change])) == pytest.approx(1)
    assert consistency(torch.randn(30, 1000, generator=torch.Generator().manual_seed(0))) < 0.1
    assert consistency(torch.zeros(5, 10)) == 0
    assert consistency(change[None]) == 0


# ---- locks


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_what_is_left_is_at_right_angles_to_every_locked_one(count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vector, *locked = torch.randn(count + 1, 2, 4, generator=generator)
    rest = orthogonal(vector, locked)
    for one in locked:
        assert abs(float((rest * one).sum())) < 1e-4 * float(one.norm() * vector.norm())
    torch.testing.assert_close(orthogonal(rest, locked), rest, rtol=1e-4, atol=1e-5)


def test_the_same_lock_twice_or_its_own_direction(codes: torch.Tensor) -> None:
    a, b = codes[0], codes[1]
    torch.testing.assert_close(orthogonal(a, [b, 2 * b]), orthogonal(a, [b]))
    assert float(orthogonal(a, [a]).norm()) < 1e-5 * float(a.norm())
    assert orthogonal(a, []) is a
