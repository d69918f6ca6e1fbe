"""Low-pass filters of Karras et al. 2021 (StyleGAN3), arXiv:2106.12423, appendix C, and resampling as a matrix.

Everything here is numpy in float64.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import j1

TOLERANCE = 1e-6
"""largest difference between a radial filter and its low-rank split, in parts of the filter's largest value"""


def kaiser(taps: int, half_width: float, rate: float) -> np.ndarray:
    """The window whose filter fades over 2 half_width, in cycles per unit of length, (taps,) (appendix C).

    rate: taps per unit of length. The shape is Kaiser's rule of thumb for the attenuation that these taps allow.
    """
    attenuation = 2.285 * (taps - 1) * math.pi * 4 * half_width / rate + 7.95
    if attenuation > 50:
        return np.kaiser(taps, 0.1102 * (attenuation - 8.7))
    above = max(attenuation - 21, 0)
    return np.kaiser(taps, 0.5842 * above**0.4 + 0.07886 * above)


def low_pass(taps: int, cutoff: float, half_width: float, rate: float) -> np.ndarray:
    """A windowed sinc, (taps,), of sum 1."""
    place = (np.arange(taps) - (taps - 1) / 2) / rate
    filtered = np.sinc(2 * cutoff * place) * kaiser(taps, half_width, rate)
    normalised: np.ndarray = filtered / filtered.sum()
    return normalised


def radial_low_pass(taps: int, cutoff: float, half_width: float, rate: float) -> np.ndarray:
    """The same for all directions: a jinc in a separable window, (taps, taps), of sum 1 (appendix C)."""
    place = (np.arange(taps) - (taps - 1) / 2) / rate
    radius = np.maximum(np.hypot(place[:, None], place), 1e-9 / rate)  # an odd number of taps has one at 0
    window = kaiser(taps, half_width, rate)
    filtered = j1(2 * math.pi * cutoff * radius) / radius * np.outer(window, window)
    normalised: np.ndarray = filtered / filtered.sum()
    return normalised


def split(radial: np.ndarray, tolerance: float = TOLERANCE) -> tuple[np.ndarray, np.ndarray]:
    """weights (rank,) and vectors (rank, taps) with Σ_k weight_k vector_k vector_kᵀ = radial, a symmetric matrix.

    As many as bring the largest error below `tolerance` times the largest value: a sum of separable filters.
    """
    values, vectors = np.linalg.eigh(radial)
    order = np.argsort(-np.abs(values))
    values, vectors = values[order], vectors.T[order]
    products = values[:, None, None] * vectors[:, :, None] * vectors[:, None, :]
    errors = np.abs(radial - np.cumsum(products, axis=0)).max((1, 2))
    rank = 1 + int(np.argmax(errors < tolerance * np.abs(radial).max()))
    return values[:rank], vectors[:rank]


def banded(taps: np.ndarray, rows: int, columns: int, up: int = 1, down: int = 1, shift: int = 0) -> np.ndarray:
    """(rows, columns): `columns` pixels with up - 1 zeros after each, `shift` zeros before all of them, correlated with
    the taps, every `down`-th kept. What lies outside is zero; a negative shift leaves pixels out."""
    place = shift + up * np.arange(columns) - down * np.arange(rows)[:, None]
    inside = (place >= 0) & (place < len(taps))
    return np.where(inside, taps[place.clip(0, len(taps) - 1)], 0.0)
