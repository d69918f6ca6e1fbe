"""What the autoencoders with Gaussian codes share: networks, posterior, and what follows from them alike."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from imaginable.core.types import DataSpec
from imaginable.methods._output import Output, OutputName
from imaginable.networks.mlp import Mlp
from imaginable.networks.residual import ResidualDecoder, ResidualEncoder
from imaginable.objectives.variational import kl_to_standard_normal, normal_log_density, reparameterise

NetworkName = Literal["convolutional", "mlp"]


class Autoencoding(nn.Module):
    """Encoder, decoder and output distribution: one player."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, output: Output) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.output = output


class VaeNetworks(nn.Module):
    """One player: the encoder and the decoder descend the same bound. count: items of the training data."""

    def __init__(self, autoencoder: Autoencoding, count: int) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.count = count


def encoder_and_decoder(
    kind: NetworkName,
    spec: DataSpec,
    encoded: int,
    latents: int,
    width: int,
    blocks: int,
    hidden: int,
    out_channels: int | None = None,
) -> tuple[nn.Module, nn.Module]:
    """(n, *shape) -> (n, encoded) and (n, latents) -> (n, *shape), or with `out_channels` for its first number."""
    out_shape = spec.shape if out_channels is None else (out_channels, *spec.shape[1:])
    if kind == "mlp" or spec.kind == "points":
        return (
            Mlp([spec.dimensions, hidden], (encoded,), nn.Tanh),
            Mlp([latents, hidden], out_shape, nn.Tanh),
        )
    return (
        ResidualEncoder(spec.shape, encoded, width, blocks),
        ResidualDecoder(latents, out_shape, width, blocks),
    )


def vae_networks(
    spec: DataSpec,
    latents: int,
    output: OutputName,
    deviation: float,
    network: NetworkName,
    width: int,
    blocks: int,
    hidden: int,
) -> VaeNetworks:
    """The networks of every method whose q(z | x) and p(z) are plain Gaussians."""
    distribution = Output(output, spec, deviation)
    encoder, decoder = encoder_and_decoder(
        network, spec, 2 * latents, latents, width, blocks, hidden, distribution.channels
    )
    return VaeNetworks(Autoencoding(encoder, decoder, distribution), spec.count)


def posterior(nets: VaeNetworks, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance of q(z | x), (n, latents) each."""
    return gaussian_of(nets.autoencoder.encoder(x))


def gaussian_of(encoded: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance, (n, latents) each, in an encoder's output (n, 2 · latents)."""
    mean, log_variance = encoded.chunk(2, dim=1)
    # a deviation below e^-7 of the prior's would only make exp() fragile
    return mean, log_variance.clamp(-14, 14)


def shown(nets: VaeNetworks, z: Tensor) -> Tensor:
    """The picture for z: the mean of p(x | z)."""
    return nets.autoencoder.output.mean(nets.autoencoder.decoder(z))


def draws(mean: Tensor, log_variance: Tensor, samples: int, generator: torch.Generator | None = None) -> Tensor:
    """z = μ + σ ε, so many an item: (samples, n, latents). Gradients flow through them."""
    noise = torch.randn(samples, *mean.shape, generator=generator, device=mean.device)
    return mean + torch.exp(0.5 * log_variance) * noise


def log_weights_of(nets: VaeNetworks, x: Tensor, z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log p(x | z) + log p(z) - log q(z | x) of draws z (samples, n, latents), q = N(mean, variance): (samples, n)."""
    return likelihood_of_draws(nets, x, z) + log_prior_over_posterior(z, mean, log_variance)


def log_prior_over_posterior(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; 0, I) - log N(z; mean, variance) of draws z (samples, n, latents): (samples, n)."""
    log_q = normal_log_density(z, mean, log_variance)
    log_prior = normal_log_density(z, torch.zeros_like(mean), torch.zeros_like(mean))
    return (log_prior - log_q).sum(2)


def gaussian_log_weights(nets: VaeNetworks, x: Tensor, samples: int, generator: torch.Generator | None) -> Tensor:
    """log p(x, z) - log q(z | x) for so many draws of q(z | x), (samples, n)."""
    mean, log_variance = posterior(nets, x)
    return log_weights_of(nets, x, draws(mean, log_variance, samples, generator), mean, log_variance)


def likelihood_of_draws(nets: VaeNetworks, x: Tensor, z: Tensor) -> Tensor:
    """log p(x | z) of z (samples, n, latents), each draw for its item: (samples, n)."""
    activation = nets.autoencoder.decoder(z.flatten(0, 1))  # (samples · n, ...)
    repeated = x.expand(len(z), *x.shape).flatten(0, 1)
    return nets.autoencoder.output.log_likelihood(repeated, activation).unflatten(0, z.shape[:2])


def gaussian_vitals(nets: VaeNetworks, x: Tensor) -> dict[str, Tensor]:
    """What `Vitals` documents (methods/_method.py)."""
    mean, log_variance = posterior(nets, x)
    codes = reparameterise(mean, log_variance)
    found = code_vitals(mean, log_variance) | {"codes": codes}
    return found | nets.autoencoder.output.vitals(x, nets.autoencoder.decoder(codes))


def code_vitals(mean: Tensor, log_variance: Tensor) -> dict[str, Tensor]:
    """The part of it that a Gaussian posterior alone tells."""
    return {"kl": kl_to_standard_normal(mean, log_variance).mean(0), "mean_variance": mean.var(0)}
