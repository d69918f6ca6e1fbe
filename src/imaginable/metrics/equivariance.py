"""How well what is shown follows when that from which it is made is moved: EQ-T and EQ-R.

Karras et al. 2021, "Alias-Free Generative Adversarial Networks" (StyleGAN3), arXiv:2106.12423, section 2 and
appendix E.

A generator is asked for a picture, and for the same one moved. Both are compared where both show it. Detail that clings
to pixels, not to what it belongs to, differs.

Differs from the authors' code: the two filters of a turn are windowed one by one (theirs: both together); turned
pictures are compared wherever no filter looks beyond the edge; every picture has a shift and an angle of its own
(theirs: a batch shares them); figures have an error.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates, spline_filter
from scipy.signal import fftconvolve
from torch import Tensor

from imaginable.metrics.estimate import ratio_of
from imaginable.metrics.score import Array, Score, Undefined

FARTHEST = 1 / 8
"""of a shift, in parts of the picture's side, along either axis"""
PEAK = 2.0
"""what pictures in [-1, 1] can differ by"""
_LOBES = 3
"""of the Lanczos filter (a of the paper)"""
_FINE = 8
"""places for every pixel at which a filter is worked out; splines between them"""
_AT_ONCE = 2**13
"""pixels that are resampled together: bounds the memory"""


def random_shifts(n: int, size: int, random: np.random.Generator) -> Array:
    """Whole pixels to the right and down, (n, 2), uniform up to `FARTHEST` either way."""
    shifts: Array = np.rint(random.uniform(-FARTHEST, FARTHEST, (n, 2)) * size).astype(int)
    return shifts


def random_angles(n: int, random: np.random.Generator) -> Array:
    """Radians, (n,), uniform over all directions."""
    return random.uniform(-math.pi, math.pi, n)


def shift_equivariance(still: Tensor, moved: Tensor, shifts: Array, peak: float = PEAK) -> Score:
    """EQ-T in dB, 10 log₁₀ (peak² / mean squared difference): the higher, the better what is shown follows a shift.

    still, moved (n, c, h, w): pictures of the same codes, the second ones asked for shifted by whole pixels, shifts
    (n, 2) to the right and down. Compared where both show the same, all such pixels counting alike (equation 1).
    Raises Undefined under 2 pictures, ValueError for a shift as large as the picture.
    """
    height, width = still.shape[2:]
    if not (np.abs(shifts) < (width, height)).all():
        raise ValueError(f"pictures of {width} x {height} shifted out of themselves")
    pairs = zip(still, moved, shifts, strict=True)
    return _decibels([_overlap(*pair).ravel() for pair in pairs], peak)


def _overlap(still: Tensor, moved: Tensor, shift: Array) -> Array:
    """Differences of (c, h, w) after a shift, of the pixels that both have."""
    height, width = still.shape[1:]
    (right, down), (left, up) = shift.clip(min=0), (-shift).clip(min=0)
    there = moved[:, down : height - up, right : width - left]
    here = still[:, up : height - down, left : width - right]
    return (there - here).double().cpu().numpy()


def turn_equivariance(still: Tensor, moved: Tensor, angles: Array, peak: float = PEAK) -> Score:
    """EQ-R in dB, the same for turns about the centre by angles (n,), counterclockwise as seen, in radians.

    A turned square grid of pixels holds other frequencies than the grid itself. So the first picture is resampled by
    the grid's filter and the turned grid's, and the second one filtered by both without being turned ("pseudo-rotated",
    appendix E.3): of both, what both grids hold is left. Square pictures. Raises Undefined under 2 pictures.
    """
    pairs = zip(still, moved, angles, strict=True)
    return _decibels([_turned_difference(*pair).ravel() for pair in pairs], peak)


def _turned_difference(still: Tensor, moved: Tensor, angle: float) -> Array:
    """Of (c, size, size), where no filter looks beyond the edge: (c, pixels)."""
    size, cos, sin = still.shape[-1], math.cos(angle), math.sin(angle)
    place = np.arange(size) - (size - 1) / 2
    down, right = np.meshgrid(place, place, indexing="ij")
    source_down, source_right = sin * right + cos * down, cos * right - sin * down
    reach = _LOBES * (1 + abs(cos) + abs(sin))
    farthest = np.abs([down, right, source_down, source_right]).max(0)
    inside = farthest + reach <= (size + 1) / 2
    source = np.stack([source_down[inside], source_right[inside]], 1) + (size - 1) / 2
    turned = _resampled(still.double().cpu().numpy(), source, _kernel(angle))
    return _filtered(moved, _kernel(-angle))[:, inside] - turned


def _filtered(picture: Tensor, kernel: Array) -> Array:
    """(c, h, w) through the kernel at whole pixels, zeros around."""
    taps = torch.from_numpy(np.ascontiguousarray(kernel[::_FINE, ::_FINE]))
    x = picture.double().cpu()[:, None]
    return F.conv2d(x, taps[None, None], padding=len(taps) // 2)[:, 0].numpy()


def _resampled(picture: Array, at: Array, kernel: Array) -> Array:
    """Values (c, n) of a picture (c, h, w) at places (n, 2) in pixels, row and column, through a kernel of `_FINE`
    values a pixel, whose middle one is at 0. Beyond the edge the picture is 0."""
    reach = len(kernel) // 2 // _FINE
    window = np.arange(-reach, reach + 1)
    padded = np.pad(picture, ((0, 0), (reach + 1, reach + 1), (reach + 1, reach + 1)))
    smooth, parts = spline_filter(kernel), []
    for some in np.split(at, range(_AT_ONCE, len(at), _AT_ONCE)):
        nearest = np.rint(some).astype(int)
        rows, columns = (nearest[:, axis, None] + window for axis in (0, 1))  # (n, taps)
        offsets = [_FINE * (some[:, axis, None] - taps + reach) for axis, taps in enumerate((rows, columns))]
        grid = np.broadcast_arrays(offsets[0][:, :, None], offsets[1][:, None, :])
        weights = map_coordinates(smooth, grid, prefilter=False)  # (n, taps, taps)
        pixels = padded[:, rows[:, :, None] + reach + 1, columns[:, None, :] + reach + 1]
        parts.append(np.einsum("nrk,cnrk->cn", weights, pixels))
    return np.concatenate(parts, axis=1)


def _kernel(angle: float) -> Array:
    """The filter of a grid of pixels and of one turned by the angle, one after the other; an odd number of values on a
    side, `_FINE` a pixel, whole pixels among them, zero at the ends."""
    place = np.arange(-_FINE * 5, _FINE * 5 + 1) / _FINE  # the turned one reaches 3 √2 pixels
    down, right = np.meshgrid(place, place, indexing="ij")
    cos, sin = math.cos(angle), math.sin(angle)
    turned = _lanczos(cos * down - sin * right) * _lanczos(sin * down + cos * right)
    kernel = fftconvolve(_lanczos(down) * _lanczos(right), turned)
    reaching = kernel[2 * _FINE : -2 * _FINE, 2 * _FINE : -2 * _FINE]  # 3 + 3 √2 pixels at most
    normalised: Array = reaching / (reaching.sum() / _FINE**2)
    return normalised


def _lanczos(place: Array) -> Array:
    """sinc(x) sinc(x / a) for |x| < a, in pixels."""
    values: Array = np.where(np.abs(place) < _LOBES, np.sinc(place) * np.sinc(place / _LOBES), 0)
    return values


def _decibels(differences: list[Array], peak: float) -> Score:
    """Of the differences of each picture's pixels; the error is that of the ratio of sums, to first order."""
    if len(differences) < 2:
        raise Undefined(f"equivariance needs at least 2 pictures, not {len(differences)}")
    squares = np.array([np.square(one).sum() for one in differences])
    pixels = np.array([float(len(one)) for one in differences])
    mean, error, n, _ = ratio_of(squares, pixels).together().score
    if mean == 0:
        return Score(math.inf, 0.0, n)
    return Score(10 * math.log10(peak**2 / mean), 10 / math.log(10) * error / mean, n)
