"""What is measured in holes, against loops over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from imaginable.metrics.masked import masked_absolute_error, masked_peak_signal_to_noise, masked_sharpness
from imaginable.metrics.score import Undefined

RANDOM = np.random.default_rng(0)
REAL = RANDOM.integers(0, 256, (5, 12, 9, 3), dtype=np.uint8)
MADE = RANDOM.integers(0, 256, (5, 12, 9, 3), dtype=np.uint8)
HOLE = RANDOM.random((5, 12, 9)) < 0.5


def test_errors_are_those_of_the_pixels_in_the_hole() -> None:
    off = [MADE[i][HOLE[i]].astype(float) - REAL[i][HOLE[i]] for i in range(5)]
    expected = [np.abs(one).mean() / 127.5 for one in off]
    np.testing.assert_allclose(masked_absolute_error(MADE, REAL, HOLE), expected)
    expected = [10 * np.log10(255**2 / np.square(one).mean()) for one in off]
    np.testing.assert_allclose(masked_peak_signal_to_noise(MADE, REAL, HOLE), expected)
    outside = np.where(HOLE[..., None], MADE, RANDOM.integers(0, 256, MADE.shape, dtype=np.uint8))
    assert (masked_absolute_error(outside, REAL, HOLE) == masked_absolute_error(MADE, REAL, HOLE)).all()
    with pytest.raises(ValueError, match="a hole without a pixel"):
        masked_absolute_error(MADE, REAL, np.zeros_like(HOLE))


def test_sharpness_counts_neighbours_that_are_both_in_the_hole() -> None:
    def slopes(pictures: np.ndarray) -> float:
        total = 0.0
        for i, row, column in np.argwhere(HOLE):
            for other in ((i, row + 1, column), (i, row, column + 1)):
                if other[1] < 12 and other[2] < 9 and HOLE[other]:
                    total += np.abs(pictures[i, row, column].astype(float) - pictures[other]).sum()
        return total

    assert masked_sharpness(MADE, REAL, HOLE).value == pytest.approx(slopes(MADE) / slopes(REAL))
    assert masked_sharpness(REAL, REAL, HOLE).score == pytest.approx((1, 0, 5, None))


def test_half_the_contrast_is_half_the_sharpness_and_flat_pictures_have_none() -> None:
    assert masked_sharpness(REAL // 2, REAL // 2 * 2, HOLE).value == pytest.approx(0.5)
    with pytest.raises(Undefined, match="flat"):
        masked_sharpness(MADE, np.full_like(REAL, 7), HOLE)
