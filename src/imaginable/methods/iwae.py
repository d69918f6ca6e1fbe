"""IWAE: the VAE with k draws an item and a tighter bound on the likelihood.

Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", arXiv:1509.00519; the other gradient:
Tucker et al. 2019, "Doubly Reparameterized Gradient Estimators", arXiv:1810.04152.

Objective, descended, averaged over items (equation 8 of the paper with its sign turned):
    - log 1/k Σ_i w_i,   w_i = p(x, z_i) / q(z_i | x),   z_i ~ q(z | x)
k = 1 is the VAE's bound; it rises with k towards log p(x). The log's `bound` is this number itself.

Its gradient weighs draw i by w̃_i = w_i / Σ w (equation 13): the softmax of log w. With many draws the
encoder's part of it drowns in noise; `--gradient doubly` weighs that part by w̃_i² along z alone (Tucker et
al., equation 8), the decoder's as before: the same expectation with less variance.

Against the VAE: a posterior may be wrong in places as long as some of the k draws are good; better
likelihoods at k times the decoder's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._output import OutputName, discrete_levels
from imaginable.methods._variational import (
    NetworkName,
    VaeNetworks,
    draws,
    gaussian_log_weights,
    gaussian_vitals,
    log_weights_of,
    posterior,
    shown,
    vae_networks,
)
from imaginable.objectives.variational import importance_weighted_bound


@final
@dataclass(frozen=True)
class Iwae(Method[VaeNetworks]):
    """Importance-weighted autoencoder (Burda et al. 2016; Tucker et al. 2019)."""

    paper = "Burda, Grosse & Salakhutdinov 2016, Importance Weighted Autoencoders, arXiv:1509.00519"
    consumes = frozenset({"images", "points"})
    averaged = ("autoencoder",)
    presets: ClassVar = {
        "small": {"width": 16, "latents": 32},
        "base": {},
        "paper": {"network": "mlp", "output": "bernoulli", "latents": 50, "hidden": 200, "samples": 50},
    }

    latents: int = 64
    """dimensions of the latent space"""
    samples: int = 5
    """k, draws of an item"""
    gradient: Literal["standard", "doubly"] = "doubly"
    """of the encoder: as in the first paper, or doubly reparameterised"""
    output: OutputName = "gaussian"
    """p(x | z), as in the vae"""
    deviation: float = 0.1
    """of gaussian-fixed, where 2 is from black to white"""
    network: NetworkName = "convolutional"
    """convolutional (residual) or mlp"""
    width: int = 32
    """channels of the first convolution"""
    blocks: int = 1
    """residual blocks at every resolution"""
    hidden: int = 500
    """units of the mlp's hidden layer"""
    lr: float = 1e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> VaeNetworks:
        return vae_networks(
            spec, self.latents, self.output, self.deviation, self.network, self.width, self.blocks, self.hidden
        )

    def optimizers(self) -> dict[str, Optimizer]:
        return {"autoencoder": Adam(self.lr, schedule=Schedule("cosine", decay_from=0.5, warmup=0.05))}

    def phases(self) -> tuple[Phase[VaeNetworks], ...]:
        return (Phase("autoencoder", self.negative_bound, after=self.solve_variance),)

    def negative_bound(self, nets: VaeNetworks, batch: Batch, progress: Progress) -> Loss:
        if self.gradient == "standard":
            bound = importance_weighted_bound(gaussian_log_weights(nets, batch.x, self.samples, None)).mean()
            return Loss(-bound, bound=bound)
        log_weights = self.doubly_reparameterised(nets, batch.x)  # (k, n)
        bound = importance_weighted_bound(log_weights.detach()).mean()
        weighted = (torch.softmax(log_weights.detach(), dim=0) * log_weights).sum(0).mean()
        # the gradient of the one, the value of the other
        return Loss(-(weighted - weighted.detach() + bound), bound=bound)

    def solve_variance(self, nets: VaeNetworks, batch: Batch, progress: Progress) -> None:
        nets.autoencoder.output.solve_variance()

    def doubly_reparameterised(self, nets: VaeNetworks, x: Tensor) -> Tensor:
        """log w (k, n) whose gradient along z is weighed by w̃ once more, and with none through q's own density."""
        mean, log_variance = posterior(nets, x)
        z = draws(mean, log_variance, self.samples)  # (k, n, latents)
        log_weights = log_weights_of(nets, x, z, mean.detach(), log_variance.detach())
        shares = torch.softmax(log_weights.detach(), dim=0)
        z.register_hook(lambda gradient: shares[:, :, None] * gradient)
        return log_weights

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self, nets: VaeNetworks, n: int, spec: DataSpec, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def encode(self, nets: VaeNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return posterior(nets, x)[0]

    def decode(
        self, nets: VaeNetworks, z: Tensor, label: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return shown(nets, z)

    def log_weights(
        self, nets: VaeNetworks, x: Tensor, samples: int, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        return gaussian_log_weights(nets, x, samples, generator)

    @property
    def levels(self) -> int | None:
        return discrete_levels(self.output)

    def vitals(self, nets: VaeNetworks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        return gaussian_vitals(nets, x)
