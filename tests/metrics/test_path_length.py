"""Path lengths that are known, and how long a step float32 networks need."""

from __future__ import annotations

import numpy as np
import pytest

from imaginable.core.errors import UserError
from imaginable.metrics.path_length import perceptual_path_length
from imaginable.metrics.score import Undefined

N, CODES, FEATURES = 4000, 8, 16
RANDOM = np.random.default_rng(0)
FIRST, SECOND = RANDOM.standard_normal((2, N, CODES))
START = RANDOM.uniform(0, 0.9, (N, 1))
WEIGHTS = RANDOM.standard_normal((CODES, FEATURES)) / np.sqrt(CODES)


def features(t: np.ndarray) -> np.ndarray:
    """What a smooth network in single precision says at t of the straight path between codes."""
    codes = ((1 - t) * FIRST + t * SECOND).astype(np.float32)
    return np.tanh(codes @ WEIGHTS.astype(np.float32))


def test_a_straight_path_of_features_has_its_squared_length() -> None:
    ends = RANDOM.standard_normal((3, 2, 5))
    before, after = ((1 - t) * ends[:, 0] + t * ends[:, 1] for t in (0.2, 0.45))
    score = perceptual_path_length(before, after, 0.25)
    squared = np.square(ends[:, 1] - ends[:, 0]).sum(1)
    assert score.value == pytest.approx(squared.mean())
    assert score.error == pytest.approx(squared.std(ddof=1) / np.sqrt(3))
    assert score.n == 3


@pytest.mark.parametrize("step", [1e-2, 1e-3])
def test_the_documented_steps_are_within_a_percent_of_the_limit_in_single_precision(step: float) -> None:
    moving = (SECOND - FIRST) @ WEIGHTS
    slope = (1 - np.tanh(((1 - START) * FIRST + START * SECOND) @ WEIGHTS) ** 2) * moving
    limit = np.square(slope).sum(1).mean()
    assert perceptual_path_length(features(START), features(START + step), step).value == pytest.approx(limit, rel=0.01)


def test_a_step_far_below_them_measures_rounding() -> None:
    sensible = perceptual_path_length(features(START), features(START + 1e-3), 1e-3).value
    assert perceptual_path_length(features(START), features(START + 1e-8), 1e-8).value > 3 * sensible


def test_small_differences_far_from_the_origin_keep_their_digits() -> None:
    before = np.full((5, 3), 4096, np.float32)
    after = before + np.float32(2**-11)  # the next number there is
    assert perceptual_path_length(before, after, 0.5).value == 3 * 2.0**-22 * 4
    assert perceptual_path_length(before, before, 0.5)[:3] == (0, 0, 5)


def test_rows_of_every_block_count() -> None:
    before = np.zeros((10_000, 1), np.float32)
    after = np.arange(10_000, dtype=np.float32)[:, None]
    assert perceptual_path_length(before, after, 0.1).value == pytest.approx(100 * np.square(np.arange(1e4)).mean())


def test_the_error_is_the_spread_over_repeated_draws() -> None:
    scores = [perceptual_path_length(np.zeros((30, 2)), RANDOM.standard_normal((30, 2)), 0.1) for _ in range(500)]
    spread = np.std([score.value for score in scores])
    assert np.mean([score.error for score in scores]) == pytest.approx(spread, rel=0.1)


def test_what_cannot_be_measured_is_refused() -> None:
    two = np.zeros((2, 3))
    with pytest.raises(Undefined, match="at least 2 pairs of codes, not 1"):
        perceptual_path_length(two[:1], two[:1], 0.1)
    with pytest.raises(ValueError, match="do not belong together"):
        perceptual_path_length(two, two[:1], 0.1)
    for step in (0.0, -0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="step must lie between 0 and 1"):
            perceptual_path_length(two, two, step)
    missing = two.copy()
    missing[1, 1] = np.nan
    for pair in ((missing, two), (two, missing)):
        with pytest.raises(UserError, match="1 of 2 items"):
            perceptual_path_length(*pair, 0.1)
