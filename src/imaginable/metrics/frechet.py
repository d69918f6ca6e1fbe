"""The Fréchet distance between two sets of features, each taken for a Gaussian.

Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium",
arXiv:1706.08500 (there the features are Inception's, and the figure is called FID); Dowson & Landau 1982, "The Fréchet
distance between multivariate normal distributions", J. Multivariate Analysis 12.

The value is biased upwards: moments of few items differ even where the distributions do not. The excess is about what
training items score against held-out ones of the same numbers, so only figures of equal n compare.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from imaginable.metrics._distances import same_width, slices
from imaginable.metrics.estimate import Estimate
from imaginable.metrics.score import Array, Score, Undefined, finite


class Moments(NamedTuple):
    """mean (d,) and covariance (d, d) of items, float64, the covariance over n - 1."""

    mean: Array
    covariance: Array


def frechet_distance(first: Array, second: Array) -> Score:
    """|m1 - m2|² + tr C1 + tr C2 - 2 tr (C1 C2)^½ of features (n, d) and (m, d), in [0, ∞), squared feature units.

    The error is that of the first order (delta method), so nothing is resampled. To first order an item x of the
    first set moves the distance by

        φ(x) / n,   φ(x) = 2 (m1 - m2)·(x - m1) + (x - m1)ᵀ (I - T) (x - m1) - tr (I - T) C1,

    T the linear map that transports the first Gaussian to the second, and an item of the second likewise, with T⁻¹.
    The squared error is var φ1 / n + var φ2 / m. Between sets from one distribution all of φ is itself chance, and the
    error comes out too large, by √2; a bootstrap would be too large by √3.

    Undefined where n or m is at most d: the covariances would be singular. n of the score: that of the smaller set.
    """
    return frechet_estimate(first, second).score


def frechet_estimate(first: Array, second: Array) -> Estimate:
    """The same with φ of both sets. Of pairs, (x_i, y_i) one item, it is the estimate's `together`."""
    first, second = finite(first), finite(second)
    d, n = same_width(first, second), min(len(first), len(second))
    if n <= d:
        raise Undefined(
            f"the Fréchet distance needs more images than its features have dimensions (n = {n}, d = {d}): "
            "use the kernel distance, which is unbiased for any n"
        )
    one, two = moments(first), moments(second)
    to_first, to_second = _transports(one.covariance, two.covariance)
    shift = one.mean - two.mean
    influence = _influence(first, one.mean, shift, to_second), _influence(second, two.mean, -shift, to_first)
    return Estimate(frechet_of_moments(*one, *two), influence)


def frechet_of_moments(mean1: Array, covariance1: Array, mean2: Array, covariance2: Array) -> float:
    """|m1 - m2|² + tr C1 + tr C2 - 2 tr (C1 C2)^½ of means (d,) and covariances (d, d).

    With C1 = L Lᵀ, the eigenvalues of C1 C2 are those of the symmetric Lᵀ C2 L, which are real and at least 0.
    """
    factor = _factor(covariance1)
    squares = np.linalg.eigvalsh(factor.T @ covariance2 @ factor)
    overlap = np.sqrt(np.maximum(squares, 0)).sum()
    distance = np.square(mean1 - mean2).sum() + np.trace(covariance1) + np.trace(covariance2) - 2 * overlap
    return max(0.0, float(distance))


def moments(features: Array) -> Moments:
    """Of (n, d), n > 1, in blocks."""
    mean = np.asarray(features.mean(0, dtype=np.float64))
    scatter = np.zeros((len(mean), len(mean)))
    for rows in slices(len(features)):
        centred = features[rows] - mean
        scatter += centred.T @ centred
    return Moments(mean, scatter / (len(features) - 1))


def _factor(covariance: Array) -> Array:
    """L with L Lᵀ = C; where C is singular (a feature that never varies) by eigenvalues, as Cholesky's then fails."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _transports(covariance1: Array, covariance2: Array) -> tuple[Array, Array]:
    """Roots P, Q of the maps to the first Gaussian and to the second: T⁻¹ = P Pᵀ and T = Q Qᵀ.

    With C1 = L1 L1ᵀ, C2 = L2 L2ᵀ and L1ᵀ L2 = U Σ Wᵀ: T⁻¹ = L1 U Σ⁻¹ Uᵀ L1ᵀ and T = L2 W Σ⁻¹ Wᵀ L2ᵀ.
    """
    factor1, factor2 = _factor(covariance1), _factor(covariance2)
    left, sizes, right = np.linalg.svd(factor1.T @ factor2)
    kept = sizes > sizes[0] * len(sizes) * np.finfo(np.float64).eps  # directions that neither set has drop out
    scale = np.sqrt(sizes[kept])
    return factor1 @ (left[:, kept] / scale), factor2 @ (right[kept].T / scale)


def _influence(features: Array, mean: Array, shift: Array, root: Array) -> Array:
    """φ(x) = 2 shift·x + |x|² - |rootᵀ x|² of the items x, taken from their mean, but for a constant, (n,)."""
    influence = np.empty(len(features))
    for rows in slices(len(features)):
        x = features[rows] - mean
        influence[rows] = 2 * x @ shift + np.square(x).sum(1) - np.square(x @ root).sum(1)
    return influence
