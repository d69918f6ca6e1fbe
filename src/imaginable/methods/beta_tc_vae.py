"""β-TCVAE: of the KL's three parts, weigh only the one that ties latent dimensions together.

Chen et al. 2018, "Isolating Sources of Disentanglement in Variational Autoencoders", arXiv:1802.04942.

Objective, descended, averaged over items (equation 4 of the paper with its sign turned):
    - E_q(z|x) [ log p(x | z) ] + α I(z; x) + β TC(z) + γ Σ_j KL( q(z_j) ‖ p(z_j) )
where TC(z) = KL( q(z) ‖ Π_j q(z_j) ) and the three are the exact parts of the VAE's mean KL
(objectives/variational.py: total_correlation_terms). With α = γ = 1 only β is to be chosen.

Against the β-VAE: what a code says about its picture (I) is not punished, so the same independence of
dimensions costs less of the picture.

Differs from the paper: in the estimate of q(z) the batch's other items share the weight of the rest of the
data set evenly (the paper's code gives all but one of them 1 / M); both are stratified sampling, this one is
exact when the batch is the data set. Networks and output as in methods/beta_vae.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._output import OutputName, discrete_levels
from imaginable.methods._variational import (
    NetworkName,
    VaeNetworks,
    gaussian_log_weights,
    gaussian_vitals,
    posterior,
    shown,
    vae_networks,
)
from imaginable.objectives.variational import reparameterise, total_correlation_terms


@final
@dataclass(frozen=True)
class BetaTcVae(Method[VaeNetworks]):
    """β-TCVAE (Chen et al. 2018)."""

    paper = "Chen et al. 2018, Isolating Sources of Disentanglement in Variational Autoencoders, arXiv:1802.04942"
    consumes = frozenset({"images", "points"})
    averaged = ("autoencoder",)
    couples = True  # q(z) is estimated from the batch
    presets: ClassVar = {
        "small": {"width": 16},
        "base": {},
        "paper": {"output": "bernoulli"},
    }

    latents: int = 10
    """dimensions of the latent space"""
    alpha: float = 1.0
    """weight of the mutual information of picture and code"""
    beta: float = 6.0
    """weight of the total correlation of the latent dimensions"""
    gamma: float = 1.0
    """weight of the dimensions' own divergence from the prior"""
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
        return (Phase("autoencoder", self.decomposed_bound, after=self.solve_variance),)

    def decomposed_bound(self, nets: VaeNetworks, batch: Batch, progress: Progress) -> Loss:
        mean, log_variance = posterior(nets, batch.x)  # (n, latents) each
        z = reparameterise(mean, log_variance)
        activation = nets.autoencoder.decoder(z)  # (n, *shape)
        log_likelihood = nets.autoencoder.output.log_likelihood(batch.x, activation).mean()
        information, correlation, dimensions = (
            term.mean() for term in total_correlation_terms(z, mean, log_variance, nets.count)
        )
        return Loss(
            -log_likelihood + self.alpha * information + self.beta * correlation + self.gamma * dimensions,
            bound=log_likelihood - (information + correlation + dimensions),
            reconstruction=-log_likelihood,
            information=information,
            correlation=correlation,
            dimensions=dimensions,
        )

    def solve_variance(self, nets: VaeNetworks, batch: Batch, progress: Progress) -> None:
        nets.autoencoder.output.solve_variance()

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
