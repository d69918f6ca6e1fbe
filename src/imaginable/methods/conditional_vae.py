"""Conditional VAE: a VAE that is told the class, so that its code need only say the rest.

Sohn, Lee & Yan 2015, "Learning Structured Output Representation using Deep Conditional Generative Models",
NeurIPS; Kingma et al. 2014, "Semi-supervised Learning with Deep Generative Models", arXiv:1406.5298.

Objective, descended, averaged over items (equation 6 of Kingma et al. without the constant log p(y)):
    - E_q(z|x,y) [ log p(x | z, y) ] + β KL( q(z | x, y) ‖ p(z) ),   p(z) = N(0, I), the same for every class.
With β = 1 it is a bound on log p(x | y).

Against the VAE: the class is given to both halves, so paying for it in z would be waste: z keeps what
classes have in common (tilt, weight, colour), and one z under every label is one style in every class.

A share of the labels is withheld in training: label -1, or none given, stands for unknown, and then z says
the class as in a plain VAE.

Differs from the papers: the encoder sees the class as a learned picture added to x (what joining a one-hot
vector is to a fully connected layer), the decoder as a one-hot vector joined to z, zeros for unknown; the prior
depends on no label (Sohn et al.: p(z | y)); one latent layer, no classifier of unlabelled items; Adam.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._output import Output, OutputName, discrete_levels
from imaginable.methods._variational import (
    Autoencoding,
    NetworkName,
    VaeNetworks,
    code_vitals,
    draws,
    encoder_and_decoder,
    likelihood_of_draws,
    log_prior_over_posterior,
    posterior,
    shown,
)
from imaginable.objectives.variational import free_bits, kl_to_standard_normal, reparameterise


class ConditionalAutoencoding(Autoencoding):
    """templates: what is added to x for its class, (classes, *shape)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, output: Output, spec: DataSpec) -> None:
        super().__init__(encoder, decoder, output)
        # as loud as the pictures: begun at zero, classes were heard after the code had learnt to say them
        self.templates = nn.Parameter(torch.randn(len(spec.classes), *spec.shape))


class ConditionalNetworks(VaeNetworks):
    autoencoder: ConditionalAutoencoding


@final
@dataclass(frozen=True)
class ConditionalVae(Method[ConditionalNetworks]):
    """Conditional VAE (Sohn et al. 2015; Kingma et al. 2014): pictures of the class that is asked for."""

    paper = "Sohn, Lee & Yan 2015, Learning Structured Output Representation; Kingma et al. 2014, arXiv:1406.5298"
    consumes = frozenset({"images"})
    labels = "required"
    averaged = ("autoencoder",)
    presets: ClassVar = {
        "small": {"width": 16, "latents": 32},
        "base": {},
        "paper": {"network": "mlp", "output": "bernoulli", "latents": 50, "hidden": 500},
    }

    latents: int = 64
    """dimensions of the latent space"""
    label_dropout: float = 0.1
    """share of the labels withheld in training, so that a picture's class may be unknown"""
    output: OutputName = "gaussian"
    """p(x | z, y), as in the vae"""
    deviation: float = 0.1
    """of gaussian-fixed, where 2 is from black to white"""
    beta: float = 1.0
    """weight of the KL term; 1 is the bound itself"""
    kl_warmup: float = 0.1
    """the KL term's weight rises from 0 over this fraction of the run's images"""
    free_bits: float = 0.0
    """nats of each latent dimension, averaged over the batch, that cost nothing"""
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

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> ConditionalNetworks:
        output = Output(self.output, spec, self.deviation)
        encoder, decoder = encoder_and_decoder(
            self.network,
            spec,
            2 * self.latents,
            self.latents + len(spec.classes),
            self.width,
            self.blocks,
            self.hidden,
            output.channels,
        )
        return ConditionalNetworks(ConditionalAutoencoding(encoder, decoder, output, spec), spec.count)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"autoencoder": Adam(self.lr, schedule=Schedule("cosine", decay_from=0.5, warmup=0.05))}

    def phases(self) -> tuple[Phase[ConditionalNetworks], ...]:
        return (Phase("autoencoder", self.negative_bound, after=self.solve_variance),)

    def negative_bound(self, nets: ConditionalNetworks, batch: Batch, progress: Progress) -> Loss:
        y = self.partly_withheld(one_hot(nets, batch.label, len(batch)))  # (n, classes)
        mean, log_variance = posterior(nets, with_template(nets, batch.x, y))  # (n, latents) each
        z = reparameterise(mean, log_variance)
        activation = nets.autoencoder.decoder(joined(z, y))  # (n, *shape)
        log_likelihood = nets.autoencoder.output.log_likelihood(batch.x, activation).mean()
        kl = kl_to_standard_normal(mean, log_variance)  # (n, latents)
        weight = self.beta * min(1.0, progress.fraction / self.kl_warmup) if self.kl_warmup else self.beta
        rate = kl.sum(1).mean()
        return Loss(
            -log_likelihood + weight * (free_bits(kl, self.free_bits) if self.free_bits else rate),
            bound=log_likelihood - rate,
            reconstruction=-log_likelihood,
            kl=rate,
        )

    def partly_withheld(self, y: Tensor) -> Tensor:
        """Zeros, which is unknown, for a share of the items."""
        kept = torch.rand(len(y), 1, device=y.device) >= self.label_dropout
        return y * kept

    def solve_variance(self, nets: ConditionalNetworks, batch: Batch, progress: Progress) -> None:
        nets.autoencoder.output.solve_variance()

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self,
        nets: ConditionalNetworks,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def encode(self, nets: ConditionalNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return posterior(nets, with_template(nets, x, one_hot(nets, label, len(x))))[0]

    def decode(
        self,
        nets: ConditionalNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return shown(nets, joined(z, one_hot(nets, label, len(z))))

    def log_weights(
        self,
        nets: ConditionalNetworks,
        x: Tensor,
        samples: int,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        y = one_hot(nets, label, len(x))
        mean, log_variance = posterior(nets, with_template(nets, x, y))
        z = draws(mean, log_variance, samples, generator)  # (samples, n, latents)
        return likelihood_of_draws(nets, x, joined(z, y)) + log_prior_over_posterior(z, mean, log_variance)

    @property
    def levels(self) -> int | None:
        return discrete_levels(self.output)

    def vitals(self, nets: ConditionalNetworks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        y = one_hot(nets, label, len(x))
        mean, log_variance = posterior(nets, with_template(nets, x, y))
        codes = reparameterise(mean, log_variance)
        activation = nets.autoencoder.decoder(joined(codes, y))
        return code_vitals(mean, log_variance) | {"codes": codes} | nets.autoencoder.output.vitals(x, activation)


def one_hot(nets: ConditionalNetworks, label: Tensor | None, n: int) -> Tensor:
    """y (n, classes): one at the label; all zeros where it is -1, or where there is none."""
    templates = nets.autoencoder.templates
    known = torch.arange(len(templates), device=templates.device)
    if label is None:
        return torch.zeros(n, len(known), device=known.device)
    return (label[:, None].to(known.device) == known).float()


def with_template(nets: ConditionalNetworks, x: Tensor, y: Tensor) -> Tensor:
    """x plus the learned picture of its class; x itself where that is unknown."""
    return x + torch.tensordot(y, nets.autoencoder.templates, dims=1)


def joined(z: Tensor, y: Tensor) -> Tensor:
    """z (..., n, latents) and y (n, classes) as the decoder takes them, (..., n, latents + classes)."""
    return torch.cat([z, y.expand(*z.shape[:-1], -1)], dim=-1)
