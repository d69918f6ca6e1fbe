"""Losses of the players of a GAN, per item. Logits are (n,): D(x) = σ(logit), high = real."""

import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))): Goodfellow et al. 2014, equation 1, to be descended. (n,)"""
    return F.softplus(-real) + F.softplus(fake)


def minimax_loss(fake: Tensor) -> Tensor:
    """log(1 - D(G(z))): the generator's side of equation 1; vanishes where the discriminator wins. (n,)"""
    return -F.softplus(fake)


def nonsaturating_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)): the same fixed point with strong gradients early on; Goodfellow et al., section 3. (n,)"""
    return F.softplus(-fake)
