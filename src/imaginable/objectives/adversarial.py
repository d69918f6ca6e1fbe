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


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """½ (D(x) - 1)² + ½ D(G(z))²: Mao et al. 2017, "Least Squares GAN", arXiv:1611.04076, equation 9. (n,)"""
    return 0.5 * (real - 1).square() + 0.5 * fake.square()


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """½ (D(G(z)) - 1)²: the other side of equation 9. (n,)"""
    return 0.5 * (fake - 1).square()


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """D(G(z)) - D(x): minus the dual form of the Wasserstein distance, for a critic that is 1-Lipschitz.

    Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN", arXiv:1701.07875, equation 2. (n,)
    """
    return fake - real


def wasserstein_generator_loss(fake: Tensor) -> Tensor:
    """-D(G(z)): the other side of the same. (n,)"""
    return -fake


def relativistic_loss(better: Tensor, worse: Tensor) -> Tensor:
    """-log σ(D(better) - D(worse)): each real item is paired with a fake one, and the players differ in which is which.

    The discriminator descends it with (real, fake), the generator with (fake, real). Jolicoeur-Martineau 2019, "The
    relativistic discriminator", arXiv:1807.00734; Huang et al. 2024, "The GAN is dead; long live the GAN!",
    arXiv:2501.05441. (n,)
    """
    return F.softplus(worse - better)


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
