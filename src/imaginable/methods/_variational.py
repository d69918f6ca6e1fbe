"""What the autoencoder methods share: their two networks and the output distribution."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from imaginable.core.types import DataSpec
from imaginable.networks.mlp import Mlp
from imaginable.networks.residual import ResidualDecoder, ResidualEncoder
from imaginable.objectives.reconstruction import (
    HALF_LEVEL,
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    logistic_log_likelihood,
)

OutputName = Literal["gaussian", "bernoulli", "logistic"]
NetworkName = Literal["convolutional", "mlp"]

# a picture's own rounding to 256 values is noise of this deviation: a density sharper than it says nothing
_LEAST_LOG_SCALE = math.log(2 * HALF_LEVEL / math.sqrt(12))
# the scale is one number that must travel from 1 to 0.01, while Adam moves a number by its learning rate a step
_SCALE_SPEED = 10.0


class Output(nn.Module):
    """p(x | z) from a decoder's activations (n, *shape). The scale of gaussian and logistic is learned."""

    def __init__(self, name: OutputName) -> None:
        super().__init__()
        self.name = name
        if name != "bernoulli":
            self.scaled_log_scale = nn.Parameter(torch.zeros(()))

    @property
    def log_scale(self) -> Tensor:
        """log σ or log s, one number for all pixels."""
        return (_SCALE_SPEED * self.scaled_log_scale).clamp_min(_LEAST_LOG_SCALE)

    def log_likelihood(self, x: Tensor, activation: Tensor) -> Tensor:
        """Nats per item, (n,)."""
        if self.name == "bernoulli":
            return bernoulli_log_likelihood(x, activation)
        if self.name == "gaussian":
            return gaussian_log_likelihood(x, activation, self.log_scale)
        return logistic_log_likelihood(x, activation, self.log_scale)

    def mean(self, activation: Tensor) -> Tensor:
        """The picture shown for z, in [-1, 1]."""
        if self.name == "bernoulli":
            return 2 * torch.sigmoid(activation) - 1
        return activation.clamp(-1, 1) if activation.ndim == 4 else activation  # points have no range


class Autoencoding(nn.Module):
    """Encoder, decoder and output distribution: one player."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, output: nn.Module) -> None:
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
