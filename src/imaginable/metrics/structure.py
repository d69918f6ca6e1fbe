"""Structural similarity: how alike two pictures look, window by window.

structural_similarity             Wang, Bovik, Sheikh & Simoncelli 2004, "Image Quality Assessment: From Error
                                  Visibility to Structural Similarity", doi:10.1109/TIP.2003.819861
multiscale_structural_similarity  Wang, Simoncelli & Bovik 2003, "Multi-scale Structural Similarity for Image
                                  Quality Assessment", doi:10.1109/ACSSC.2003.1292216

Both take two uint8 arrays (n, h, w, c), c = 1 or 3, and compare them picture by picture. Both raise ValueError for
arrays of another kind or of different shapes, and Undefined for pictures of under 11 pixels.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from imaginable.metrics.pictures import alike, blocks
from imaginable.metrics.score import Array, Undefined

WINDOW, DEVIATION = 11, 1.5  # pixels
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # (K L)²
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first


def structural_similarity(first: Array, second: Array) -> Array:
    """SSIM of each pair, (n,) float64 in [-1, 1]: 1 where the pictures are the same.

        SSIM = (2 μ_x μ_y + C₁) (2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁) (σ_x² + σ_y² + C₂))

    Means, variances and covariance are those of the population under a Gaussian window of 11 x 11 pixels with
    deviation 1.5; C = (K · 255)², K₁ = 0.01, K₂ = 0.03. The figure is the mean over all windows that lie wholly inside
    the picture, and over channels.
    """
    scales(_smaller_side(first, second))  # raises for pictures that no window fits into
    return np.concatenate([similarity(*_doubles(first, second, block))[0] for block in blocks(first)])


def multiscale_structural_similarity(first: Array, second: Array) -> Array:
    """MS-SSIM of each pair, (n,) float64 in [0, 1]: 1 where the pictures are the same.

        MS-SSIM = SSIM_M^w_M · Π_{j < M} CS_j^w_j,   CS = (2 σ_xy + C₂) / (σ_x² + σ_y² + C₂)

    Scale 1 is the picture, every further one the means of 2 x 2 pixels of the one before (an odd last row or column
    is left out); SSIM and CS are means over windows and channels. There are `scales` of them, at most the paper's
    five, with the paper's weights divided by their sum. A negative mean, of pictures that are each other's opposite,
    has no real power and counts as 0.
    """
    weights = np.array(WEIGHTS[: scales(_smaller_side(first, second))])
    weights /= weights.sum()
    return np.concatenate([_multiscale(*_doubles(first, second, block), weights) for block in blocks(first)])


def scales(size: int) -> int:
    """How many scales, 1 to 5, a picture has whose smaller side is `size` pixels: five from 176 pixels on.

    Raises Undefined under 11 pixels.
    """
    if size < WINDOW:
        raise Undefined(
            f"structural similarity needs pictures of at least {WINDOW} pixels, not {size}: use the mean squared error"
        )
    return min(len(WEIGHTS), (size // WINDOW).bit_length())  # the most s for which size // 2^(s-1) holds a window


def compared_one_by_one(first: Array, second: Array) -> None:
    """Raises ValueError unless both are as many pictures, of the same size and channels."""
    alike(first, second)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} pictures cannot be compared one by one with {len(second)}")


def _smaller_side(first: Array, second: Array) -> int:
    compared_one_by_one(first, second)
    return min(first.shape[1:3])


def _doubles(first: Array, second: Array, block: slice) -> tuple[Array, Array]:
    # a variance is the small difference of two squares: single precision would lose it
    return first[block].astype(np.float64), second[block].astype(np.float64)


def _multiscale(x: Array, y: Array, weights: Array) -> Array:
    product = np.ones(len(x))
    for weight in weights[:-1]:
        product *= np.maximum(similarity(x, y)[1], 0) ** weight
        x, y = _halved(x), _halved(y)
    product *= np.maximum(similarity(x, y)[0], 0) ** weights[-1]
    return product


def similarity(x: Array, y: Array) -> tuple[Array, Array]:
    """Means of SSIM and of its contrast-structure term CS over windows and channels, (n,) each, of float64 arrays
    (n, h, w, c) whose range is 255."""
    mean_x, mean_y = _windowed(x), _windowed(y)
    variances = _windowed(x * x + y * y) - mean_x**2 - mean_y**2  # σ_x² + σ_y²
    covariance = _windowed(x * y) - mean_x * mean_y
    contrast = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _windowed(x: Array) -> Array:
    """Means under every window that lies wholly inside, (n, h - 10, w - 10, c)."""
    border = WINDOW // 2
    for axis in (1, 2):
        x = gaussian_filter1d(x, DEVIATION, axis, truncate=border / DEVIATION)
    return x[:, border:-border, border:-border]


def _halved(x: Array) -> Array:
    n, height, width, channels = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    means: Array = even.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))
    return means
