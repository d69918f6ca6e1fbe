"""The variational bound's own terms. Sum over dimensions, then average over items."""

import math

import torch
from torch import Tensor


def reparameterise(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw from N(mean, exp(log_variance)) through which gradients flow: z = μ + σ ε, ε ~ N(0, I).

    Kingma & Welling 2014, section 2.4. Shapes (n, latents).
    """
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) of every dimension in nats, (n, latents): ½ (μ² + σ² - 1 - log σ²).

    Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def normal_log_density(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; μ, σ²) of every dimension in nats."""
    return -0.5 * ((z - mean).square() * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi))


def free_bits(kl: Tensor, least: float) -> Tensor:
    """Σ_j max(λ, KL_j) with KL_j averaged over the batch: kl (n, dimensions or levels) to a scalar.

    Below λ nats a dimension costs nothing more, so it need not be switched off while the decoder is still
    learning to use it. Kingma et al. 2016 (IAF), equation 15.
    """
    return kl.mean(0).clamp(min=least).sum()


def capacity_cost(kl: Tensor, capacity: float, weight: float) -> Tensor:
    """γ |KL - C| of each item, kl (n,): the code is held at C nats. Burgess et al. 2018, equation 8."""
    return weight * (kl - capacity).abs()


def importance_weighted_bound(log_weights: Tensor) -> Tensor:
    """log 1/k Σ w of each item: log_weights (k, n) -> (n,). k = 1 is the ELBO; rises with k to log p(x).

    w = p(x, z) / q(z | x). Burda et al. 2016 (IWAE), equation 8.
    """
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


def total_correlation_terms(z: Tensor, mean: Tensor, log_variance: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The KL's three parts, each (n,), whose sum over a data set is the KL: mutual information of item and
    code, total correlation of the code's dimensions, dimension-wise KL to N(0, 1).

        E KL(q(z|x) ‖ p(z)) = I(z; x) + KL(q(z) ‖ Π_j q(z_j)) + Σ_j KL(q(z_j) ‖ p(z_j))

    Chen et al. 2018 (β-TCVAE), equation 2. q(z_i) is estimated from the batch by stratified sampling
    (appendix C.2): of the data set's `count` items, x_i itself is surely there with weight 1 / count, and
    the batch's b - 1 others stand for the count - 1 others:
        q(z_i) ≈ 1/N q(z_i | x_i) + (N - 1) / (N (b - 1)) Σ_{j≠i} q(z_i | x_j)
    which is exact when the batch is the data set. z, mean, log_variance (n, latents).
    """
    n = len(z)
    others = math.log((count - 1) / (count * (n - 1))) if n > 1 and count > 1 else -math.inf
    log_share = torch.full((n, n), others, device=z.device).fill_diagonal_(-math.log(count))
    # log q(z_i | x_j) of every dimension: (i, j, latents)
    pairwise = normal_log_density(z[:, None], mean[None], log_variance[None])
    log_q_given_x = pairwise.diagonal(dim1=0, dim2=1).sum(0)  # (n,)
    log_q = torch.logsumexp(log_share + pairwise.sum(2), dim=1)
    log_q_by_dimension = torch.logsumexp(log_share[:, :, None] + pairwise, dim=1)  # (n, latents)
    log_prior = normal_log_density(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)
    product = log_q_by_dimension.sum(1)
    return log_q_given_x - log_q, log_q - product, product - log_prior
