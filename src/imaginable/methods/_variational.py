"""What the autoencoder methods share: their two networks and the output distribution."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from imaginable.core import distributed
from imaginable.core.types import DataSpec
from imaginable.networks.mlp import Mlp
from imaginable.networks.residual import ResidualDecoder, ResidualEncoder
from imaginable.objectives.reconstruction import (
    HALF_LEVEL,
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    logistic_log_likelihood,
)
from imaginable.objectives.variational import kl_to_standard_normal, reparameterise

OutputName = Literal["gaussian", "bernoulli", "logistic"]
NetworkName = Literal["convolutional", "mlp"]

# a picture's own rounding to 256 values is noise of this deviation: a density sharper than it says nothing
_LEAST_DEVIATION = 2 * HALF_LEVEL / math.sqrt(12)
# the logistic's scale is one number that must travel far, while Adam moves a number by its learning rate a step
_SCALE_SPEED = 20.0
# share of the newest batch in the gaussian's variance
_NEWEST = 0.1


class Output(nn.Module):
    """p(x | z) from a decoder's activations (n, *shape), with one scale for all dimensions.

    gaussian: the variance is solved for: the mean squared error, which maximises the likelihood in closed
    form (Rybkin et al. 2021, "Simple and effective VAE training with calibrated decoders", equation 9),
    here as a running mean, so that the items of a batch stay independent. logistic: the scale is learned.
    """

    def __init__(self, name: OutputName) -> None:
        super().__init__()
        self.name = name
        if name == "gaussian":
            self.variance: Tensor
            self.newest: Tensor
            self.register_buffer("variance", torch.ones(()))
            self.register_buffer("newest", torch.zeros(2))  # sum of squared errors, numbers summed
        if name == "logistic":
            self.scaled_log_scale = nn.Parameter(torch.full((), -2.0 / _SCALE_SPEED))

    def log_likelihood(self, x: Tensor, activation: Tensor) -> Tensor:
        """Nats per item, (n,)."""
        if self.name == "bernoulli":
            return bernoulli_log_likelihood(x, activation)
        if self.name == "gaussian":
            if self.training:
                error = (x - activation.detach()).square().sum()
                self.newest += torch.stack([error, torch.full_like(error, x.numel())])
            return gaussian_log_likelihood(x, activation, 0.5 * self.variance.log())
        return logistic_log_likelihood(x, activation, _SCALE_SPEED * self.scaled_log_scale)

    def solve_variance(self) -> None:
        """Moves the variance towards the error since the last call, of all processes; after a step."""
        if self.name != "gaussian":
            return
        error, count = distributed.average(self.newest)
        self.variance.lerp_(error / count, _NEWEST).clamp_(min=_LEAST_DEVIATION**2)
        self.newest.zero_()

    def mean(self, activation: Tensor) -> Tensor:
        """The picture shown for z, in [-1, 1]."""
        if self.name == "bernoulli":
            return 2 * torch.sigmoid(activation) - 1
        return activation.clamp(-1, 1) if activation.ndim == 4 else activation  # points have no range


class Autoencoding(nn.Module):
    """Encoder, decoder and output distribution: one player."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, output: Output) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.output = output


def encoder_and_decoder(
    kind: NetworkName, spec: DataSpec, encoded: int, latents: int, width: int, blocks: int, hidden: int
) -> tuple[nn.Module, nn.Module]:
    """(n, *shape) -> (n, encoded) and (n, latents) -> (n, *shape)."""
    if kind == "mlp" or spec.kind == "points":
        return (
            Mlp([spec.dimensions, hidden], (encoded,), nn.Tanh),
            Mlp([latents, hidden], spec.shape, nn.Tanh),
        )
    return (
        ResidualEncoder(spec.shape, encoded, width, blocks),
        ResidualDecoder(latents, spec.shape, width, blocks),
    )


def posterior_vitals(nets: Autoencoding, x: Tensor, mean: Tensor, log_variance: Tensor) -> dict[str, Tensor]:
    """What `Vitals` documents, for q(z | x) = N(mean, diag exp(log_variance)), (n, latents), and p(z) = N(0, I)."""
    codes = reparameterise(mean, log_variance)
    activation = nets.decoder(codes)
    return {
        "kl": kl_to_standard_normal(mean, log_variance).mean(0),
        "mean_variance": mean.var(0),
        "codes": codes,
        "distortion": -nets.output.log_likelihood(x, activation).mean(),
        "error": (x - nets.output.mean(activation)).square().mean().sqrt(),
    }
