"""The variational bound's own terms."""

import torch
from torch import Tensor


def reparameterise(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw from N(mean, exp(log_variance)) through which gradients flow: z = μ + σ ε, ε ~ N(0, I).

    Kingma & Welling 2014, section 2.4. Shapes (n, latents).
    """
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) of every dimension in nats, (n, latents): ½ (μ² + σ² - 1 - log σ²).

    Kingma & Welling 2014, appendix B. Sum over dimensions, then average over items.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
