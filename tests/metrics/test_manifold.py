"""Against the package of the papers' authors (prdc); errors against repeated draws."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from prdc import compute_prdc

from imaginable.metrics import _distances
from imaginable.metrics.manifold import Manifold, manifold, reaches
from imaginable.metrics.score import Array, Undefined

RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=(300, 6))
FAKE = RANDOM.normal(size=(220, 6)) * 0.9 + 0.4


def reference(real: Array, fake: Array, nearest_k: int) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(real, fake, nearest_k)
    return [float(found[name]) for name in Manifold._fields]


@pytest.mark.parametrize("rows", [2048, 64])
@pytest.mark.parametrize("nearest_k", [1, 5])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_they_are_those_of_prdc(kind: type, nearest_k: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distances, "ROWS", rows)
    real, fake = REAL.astype(kind), FAKE.astype(kind)
    found = [score.value for score in manifold(real, fake, nearest_k)]
    np.testing.assert_allclose(found, reference(real, fake, nearest_k), rtol=1e-12)


def test_a_set_against_itself_has_everything() -> None:
    found = manifold(REAL, REAL.copy())
    assert (found.precision.value, found.recall.value, found.coverage.value) == (1, 1, 1)
    assert found.density.value == pytest.approx(1, rel=0.02)  # itself and k - 1 others: the k-th is on the edge


def test_a_collapsed_set_is_precise_and_recalls_nothing() -> None:
    middle = REAL[np.square(REAL).sum(1).argmin()]
    found = manifold(REAL, middle + 1e-3 * RANDOM.normal(size=(100, 6)))
    assert found.precision.value == 1
    assert found.recall.value < 0.01
    assert found.coverage.value < 0.2
    assert found.density.value > 1


def test_sets_that_lie_apart_share_nothing() -> None:
    assert [score.value for score in manifold(REAL, REAL + 100)] == [0, 0, 0, 0]


def test_reach_counts_the_other_items_only() -> None:
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert reaches(line, 2).tolist() == [9, 4, 9, 36]


def test_errors_are_the_spread_over_the_items_each_is_a_mean_of() -> None:
    """The other set, and for recall and coverage the balls of the real items, held still."""
    random = np.random.default_rng(1)
    fakes = [manifold(REAL, random.normal(size=(200, 6)) * 1.3) for _ in range(100)]
    for name in ("precision", "density"):
        spread = np.std([getattr(found, name).value for found in fakes])
        error = np.mean([getattr(found, name).error for found in fakes])
        assert 1 / 1.5 < error / spread < 1.5, name
    reals = [manifold(random.normal(size=(200, 6)) * 1.3, FAKE) for _ in range(100)]
    for name in ("recall", "coverage"):
        spread = np.std([getattr(found, name).value for found in reals])
        error = np.mean([getattr(found, name).error for found in reals])
        assert 1 / 1.5 < error / spread < 1.5, name


def test_n_is_that_of_the_items_averaged() -> None:
    assert [score.n for score in manifold(REAL, FAKE)] == [220, 300, 220, 300]


def test_there_is_no_precision_from_three_images() -> None:
    with pytest.raises(Undefined, match="at least 50 images in both sets, not 300 real and 3 generated"):
        manifold(REAL, FAKE[:3])
    with pytest.raises(Undefined, match="49 real"):
        manifold(REAL[:49], FAKE)
    with pytest.raises(ValueError, match="nearest_k"):
        manifold(REAL[:50], FAKE, nearest_k=50)
