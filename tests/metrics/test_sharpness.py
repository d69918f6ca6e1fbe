"""Spectra of noise, waves and steps that are known; sharpness under blur and noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from imaginable.metrics.score import Undefined
from imaginable.metrics.sharpness import sharpness, spectrum


def noise(
    n: int, height: int = 32, width: int = 32, channels: int = 1, deviation: float = 20, seed: int = 0
) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(128, deviation, (n, height, width, channels))
    return np.clip(drawn.round(), 0, 255).astype(np.uint8)


def blurred(pictures: np.ndarray) -> np.ndarray:
    return uniform_filter(pictures.astype(float), (0, 3, 3, 0)).round().astype(np.uint8)


@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 1), (28, 45, 3), (33, 17, 1)])
def test_white_noise_has_its_variance_at_every_frequency(height: int, width: int, channels: int) -> None:
    frequencies, power = spectrum(noise(600, height, width, channels))
    side = min(height, width)
    np.testing.assert_allclose(frequencies, np.arange(1, side // 2 + 1) / side)
    assert power.shape == (600, side // 2)
    assert frequencies[-1] <= 0.5
    np.testing.assert_allclose(power.mean(0)[2:], 20**2 + 1 / 12, rtol=0.04)
    assert 0.6 * 20**2 < power.mean(0)[0] < 0.9 * 20**2  # some went with the mean
    assert power.mean(0)[1] == pytest.approx(20**2, rel=0.06)


@pytest.mark.parametrize("turned", [False, True])
def test_a_wave_stands_at_its_frequency(turned: bool) -> None:
    for cycles in (3, 8, 13):
        wave = 128 + 100 * np.cos(2 * np.pi * cycles * np.arange(32) / 32)
        picture = np.broadcast_to(wave[:, None, None] if turned else wave[:, None], (1, 32, 32, 1)).round()
        frequencies, power = spectrum(picture.astype(np.uint8))
        assert frequencies[power[0].argmax()] == cycles / 32
        near = np.abs(frequencies * 32 - cycles) <= 2
        assert power[0, ~near].max() < 1e-3 * power[0].max()


def test_the_border_adds_nothing_fine_to_a_ramp() -> None:
    ramp = np.broadcast_to((4 * np.arange(32))[:, None], (1, 32, 32, 1)).astype(np.uint8)
    _, power = spectrum(ramp)
    assert power[0, 6:].max() < 1e-4 * power[0, 0]


def test_the_same_picture_gives_the_same_spectrum_turned_darker_or_in_three_channels() -> None:
    pictures = noise(3)
    _, power = spectrum(pictures)
    for same in (pictures.transpose(0, 2, 1, 3), pictures[:, ::-1], pictures - 20, pictures.repeat(3, 3)):
        np.testing.assert_allclose(spectrum(same)[1], power, rtol=1e-9)


def test_a_set_is_as_sharp_as_itself_and_twice_the_contrast_is_four_times_the_energy() -> None:
    pictures = noise(20, channels=3)
    assert sharpness(pictures, pictures).value == 1
    assert sharpness(blurred(pictures), blurred(pictures)).value == 1
    score = sharpness(2 * (pictures // 4), pictures // 4)
    assert score.value == pytest.approx(4)
    assert score.n == 20


def test_every_blur_lowers_it_and_noise_raises_it() -> None:
    real = blurred(noise(40, deviation=60))
    found, samples = [1.0], real
    for _ in range(4):
        samples = blurred(samples)
        found.append(sharpness(samples, real).value)
    assert (np.diff(found) < 0).all()
    for deviation in (5, 10):
        noisy = np.clip(real + np.random.default_rng(1).normal(0, deviation, real.shape), 0, 255).astype(np.uint8)
        found.append(sharpness(noisy, real).value)
    assert 1 < found[-2] < found[-1]


def test_a_checkerboard_counts_as_fine_and_a_slow_wave_does_not() -> None:
    real = noise(20)
    y, x = np.mgrid[:32, :32]
    board = (real // 2 + (40 * ((x + y) % 2))[..., None]).astype(np.uint8)
    slow = (real // 2 + (20 * (1 + np.cos(2 * np.pi * x / 16)))[..., None]).astype(np.uint8)
    assert sharpness(board, real // 2).value > 2
    assert sharpness(slow, real // 2).value == pytest.approx(1, abs=0.02)


def test_the_error_is_the_spread_over_repeated_draws() -> None:
    random = np.random.default_rng(0)
    scores = []
    for _ in range(300):
        contrast = random.uniform(0.2, 1, (60, 1, 1, 1))  # pictures differ in how much detail they have
        pictures = (128 + 40 * contrast * random.standard_normal((60, 8, 8, 1))).clip(0, 255).astype(np.uint8)
        scores.append(sharpness(pictures[:20], pictures[20:]))
    spread = np.std([score.value for score in scores])
    assert np.mean([score.error for score in scores]) == pytest.approx(spread, rel=0.12)
    assert scores[0].n == 20


def test_what_has_no_sharpness_is_said() -> None:
    pictures, flat = noise(5), np.full((5, 32, 32, 1), 77, np.uint8)
    with pytest.raises(Undefined, match="flat"):
        sharpness(pictures, flat)
    assert sharpness(flat, pictures).value < 1e-20
    one_grey_level = flat.copy()
    one_grey_level[0, 16, 16] += 1
    assert sharpness(one_grey_level, one_grey_level).value == 1
    for few in ((pictures[:1], pictures), (pictures, pictures[:1])):
        with pytest.raises(Undefined, match="at least 2 samples and 2 real"):
            sharpness(*few)
    with pytest.raises(Undefined, match="at least 8 pixels, not 7"):
        sharpness(pictures[:, :7], pictures[:, :7])
    with pytest.raises(Undefined, match="at least 8 pixels, not 7"):
        spectrum(pictures[:, :, :7])
