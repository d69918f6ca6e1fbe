"""Against closed forms; errors against repeated draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from imaginable.metrics.classes import class_divergence, classifier_score
from imaginable.metrics.score import Undefined

UNIFORM = np.full(4, 0.25)


def test_a_sure_classifier_of_balanced_classes_scores_their_number() -> None:
    score = classifier_score(np.eye(5)[np.arange(50) % 5])
    assert score.value == pytest.approx(5)
    assert score.error == pytest.approx(0, abs=1e-9)


def test_a_classifier_that_sees_no_difference_scores_one() -> None:
    assert classifier_score(np.tile([0.1, 0.2, 0.7], (20, 1))).value == pytest.approx(1)


def test_it_is_the_formula_of_the_inception_score() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(6, 0.3), size=200)
    expected = np.exp(np.mean([entropy(row, p.mean(0)) for row in p]))
    assert classifier_score(p).value == pytest.approx(expected, rel=1e-12)


def test_the_error_of_the_score_is_the_spread_over_repeated_sets() -> None:
    random = np.random.default_rng(0)
    scores = [classifier_score(random.dirichlet([0.1, 0.3, 1, 2], size=300)) for _ in range(300)]
    assert np.mean([score.error for score in scores]) == pytest.approx(np.std([s.value for s in scores]), rel=0.2)


def test_a_score_of_fewer_images_than_classes_is_refused() -> None:
    with pytest.raises(Undefined, match="at least 20 images, not 19"):
        classifier_score(np.full((19, 20), 0.05))
    with pytest.raises(Undefined, match="at least 10"):
        classifier_score(np.full((9, 2), 0.5))
    with pytest.raises(ValueError, match="summing to 1"):
        classifier_score(np.full((20, 4), 0.5))


def test_divergence_is_that_of_the_histogram() -> None:
    predicted = np.repeat([0, 1, 2], [50, 30, 20])
    share = np.array([0.2, 0.3, 0.4, 0.1])
    assert class_divergence(predicted, share).value == pytest.approx(entropy([0.5, 0.3, 0.2, 0], share))
    assert class_divergence(np.repeat(np.arange(4), 25), UNIFORM).value == 0
    assert class_divergence(np.zeros(30, int), UNIFORM).value == pytest.approx(np.log(4))


@pytest.mark.parametrize("drawn", [[0.25] * 4, [0.28, 0.24, 0.24, 0.24], [0.6, 0.2, 0.15, 0.05]])
def test_the_error_of_the_divergence_is_right_near_zero_too(drawn: list[float]) -> None:
    random = np.random.default_rng(0)
    scores = [class_divergence(random.choice(4, size=400, p=drawn), UNIFORM) for _ in range(400)]
    error = np.sqrt(np.mean([score.error**2 for score in scores]))
    assert 0.9 < error / np.std([score.value for score in scores]) < 1.35


def test_the_bias_is_the_documented_one() -> None:
    random = np.random.default_rng(0)
    values = [class_divergence(random.integers(10, size=300), np.full(10, 0.1)).value for _ in range(400)]
    assert np.mean(values) == pytest.approx(9 / 600, rel=0.1)


def test_a_class_without_a_share_is_named() -> None:
    with pytest.raises(Undefined, match=r"classes \[2\] were predicted"):
        class_divergence(np.repeat([0, 2], 10), np.array([0.5, 0.5, 0.0]))
    assert class_divergence(np.repeat([0, 1], 10), np.array([0.5, 0.5, 0.0])).value == 0


def test_divergence_refuses_what_it_cannot_use() -> None:
    with pytest.raises(Undefined, match="at least 10 images, not 9"):
        class_divergence(np.zeros(9, int), UNIFORM)
    with pytest.raises(ValueError, match="from 0 to 3"):
        class_divergence(np.full(20, 4), UNIFORM)
    with pytest.raises(ValueError, match="sum to 1"):
        class_divergence(np.zeros(20, int), UNIFORM * 2)
