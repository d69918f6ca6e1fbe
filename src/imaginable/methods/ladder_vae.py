"""Ladder VAE: a hierarchy of codes, inferred from both ends; the best likelihoods of the family.

Sønderby et al. 2016, "Ladder Variational Autoencoders", arXiv:1602.02282; the bidirectional residual form:
Kingma et al. 2016, "Improved Variational Inference with Inverse Autoregressive Flow", arXiv:1606.04934,
section 3.2, and Child 2021, "Very Deep VAEs", arXiv:2011.10650.

Objective, descended, averaged over items:
    - E_q [ log p(x | z_1 .. z_L) ] + Σ_l E_q KL( q(z_l | z_<l, x) ‖ p(z_l | z_<l) )
where level l runs from small maps to large ones. With `--free-bits λ` a level's KL, averaged over the
batch, costs nothing below λ nats (Kingma et al., equation 15).

Against the VAE: the prior of a detail depends on the coarser codes, so the posterior need not be a cloud of
independent dimensions. Codes are held in units of their own prior (networks/ladder.py), so that all of
them together are N(0, I): sampling, morphs and the bound work as in the VAE.

Differs from the papers: the precision-weighted mean of Sønderby et al. is replaced by a learned posterior that
sees both ways, as in the two later papers; no batch normalisation.
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
from imaginable.networks.ladder import LadderDecoder, LadderEncoder
from imaginable.objectives.variational import (
    free_bits,
    kl_to_standard_normal,
    normal_log_density,
    reparameterise,
)


class Ladder(nn.Module):
    """Encoder, decoder with the latent maps, and output distribution: one player."""

    def __init__(self, encoder: LadderEncoder, decoder: LadderDecoder, output: Output) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.output = output


class LadderNetworks(nn.Module):
    def __init__(self, autoencoder: Ladder) -> None:
        super().__init__()
        self.autoencoder = autoencoder


@final
@dataclass(frozen=True)
class LadderVae(Method[LadderNetworks]):
    """Ladder VAE (Sønderby et al. 2016), bidirectional and residual."""

    paper = "Sønderby et al. 2016, Ladder Variational Autoencoders, arXiv:1602.02282"
    consumes = frozenset({"images"})
    averaged = ("autoencoder",)
    presets: ClassVar = {
        "small": {"width": 16},
        "base": {},
        "paper": {"width": 64, "rungs": 4, "output": "mixture"},
    }

    rungs: int = 2
    """latent maps at every size"""
    codes: int = 4
    """channels of a latent map"""
    output: OutputName = "gaussian"
    """p(x | z), as in the vae"""
    deviation: float = 0.1
    """of gaussian-fixed, where 2 is from black to white"""
    kl_warmup: float = 0.1
    """the KL term's weight rises from 0 over this fraction of the run's images"""
    free_bits: float = 0.0
    """nats of each latent map, averaged over the batch, that cost nothing"""
    width: int = 32
    """channels of the first convolution"""
    blocks: int = 1
    """residual blocks at every resolution of the encoder"""
    lr: float = 1e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> LadderNetworks:
        output = Output(self.output, spec, self.deviation)
        encoder = LadderEncoder(spec.shape, self.width, self.blocks)
        decoder = LadderDecoder((output.channels, *spec.shape[1:]), self.width, self.rungs, self.codes)
        return LadderNetworks(Ladder(encoder, decoder, output))

    def optimizers(self) -> dict[str, Optimizer]:
        return {"autoencoder": Adam(self.lr, schedule=Schedule("cosine", decay_from=0.5, warmup=0.05), clip=200.0)}

    def phases(self) -> tuple[Phase[LadderNetworks], ...]:
        return (Phase("autoencoder", self.negative_bound, after=self.solve_variance),)

    def negative_bound(self, nets: LadderNetworks, batch: Batch, progress: Progress) -> Loss:
        ladder = nets.autoencoder
        _, mean, log_variance, activation = ladder.decoder.infer(ladder.encoder(batch.x), reparameterise, len(batch))
        log_likelihood = ladder.output.log_likelihood(batch.x, activation).mean()
        kl = self.by_map(ladder, kl_to_standard_normal(mean, log_variance))  # (n, maps)
        weight = min(1.0, progress.fraction / self.kl_warmup) if self.kl_warmup else 1.0
        rate = kl.sum(1).mean()
        return Loss(
            -log_likelihood + weight * (free_bits(kl, self.free_bits) if self.free_bits else rate),
            bound=log_likelihood - rate,
            reconstruction=-log_likelihood,
            kl=rate,
        )

    def by_map(self, ladder: Ladder, kl: Tensor) -> Tensor:
        """Sums over each latent map: (n, numbers) -> (n, maps)."""
        sizes = [codes * height * width for codes, height, width in ladder.decoder.maps]
        return torch.stack([part.sum(1) for part in kl.split(sizes, dim=1)], dim=1)

    def solve_variance(self, nets: LadderNetworks, batch: Batch, progress: Progress) -> None:
        nets.autoencoder.output.solve_variance()

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        with torch.device("meta"):
            return (LadderDecoder(spec.shape, self.width, self.rungs, self.codes).numbers,)

    def prior(
        self, nets: LadderNetworks, n: int, spec: DataSpec, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        return torch.randn(n, *self.latent_shape(spec), generator=generator)

    def encode(self, nets: LadderNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Level by level: the posterior's mean, given the means above it."""
        return nets.autoencoder.decoder.infer(nets.autoencoder.encoder(x), lambda mean, _: mean, len(x))[0]

    def decode(
        self, nets: LadderNetworks, z: Tensor, label: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return nets.autoencoder.output.mean(nets.autoencoder.decoder(z))

    def log_weights(
        self, nets: LadderNetworks, x: Tensor, samples: int, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
            noise = torch.randn(mean.shape, generator=generator, device=mean.device)
            return mean + torch.exp(0.5 * log_variance) * noise

        ladder, n = nets.autoencoder, samples * len(x)
        u, mean, log_variance, activation = ladder.decoder.infer(ladder.encoder(x), draw, n)
        log_likelihood = ladder.output.log_likelihood(x.repeat(samples, 1, 1, 1), activation)
        log_prior = normal_log_density(u, torch.zeros_like(u), torch.zeros_like(u))
        difference = (log_prior - normal_log_density(u, mean, log_variance)).sum(1)
        return (log_likelihood + difference).unflatten(0, (samples, len(x)))

    @property
    def levels(self) -> int | None:
        return discrete_levels(self.output)

    def vitals(self, nets: LadderNetworks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        ladder = nets.autoencoder
        codes, mean, log_variance, activation = ladder.decoder.infer(ladder.encoder(x), reparameterise, len(x))
        kl = self.by_map(ladder, kl_to_standard_normal(mean, log_variance))
        return {"kl": kl.mean(0), "codes": codes} | ladder.output.vitals(x, activation)
