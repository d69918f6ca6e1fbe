"""β-VAE: a VAE that pays β times for what its code says, so that it says it in few independent numbers.

Higgins et al. 2017, "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
ICLR; Burgess et al. 2018, "Understanding disentangling in β-VAE", arXiv:1804.03599.

Objective, descended, averaged over items (equation 4 of the first paper with its sign turned):
    - E_q(z|x) [ log p(x | z) ] + β KL( q(z | x) ‖ p(z) )
or, with `--capacity C` (equation 8 of the second):
    - E_q(z|x) [ log p(x | z) ] + γ | KL( q(z | x) ‖ p(z) ) - c |,   c rising from 0 to C over half of the run.

Against the VAE: β > 1 trades fidelity for latent dimensions that each follow one factor of the data. It is
no bound any more; the log's `bound` still is the VAE's.

Differs from the papers: a residual convolutional network and a Gaussian with solved variance by default
(`--preset paper`: the Bernoulli output and 10 latents of both). With a solved variance the pixel term is
itself in nats, so a β means the same at every picture size.
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
from imaginable.objectives.variational import capacity_cost, kl_to_standard_normal, reparameterise

_CAPACITY_REACHED = 0.5


@final
@dataclass(frozen=True)
class BetaVae(Method[VaeNetworks]):
    """β-VAE (Higgins et al. 2017), and its capacity schedule (Burgess et al. 2018)."""

    paper = "Higgins et al. 2017, beta-VAE; Burgess et al. 2018, Understanding disentangling in β-VAE"
    consumes = frozenset({"images", "points"})
    averaged = ("autoencoder",)
    presets: ClassVar = {
        "small": {"width": 16},
        "base": {},
        "paper": {"output": "bernoulli"},
    }

    latents: int = 10
    """dimensions of the latent space"""
    beta: float = 4.0
    """weight of the KL term"""
    capacity: float = 0.0
    """nats the code is led to and held at; 0: the weight beta instead"""
    gamma: float = 100.0
    """weight of leaving that capacity"""
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
        return (Phase("autoencoder", self.weighted_bound, after=self.solve_variance),)

    def weighted_bound(self, nets: VaeNetworks, batch: Batch, progress: Progress) -> Loss:
        mean, log_variance = posterior(nets, batch.x)  # (n, latents) each
        z = reparameterise(mean, log_variance)
        activation = nets.autoencoder.decoder(z)  # (n, *shape)
        log_likelihood = nets.autoencoder.output.log_likelihood(batch.x, activation).mean()
        kl = kl_to_standard_normal(mean, log_variance).sum(1)  # (n,)
        if self.capacity:
            now = self.capacity * min(1.0, progress.fraction / _CAPACITY_REACHED)
            cost = capacity_cost(kl, now, self.gamma).mean()
        else:
            cost = self.beta * kl.mean()
        return Loss(
            -log_likelihood + cost,
            bound=log_likelihood - kl.mean(),
            reconstruction=-log_likelihood,
            kl=kl.mean(),
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
