"""Sharpness: whether samples have as much fine detail as real pictures, read off their power spectra.

Generated pictures give themselves away there: decoders that average blur, and some upsampling leaves patterns (Durall,
Keuper & Keuper 2020, "Watch your Up-Convolution", arXiv:2003.01826; their section 3 averages spectra over rings).

All take uint8 arrays (n, h, w, c), c = 1 or 3, and raise ValueError for arrays of another kind.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from imaginable.metrics.estimate import Estimate, ratio_of
from imaginable.metrics.pictures import alike, blocks, checked
from imaginable.metrics.score import Array, Score, Undefined

FINE = 0.25  # cycles a pixel, half the Nyquist frequency: detail of under four pixels a period
LEAST_SIZE = 8  # pixels: in smaller ones the window's own width reaches from the mean to FINE
ROUNDING = 1 / 12  # power of rounding to whole grey levels, at every frequency
NOTHING = 1e-20  # squared grey levels: far above rounding, far below one grey level of one pixel


def spectrum(pictures: Array) -> tuple[Array, Array]:
    """Radially averaged power spectrum: frequencies (k,) in cycles a pixel, up to 0.5, and power (n, k) float64.

    The power is |DFT|² in squared grey levels, such that white noise of variance v has power v at every frequency; it
    is averaged over channels and over rings one cycle a picture (its smaller side) wide. The mean is removed, and with
    it up to a third of the power of the lowest frequency; a Hann window keeps the jump between opposite borders out.
    Raises Undefined for pictures of under 8 pixels.
    """
    _, height, width, _ = checked(pictures).shape
    _refuse_tiny(pictures)
    side, counts = min(height, width), _counts(height, width)
    ring = np.rint(_frequency(height, width) * side).astype(np.int64)
    inside = np.flatnonzero((ring >= 1) & (ring <= side // 2))
    ring, counts = ring.ravel()[inside] - 1, counts.ravel()[inside]
    shares = counts / np.bincount(ring, counts)[ring]
    averaging = csr_matrix((shares, (ring, inside)), (side // 2, height * (width // 2 + 1)))
    power = [(averaging @ block.reshape(len(block), -1).T).T for block in _powers(pictures)]
    return np.arange(1, side // 2 + 1) / side, np.concatenate(power)


def sharpness(samples: Array, real: Array) -> Score:
    """Energy above 0.25 cycles a pixel, of samples in shares of real pictures': 1 is as sharp as real.

        mean of E(sample) / mean of E(real),   E = mean power over all frequencies beyond 0.25, corners included

    Below 1 samples are blurrier, above 1 noisier or harsher. The frequencies of the corners, beyond 0.5, count: a
    checkerboard lives there. Energies are squares, so contrast counts squared. The error is that of a ratio of
    two independent means, to first order (delta method). n is the size of the smaller set.
    Raises ValueError for different sizes or channels; Undefined for fewer than 2 pictures a set, pictures of under
    8 pixels, and real ones without any fine detail.
    """
    return sharpness_estimate(samples, real).score


def sharpness_estimate(samples: Array, real: Array) -> Estimate:
    """The same with what each picture moves it by."""
    alike(samples, real)
    _refuse_tiny(real)
    n = min(len(samples), len(real))
    if n < 2:
        raise Undefined(f"sharpness needs at least 2 samples and 2 real pictures, not {len(samples)} and {len(real)}")
    return ratio_of_energies(fine_energy(samples), fine_energy(real))


def ratio_of_energies(above: Array, below: Array) -> Estimate:
    """Sharpness from the `fine_energy` of samples and of real pictures, whose sizes may differ."""
    if below.mean() < NOTHING:
        raise Undefined("the real pictures are flat: without fine detail in them there is no sharpness to compare with")
    return ratio_of(above, below)


def fine_energy(pictures: Array) -> Array:
    """Mean power of each picture beyond 0.25 cycles a pixel, corners included, (n,) in squared grey levels."""
    _, height, width, _ = checked(pictures).shape
    _refuse_tiny(pictures)
    counts = np.where(_frequency(height, width) > FINE, _counts(height, width), 0)
    shares = (counts / counts.sum()).ravel()
    return np.concatenate([block.reshape(len(block), -1) @ shares for block in _powers(pictures)])


def spectral_distance(first: Array, second: Array) -> Array:
    """How far apart the spectra of two pictures are, of each pair in dB, (n,): 0 where they are the same.

        ( mean over frequencies of (10 log₁₀ P / Q)² )^½

    P and Q the radially averaged powers (see `spectrum`), each with that of rounding added, below which a picture says
    nothing. It does not see whether the detail is in the right place.
    """
    (_, one), (_, two) = spectrum(first), spectrum(second)
    decibels = 10 * np.log10((one + ROUNDING) / (two + ROUNDING))
    return np.asarray(np.sqrt(np.square(decibels).mean(1)))


def _powers(pictures: Array) -> Iterator[Array]:
    """Blocks of |DFT|² of the pictures, averaged over channels, (b, h, w // 2 + 1) float64."""
    window = np.outer(_hann(pictures.shape[1]), _hann(pictures.shape[2]))
    for block in blocks(pictures):
        planes = pictures[block].transpose(0, 3, 1, 2).astype(np.float64)
        # the mean under the window: removing the plain one would leave some of it at the lowest frequencies
        mean = (planes * window).sum((2, 3), keepdims=True) / window.sum()
        transformed = np.fft.rfft2((planes - mean) * window)
        yield (np.square(np.abs(transformed)) / np.square(window).sum()).mean(1)


def _hann(size: int) -> Array:
    """Of half-pixel positions: the outermost pixels count little, but are not lost."""
    window: Array = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    return window


def _frequency(height: int, width: int) -> Array:
    """Cycles a pixel of every coefficient, whatever its direction, (h, w // 2 + 1)."""
    return np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))


def _counts(height: int, width: int) -> Array:
    """How many coefficients of the whole transform each one of the half stands for, (h, w // 2 + 1)."""
    column = np.arange(width // 2 + 1)
    alone = (column == 0) | (2 * column == width)
    return np.broadcast_to(np.where(alone, 1.0, 2.0), (height, len(column)))


def _refuse_tiny(pictures: Array) -> None:
    side = min(pictures.shape[1:3])
    if side < LEAST_SIZE:
        raise Undefined(f"a power spectrum needs pictures of at least {LEAST_SIZE} pixels, not {side}")
