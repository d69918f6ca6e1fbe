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


def focal_loss(logits: Tensor, truth: Tensor, gamma: float) -> Tensor:
    """-(1 - p)^γ log p, the mean over an item's numbers, (n,); p: the chance given to what is true, 0 or 1.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv:1708.02002, equation 4. γ = 0 is cross-entropy.
    """
    surprise = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")  # -log p
    return (-torch.expm1(-surprise)).pow(gamma).mul(surprise).flatten(1).mean(1)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, log_deviation: Tensor) -> Tensor:
    """log N(x; mean, σ²), a density over x in [-1, 1] (not comparable with discrete likelihoods), (n,)."""
    scaled = (x - mean) * torch.exp(-log_deviation)
    density = -0.5 * scaled.square() - log_deviation - 0.5 * math.log(2 * math.pi)
    return density.flatten(1).sum(1)


def logistic_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log P(v) of a logistic distribution discretised to the 256 grey values, (n,)."""
    return log_probability_of_level(x, mean, log_scale).flatten(1).sum(1)


def log_probability_of_level(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log P(v) of every number in x by itself, of x's shape.

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
    return torch.where(first, F.logsigmoid(upper), torch.where(last, F.logsigmoid(-lower), inside))


def mixture_parameters(channels: int, components: int) -> int:
    """Numbers a pixel of `channels` needs: weights, means, scales, and the channels' dependence on earlier ones."""
    return components * (1 + 2 * channels + channels * (channels - 1) // 2)


def logistic_mixture_log_likelihood(x: Tensor, parameters: Tensor) -> Tensor:
    """log P of whole pixels under a mixture of discretised logistics, (n,).

    P(pixel) = Σ_k π_k Π_c P_c(v_c | v_<c, k): within a component a channel's mean is shifted linearly by the
    channels before it (Salimans et al. 2017, PixelCNN++, section 2.2). x (n, c, h, w),
    parameters (n, mixture_parameters(c, k), h, w).
    """
    log_weights, means, log_scales, slopes = _split_mixture(parameters, x.shape[1])
    shifted = [means[:, :, 0]]
    for channel in range(1, x.shape[1]):
        earlier = x[:, None, :channel]  # (n, 1, channel, h, w)
        shifted.append(means[:, :, channel] + (slopes[channel - 1] * earlier).sum(2))
    levels = log_probability_of_level(x[:, None], torch.stack(shifted, dim=2), log_scales)  # (n, k, c, h, w)
    return torch.logsumexp(log_weights + levels.sum(2), dim=1).flatten(1).sum(1)


def logistic_mixture_mean(parameters: Tensor, channels: int) -> Tensor:
    """The mixture's mean, (n, c, h, w); exact but for the tails cut at the first and the last value."""
    log_weights, means, _, slopes = _split_mixture(parameters, channels)
    found: list[Tensor] = [means[:, :, 0]]
    for channel in range(1, channels):
        found.append(means[:, :, channel] + (slopes[channel - 1] * torch.stack(found, dim=2)).sum(2))
    return (log_weights.exp()[:, :, None] * torch.stack(found, dim=2)).sum(1)


def _split_mixture(parameters: Tensor, channels: int) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """log weights (n, k, h, w); means, log scales (n, k, c, h, w); slopes on earlier channels, one for each."""
    components = parameters.shape[1] // mixture_parameters(channels, 1)
    shaped = parameters.unflatten(1, (components, -1))  # (n, k, numbers, h, w)
    weights, means, log_scales, rest = shaped.split([1, channels, channels, shaped.shape[2] - 1 - 2 * channels], dim=2)
    slopes = list(torch.tanh(rest).split(list(range(1, channels)), dim=2)) if channels > 1 else []
    return torch.log_softmax(weights.squeeze(2), dim=1), means, log_scales.clamp(min=-7.0), slopes
