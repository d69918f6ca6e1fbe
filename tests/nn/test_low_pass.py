"""The filters against scipy's, what they let through, and how exactly few separable ones make a radial one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal

from imaginable.nn.low_pass import TOLERANCE, banded, kaiser, low_pass, radial_low_pass, split


@pytest.mark.parametrize(
    ("taps", "cutoff", "half_width", "rate"),
    [(12, 2.0, 6.0, 32), (24, 5.0, 11.0, 64), (12, 16.0, 3.7, 64), (13, 1, 8, 32)],
)
def test_the_design_is_scipys(taps: int, cutoff: float, half_width: float, rate: int) -> None:
    expected = scipy.signal.firwin(taps, cutoff, width=2 * half_width, fs=rate)
    np.testing.assert_allclose(low_pass(taps, cutoff, half_width, rate), expected, atol=1e-14)


@pytest.mark.parametrize("half_width", [0.1, 2.0, 3.0, 11.0])
def test_the_window_is_scipys_whatever_the_attenuation(half_width: float) -> None:
    beta = scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(24, 2 * half_width / 32))
    np.testing.assert_allclose(kaiser(24, half_width, 64), np.kaiser(24, beta), atol=1e-14)


@pytest.mark.parametrize("taps", [12, 13, 24])
def test_a_radial_filter_answers_alike_in_all_directions(taps: int) -> None:
    """At half the cutoff and beyond the stopband; the separable one does not at its corner."""
    cutoff, half_width, rate = 8.0, 8.0, 64
    place = (np.arange(taps) - (taps - 1) / 2) / rate
    filtered = radial_low_pass(taps, cutoff, half_width, rate)
    line = low_pass(taps, cutoff, half_width, rate)
    assert filtered.sum() == pytest.approx(1)

    def answers(kernel: np.ndarray, frequency: float) -> np.ndarray:
        angles = np.linspace(0, math.pi / 4, 5)
        waves = [np.exp(2j * math.pi * frequency * np.add.outer(place * np.sin(a), place * np.cos(a))) for a in angles]
        return np.array([abs((kernel * wave).sum()) for wave in waves])

    for frequency in (4.0, 8.0, 12.0):
        assert np.ptp(answers(filtered, frequency)) < 0.25 * np.ptp(answers(np.outer(line, line), frequency)) + 2e-3
    assert answers(filtered, 20.0).max() < 0.02


@pytest.mark.parametrize(("cutoff", "half_width", "rate"), [(2.0, 6.0, 32), (8.0, 8.0, 64), (40.0, 24.0, 256)])
def test_few_separable_filters_make_a_radial_one(cutoff: float, half_width: float, rate: int) -> None:
    radial = radial_low_pass(12, cutoff, half_width, rate)
    weights, vectors = split(radial)
    assert len(weights) <= 4
    again = np.einsum("k,ki,kj->ij", weights, vectors, vectors)
    assert np.abs(again - radial).max() < TOLERANCE * radial.max()
    fewer = np.einsum("k,ki,kj->ij", weights[:-1], vectors[:-1], vectors[:-1])
    assert np.abs(fewer - radial).max() > TOLERANCE * radial.max(), "no more than it takes"


@pytest.mark.parametrize(("up", "down", "shift"), [(1, 1, 0), (2, 1, 3), (4, 1, -3), (1, 2, 0), (3, 2, 5)])
def test_the_matrix_is_zeros_between_filter_and_every_few(up: int, down: int, shift: int) -> None:
    random = np.random.default_rng(0)
    x, taps = random.normal(size=9), random.normal(size=6)
    sparse = np.zeros(9 * up)
    sparse[::up] = x
    shifted = np.concatenate([np.zeros(shift), sparse]) if shift >= 0 else sparse[-shift:]
    expected = np.convolve(shifted, taps[::-1], mode="valid")[::down]
    np.testing.assert_allclose(banded(taps, len(expected), 9, up, down, shift) @ x, expected, atol=1e-14)
