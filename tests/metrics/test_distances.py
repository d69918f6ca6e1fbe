from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from imaginable.metrics import _distances
from imaginable.metrics._share import share_of

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(23, 5)), RANDOM.normal(size=(31, 5)) + 1


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_blocks_put_together_are_all_squared_distances(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distances, "ROWS", rows)
    across, inside = np.full((23, 31), np.nan), np.full((23, 23), np.nan)
    for a, b, squared in _distances.between(X, Y):
        assert max(squared.shape) <= rows
        across[a, b] = squared
    for a, b, squared in _distances.within(X):
        inside[a, b] = squared
        inside[b, a] = squared.T
    np.testing.assert_allclose(across, cdist(X, Y) ** 2, rtol=1e-12)
    expected = cdist(X, X) ** 2
    np.fill_diagonal(expected, np.inf)
    np.testing.assert_allclose(inside, expected, rtol=1e-12)


def test_each_pair_of_a_set_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distances, "ROWS", 5)
    assert sum(squared.size for a, b, squared in _distances.within(X) if a != b) < 23 * 23 / 2


def test_single_precision_stays_right_far_from_the_origin() -> None:
    x, y = (X + 1000).astype(np.float32), (Y + 1000).astype(np.float32)
    (_, _, squared), *rest = _distances.between(x, y)
    assert squared.dtype == np.float32
    assert not rest
    np.testing.assert_allclose(squared, cdist(x, y) ** 2, rtol=1e-4)


def test_copies_are_never_at_a_negative_squared_distance() -> None:
    x = RANDOM.normal(size=(300, 40)).astype(np.float32)
    assert min(squared.min() for _, _, squared in _distances.between(x, x)) >= 0


def test_an_error_of_a_share_is_the_binomials() -> None:
    score = share_of(np.arange(100) < 20)
    assert score == (0.2, pytest.approx(0.04), 100, None)


def test_a_share_of_none_has_the_exact_interval() -> None:
    score = share_of(np.zeros(100, bool))
    assert score.interval == (0.0, pytest.approx(1 - 0.025 ** (1 / 100)))
    every = share_of(np.ones(100, bool))
    assert every.interval == (pytest.approx(0.025 ** (1 / 100)), 1.0)


def test_items_in_pairs_say_half_as_much() -> None:
    hits = np.arange(400) < 100
    assert share_of(hits, together=2).error == pytest.approx(share_of(hits).error * 2**0.5)
    assert share_of(np.zeros(200, bool), together=2).interval == share_of(np.zeros(100, bool)).interval
