"""Losses of the players of a GAN, per item. Logits are (n,): D(x) = σ(logit), high = real."""

import torch
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


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """½ max(0, 1 - D(x)) + ½ max(0, 1 + D(G(z))): what is judged right by more than 1 counts no more.

    Lim & Ye 2017, "Geometric GAN", arXiv:1705.02894, halved as by Esser et al. Element by element, any shape.
    """
    return 0.5 * F.relu(1 - real) + 0.5 * F.relu(1 + fake)


def hinge_generator_loss(fake: Tensor) -> Tensor:
    """-D(G(z)): the other side of the hinge; Lim & Ye 2017. Element by element, any shape."""
    return -fake


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor, most: float = 1e4) -> Tensor:
    """λ = ‖∇ L_rec‖ / (‖∇ L_adv‖ + 1e-6), gradients at the decoder's last layer: both terms then pull equally.

    Esser et al. 2021, "Taming Transformers", equation 7; at most `most`, as in the authors' code. (), no gradient.
    reconstruction, adversarial: (), with their graphs, which are kept. last_layer: the layer's weight.
    """
    (pull,) = torch.autograd.grad(reconstruction, last_layer, retain_graph=True)
    (push,) = torch.autograd.grad(adversarial, last_layer, retain_graph=True)
    return (pull.norm() / (push.norm() + 1e-6)).clamp(max=most)
