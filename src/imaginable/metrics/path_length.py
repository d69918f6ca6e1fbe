"""Perceptual path length: how evenly pictures change along paths between codes.

Karras, Laine & Aila 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks",
arXiv:1812.04948, section 4.1.
"""

from __future__ import annotations

import math

import numpy as np

from imaginable.metrics.score import Array, Score, Undefined, finite

_ROWS_AT_ONCE = 4096  # bounds the double-precision copies


def perceptual_path_length(before: Array, after: Array, step: float) -> Score:
    """E[ |f(t + step) - f(t)|² / step² ] over pairs of codes; 0 or more, smaller is smoother.

    Row i of before (n, d) and after (n, d) is what an extractor f says of the pictures at t_i and t_i + step on the
    path between the i-th pair of codes, t_i uniform in [0, 1 - step] (a path of length 1). The paper's distance is
    LPIPS, a squared distance of features already; here it is the squared distance of the given ones, so only figures
    of the same extractor compare. The paper's step is 1e-4. Networks in single precision need a larger one, 1e-2 to
    1e-3: rounding is a fixed share of the features and is divided by step², while a step that is too long only cuts
    the corners of a smooth path, an error of order step². In bfloat16 no step is good.

    The error is that of a mean over n pairs. Jumps make heavy tails: nothing is trimmed, so mind the error.
    Raises ValueError for shapes that differ or a step outside (0, 1), UserError where a feature is no number,
    Undefined under 2 pairs.
    """
    if before.shape != after.shape:
        raise ValueError(f"features before {before.shape} and after {after.shape} do not belong together")
    if not 0 < step < 1:
        raise ValueError(f"step must lie between 0 and 1, not be {step}")
    n = len(finite(before))
    if n < 2:
        raise Undefined(f"the path length needs at least 2 pairs of codes, not {n}: draw more")
    finite(after)
    rows = [slice(start, start + _ROWS_AT_ONCE) for start in range(0, n, _ROWS_AT_ONCE)]
    lengths = np.concatenate([_squared(before[some], after[some]) for some in rows]) / step**2
    return Score(float(lengths.mean()), float(lengths.std(ddof=1) / math.sqrt(n)), n)


def _squared(before: Array, after: Array) -> Array:
    # in double precision, and of the differences: |a|² + |b|² - 2ab would lose what a small step leaves
    distances: Array = np.square(after.astype(np.float64) - before).sum(1)
    return distances
