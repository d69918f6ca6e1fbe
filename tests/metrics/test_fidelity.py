"""Fidelity by the convention of super-resolution, beside scikit-image's colours and figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from imaginable.metrics.fidelity import (
    Channel,
    convention,
    luma,
    paired_peak_signal_to_noise,
    paired_structural_similarity,
)
from imaginable.metrics.score import Undefined

RANDOM = np.random.default_rng(0)
FIRST = RANDOM.integers(256, size=(3, 27, 34, 3), dtype=np.uint8)
SECOND = np.clip(FIRST + RANDOM.normal(0, [[[[5]]], [[[20]]], [[[60]]]], FIRST.shape), 0, 255).astype(np.uint8)


def values(picture: np.ndarray, channel: Channel, border: int) -> np.ndarray:
    """By scikit-image, (h, w, c)."""
    inner = picture[border:-border, border:-border]
    return rgb2ycbcr(inner)[..., :1] if channel == "y" else inner.astype(float)


@pytest.mark.parametrize("channel", ["y", "rgb"])
@pytest.mark.parametrize("border", [4, 7])
def test_peak_and_structure_are_those_of_scikit_image(channel: Channel, border: int) -> None:
    pairs = [(values(a, channel, border), values(b, channel, border)) for a, b in zip(FIRST, SECOND, strict=True)]
    peaks = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in pairs]
    np.testing.assert_allclose(paired_peak_signal_to_noise(FIRST, SECOND, channel, border), peaks, rtol=1e-6)
    structures = [
        structural_similarity(
            a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11,
            channel_axis=2,
        )
        for a, b in pairs
    ]  # fmt: skip
    np.testing.assert_allclose(paired_structural_similarity(FIRST, SECOND, channel, border), structures, rtol=1e-6)


def test_luma_goes_from_16_to_235_and_grey_is_as_three_equal_channels() -> None:
    grey = FIRST[..., :1]
    np.testing.assert_allclose(luma(np.array([[[[0], [255]]]], np.uint8)).ravel(), [16, 235], atol=1e-9)
    np.testing.assert_allclose(luma(grey), luma(grey.repeat(3, 3)), rtol=1e-12)
    np.testing.assert_allclose(
        paired_peak_signal_to_noise(grey, SECOND[..., :1]),
        paired_peak_signal_to_noise(grey.repeat(3, 3), SECOND[..., :1].repeat(3, 3)),
    )


def test_the_border_does_not_count_and_equal_pictures_are_as_good_as_rounding() -> None:
    framed = FIRST.copy()
    framed[:, :4] = framed[:, -4:] = framed[:, :, :4] = framed[:, :, -4:] = 0
    np.testing.assert_allclose(paired_peak_signal_to_noise(FIRST, framed), 10 * math.log10(12 * 255**2))
    np.testing.assert_allclose(paired_structural_similarity(FIRST, framed), 1)
    assert (paired_peak_signal_to_noise(FIRST, framed, border=3) < 40).all()


def test_what_the_border_leaves_too_little_of_has_no_figure() -> None:
    with pytest.raises(Undefined, match="too small for a border of 4"):
        paired_peak_signal_to_noise(FIRST[:, :8], SECOND[:, :8])
    with pytest.raises(Undefined, match="too small"):
        paired_structural_similarity(FIRST[:, :18], SECOND[:, :18])
    with pytest.raises(ValueError, match="one by one"):
        paired_peak_signal_to_noise(FIRST, SECOND[:2])


def test_the_convention_says_channel_range_and_border() -> None:
    for word in ("BT.601", "255", "4 pixels"):
        assert word in convention()
    assert "all channels" in convention("rgb", 2)
