"""How different two pictures look to a network, rather than pixel by pixel."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# where all features of a place are 0 (a dead corner of a picture), the norm's slope must stay finite
_LEAST_SQUARED_NORM = 1e-6


def perceptual_distance(features: Callable[[Tensor], Sequence[Tensor]], x: Tensor, reconstruction: Tensor) -> Tensor:
    """Squared distance of the features' directions, averaged over places and levels, (n,), between 0 and 4.

        d(x, x̂) = 1/L Σ_l 1/(H_l W_l) Σ_hw ‖ φ_l(x)_hw / ‖φ_l(x)_hw‖ - φ_l(x̂)_hw / ‖φ_l(x̂)_hw‖ ‖²

    Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (LPIPS),
    equation 1 with all channels weighted 1, and the mean over the L levels for their sum.

    features: pictures (n, c, h, w) to maps (n, c_l, h_l, w_l), any number of them. Gradients flow through it
    to both pictures: never call this without gradient where it is a loss.
    """
    levels = zip(features(x), features(reconstruction), strict=True)
    distances = [(_direction(one) - _direction(other)).square().sum(1).mean((1, 2)) for one, other in levels]
    return torch.stack(distances).mean(0)


def _direction(features: Tensor) -> Tensor:
    """Features of every place over their norm, float32."""
    features = features.to(torch.float32)
    return features * torch.rsqrt(features.square().sum(1, keepdim=True) + _LEAST_SQUARED_NORM)
