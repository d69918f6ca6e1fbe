"""What a classifier says of samples: how sure it is and of how many classes.

classifier_score   the formula of the Inception score: Salimans et al. 2016, "Improved Techniques for Training GANs",
                   arXiv:1606.03498; it may be called that only with Inception's own probabilities
class_divergence   whether the classes come as often as they should
"""

from __future__ import annotations

import math

import numpy as np

from imaginable.metrics.score import Array, Score, Undefined, finite

LEAST = 10


def classifier_score(probabilities: Array) -> Score:
    """exp mean_i KL(p(y | x_i) || p(y)) of (n, c), p(y) the mean over the items; in [1, c], and at most n.

    1: all items look the same to the classifier; c: it is sure of each, and all classes come equally often. One
    picture per class scores c too, and real images are not compared at all. The error is score · sd(KL_i) / √n: that
    p(y) is estimated too adds nothing to the first order. Undefined for fewer than 10 items, or fewer than classes,
    where the number of items would bound the score.
    """
    probabilities = finite(probabilities, "probabilities").astype(np.float64)
    n, classes = probabilities.shape
    if (probabilities < 0).any() or np.abs(probabilities.sum(1) - 1).max(initial=0) > 1e-3:
        raise ValueError("probabilities (n, c) of at least 0, each row summing to 1, were expected")
    if n < max(LEAST, classes):
        raise Undefined(f"the classifier score needs at least {max(LEAST, classes)} images, not {n}: add images")
    marginal = probabilities.mean(0)
    ratio = np.divide(probabilities, marginal, out=np.ones_like(probabilities), where=probabilities > 0)
    divergence = (probabilities * np.log(ratio)).sum(1)  # 0 log 0 = 0
    score = math.exp(divergence.mean())
    return Score(score, score * float(divergence.std(ddof=1)) / math.sqrt(n), n)


def class_divergence(predicted: Array, share: Array) -> Score:
    """KL(h || share) = Σ h log(h / share) in nats, in [0, ∞): h the histogram of predicted classes (n,), share (c,).

    Even where the classes come as they should, chance gives about (c - 1) / (2n), c counting classes with a share:
    compare with that, and only figures of equal n with each other.

    The squared error is the first order's, var log(h / share) / n, less the (c - 1) / (2n²) by which that is too large
    because h is itself chance, and at least that much, which is the variance where classes come as they should
    (2n KL is then χ² with c - 1 degrees; for few classes the error is there up to a third too large).

    Undefined for fewer than 10 items, and where a class was predicted that has no share: KL is then infinite.
    """
    share = np.asarray(share, np.float64)
    if (share < 0).any() or abs(share.sum() - 1) > 1e-6:
        raise ValueError("shares of at least 0 that sum to 1 were expected")
    if len(predicted) and not (predicted.min() >= 0 and predicted.max() < len(share)):
        raise ValueError(f"classes from 0 to {len(share) - 1} were expected")
    n = len(predicted)
    if n < LEAST:
        raise Undefined(f"the divergence of classes needs at least {LEAST} images, not {n}: add images")
    histogram = np.bincount(predicted, minlength=len(share)) / n
    if histogram[share == 0].any():
        stray = np.flatnonzero((share == 0) & (histogram > 0)).tolist()
        raise Undefined(f"classes {stray} were predicted but have no share: leave them out, or count real images anew")
    seen = histogram > 0
    weights, ratios = histogram[seen], np.log(histogram[seen] / share[seen])
    divergence = float(weights @ ratios)
    chance = (np.count_nonzero(share) - 1) / (2 * n * n)
    variance = max(float(weights @ np.square(ratios - divergence)) / n - chance, chance)
    return Score(max(0.0, divergence), math.sqrt(variance), n)
