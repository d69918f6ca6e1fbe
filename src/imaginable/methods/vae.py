"""Variational autoencoder: a smooth latent space with an encoder, a prior and a likelihood bound.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

Objective, descended, averaged over items (equation 3 of the paper with its sign turned):
    - E_q(z|x) [ log p(x | z) ] + β KL( q(z | x) ‖ p(z) )
    q(z | x) = N(μ(x), diag σ²(x)),   p(z) = N(0, I),   one draw z = μ + σ ε an item.
With β = 1 (the default) this is the evidence lower bound itself, in nats.

Against the autoencoder: the code is a distribution, and the KL term packs these distributions into
a standard normal, so that points between and around codes decode to something sensible.

Differs from the paper: Adam for Adagrad; a residual convolutional network by default (`--preset paper`
is the paper's one with 500 tanh units and a Bernoulli output); the Gaussian's variance is one number,
solved for, rather than one a pixel (there the density of constant pixels grows without bound).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._variational import (
    Autoencoding,
    NetworkName,
    Output,
    OutputName,
    encoder_and_decoder,
    posterior_vitals,
)
from imaginable.objectives.variational import kl_to_standard_normal, reparameterise


class VaeNetworks(nn.Module):
    """One player: the encoder and the decoder descend the same bound."""

    def __init__(self, autoencoder: Autoencoding) -> None:
        super().__init__()
        self.autoencoder = autoencoder


@final
@dataclass(frozen=True)
class Vae(Method[VaeNetworks]):
    """Variational autoencoder (Kingma & Welling 2014)."""

    paper = "Kingma & Welling 2014, Auto-Encoding Variational Bayes, arXiv:1312.6114"
    consumes = frozenset({"images", "points"})
    averaged = ("autoencoder",)
    presets: ClassVar = {
        "small": {"width": 16, "latents": 32},
        "base": {},
        "paper": {"network": "mlp", "output": "bernoulli", "latents": 20, "hidden": 500},
    }

    latents: int = 64
    """dimensions of the latent space"""
    output: OutputName = "gaussian"
    """p(x | z): gaussian solves for its variance; logistic is a likelihood of the 256 grey values, scale learned"""
    beta: float = 1.0
    """weight of the KL term; 1 is the bound itself"""
    kl_warmup: float = 0.1
    """the KL term's weight rises from 0 over this fraction of the run"""
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
        if spec.kind == "points" and self.output != "gaussian":
            raise UserError(f"--output {self.output}: for grey values; points take gaussian")
        encoder, decoder = encoder_and_decoder(
            self.network, spec, 2 * self.latents, self.latents, self.width, self.blocks, self.hidden
        )
        return VaeNetworks(Autoencoding(encoder, decoder, Output(self.output)))

    def optimizers(self) -> dict[str, Optimizer]:
        return {"autoencoder": Adam(self.lr, schedule=Schedule("cosine", decay_from=0.5, warmup=0.05))}

    def phases(self) -> tuple[Phase[VaeNetworks], ...]:
        return (Phase("autoencoder", self.negative_bound, after=self.solve_variance),)

    def negative_bound(self, nets: VaeNetworks, batch: Batch, progress: Progress) -> Loss:
        mean, log_variance = self.posterior(nets, batch.x)  # (n, latents) each
        z = reparameterise(mean, log_variance)
        activation = nets.autoencoder.decoder(z)  # (n, *shape)
        log_likelihood = nets.autoencoder.output.log_likelihood(batch.x, activation).mean()
        kl = kl_to_standard_normal(mean, log_variance).sum(1).mean()
        weight = self.beta * min(1.0, progress.fraction / self.kl_warmup) if self.kl_warmup else self.beta
        return Loss(
            -log_likelihood + weight * kl,
            bound=log_likelihood - kl,
            reconstruction=-log_likelihood,
            kl=kl,
        )

    def solve_variance(self, nets: VaeNetworks, batch: Batch, progress: Progress) -> None:
        nets.autoencoder.output.solve_variance()

    def posterior(self, nets: VaeNetworks, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), (n, latents) each."""
        mean, log_variance = nets.autoencoder.encoder(x).chunk(2, dim=1)
        # a deviation below e^-7 of the prior's would only make exp() fragile
        return mean, log_variance.clamp(-14, 14)

    def vitals(self, nets: VaeNetworks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        return posterior_vitals(nets.autoencoder, x, *self.posterior(nets, x))

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self,
        nets: VaeNetworks,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def encode(self, nets: VaeNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.posterior(nets, x)[0]

    def decode(
        self,
        nets: VaeNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return nets.autoencoder.output.mean(nets.autoencoder.decoder(z))
