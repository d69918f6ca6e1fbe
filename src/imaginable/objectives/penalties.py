"""Penalties on the gradient of a critic at its input, per item, and on weights. A critic maps items (n, ...) to (n,).

Those on gradients are exact, by a second backward pass: call them in the critic's phase, with its parameters free.
The critic must not let items influence each other (batch norm), or the gradient of a logit is not that of its own
item alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]


def squared_gradient_norm(critic: Critic, x: Tensor) -> Tensor:
    """‖∇_x D(x)‖² of every item, (n,): R1 on real items, R2 on fake ones, without their factor γ / 2.

    Mescheder, Geiger & Nowozin 2018, "Which Training Methods for GANs do actually Converge?", arXiv:1801.04406,
    equation 9.
    """
    return _gradient(critic, x).square().sum(1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, norm: float = 1.0) -> Tensor:
    """(‖∇ D(x̂)‖ - norm)² at a random point x̂ = u x + (1 - u) G(z) between each real item and its fake one, (n,).

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", arXiv:1704.00028, equation 3, without its factor λ.
    """
    share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device, dtype=real.dtype)
    between = share * real + (1 - share) * fake.detach()
    # the root has no slope at 0: a critic that is flat somewhere must not make the weights NaN
    norms = (_gradient(critic, between).square().sum(1) + 1e-12).sqrt()
    return (norms - norm).square()


def path_lengths(synthesize: Callable[[Tensor], Tensor], w: Tensor) -> Tensor:
    """‖J_wᵀ y‖ of codes w (n, layers, styles) and pictures y of normal noise over √(height · width), (n,).

    Its square is the mean over layers of the sum over styles. Karras et al. 2020, "Analyzing and Improving the Image
    Quality of StyleGAN", arXiv:1912.04958, section 3.2; y and the mean over layers as in the authors' code.
    """
    x = synthesize(w)  # (n, c, h, w)
    y = torch.randn_like(x) / math.sqrt(x.shape[2] * x.shape[3])
    (gradient,) = torch.autograd.grad((x * y).sum(), w, create_graph=True)
    return gradient.float().square().sum(2).mean(1).sqrt()


def orthogonality(weight: Tensor) -> Tensor:
    """‖ W Wᵀ ⊙ (1 - I) ‖² of a weight read as rows (out, rest), (): 0 where the rows are orthogonal, however long.

    Brock, Donahue & Simonyan 2019, arXiv:1809.11096, equation 3, without its factor β.
    """
    rows = weight.flatten(1)
    products = rows @ rows.T
    return (products - products.diagonal().diag()).square().sum()


def _gradient(critic: Critic, x: Tensor) -> Tensor:
    """∇ D at x, flattened to (n, d) in float32, with a graph of its own."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.float().flatten(1)
