"""log p(x | z) of the output distributions: nats per item, summed over the item's dimensions.

Images x are in [-1, 1]; the 256 grey values v = 0..255 stand at x = 2 v / 255 - 1.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

HALF_LEVEL = 1 / 255
"""half the distance between two grey values, in units of x"""


def squared_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Σ (x - x̂)² of each item, (n,)."""
    return (x - reconstruction).square().flatten(1).sum(1)


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """Σ p log σ(a) + (1 - p) log(1 - σ(a)) with p = (x + 1) / 2, (n,).

    A likelihood in the strict sense for binary data only; for grey values it is the expected one
    of pictures binarised at random.
    """
    target = (x + 1) / 2
    return -F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).sum(1)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, log_deviation: Tensor) -> Tensor:
    """log N(x; mean, σ²), a density over x in [-1, 1] (not comparable with discrete likelihoods), (n,)."""
    scaled = (x - mean) * torch.exp(-log_deviation)
    density = -0.5 * scaled.square() - log_deviation - 0.5 * math.log(2 * math.pi)
    return density.flatten(1).sum(1)


def logistic_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log P(v) of a logistic distribution discretised to the 256 grey values, (n,).

    P(v) = σ((x + ½Δ - μ) / s) - σ((x - ½Δ - μ) / s); the first and the last value take the tails,
    so that the 256 probabilities sum to one. Kingma et al. 2016 (IAF), appendix; Salimans et al. 2017.
    """
    inverse_scale = torch.exp(-log_scale)
    upper = (x + HALF_LEVEL - mean) * inverse_scale
    lower = (x - HALF_LEVEL - mean) * inverse_scale
    # σ(a) - σ(b) = σ(a) σ(-b) (1 - e^(b - a)): no cancellation, however narrow the bin
    width = 2 * HALF_LEVEL * inverse_scale
    inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-width))
    first, last = x < -1 + HALF_LEVEL, x > 1 - HALF_LEVEL
    log_probability = torch.where(first, F.logsigmoid(upper), torch.where(last, F.logsigmoid(-lower), inside))
    return log_probability.flatten(1).sum(1)
