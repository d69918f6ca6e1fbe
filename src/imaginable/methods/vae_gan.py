"""VAE/GAN: a VAE whose reconstruction error is measured by what a discriminator looks at, not by pixels.

Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric", arXiv:1512.09300.

Objective, averaged over items (section 3.2 and algorithm 1; D_l(x): features of the discriminator's layer l,
x̃ = decoder(z) with z ~ q(z | x), x_p = decoder(z_p) with z_p ~ N(0, I)):
    L_prior = KL( q(z | x) ‖ N(0, I) )
    L_llike = - log N( D_l(x); D_l(x̃), I ) = ½ ‖ D_l(x) - D_l(x̃) ‖²   (without its constant)
    L_GAN   = - log D(x) - log(1 - D(x̃)) - log(1 - D(x_p))
    encoder descends        L_prior + L_llike
    decoder descends        γ L_llike - L_GAN, by default with -log D(x̃) - log D(x_p) for -L_GAN's terms in it
    discriminator descends  L_GAN
γ weighs content (the picture that was encoded) against style (any picture the discriminator takes for real).

Against the VAE: sharp pictures whose texture is plausible rather than averaged; against the GAN: an encoder.
There is no likelihood of pixels, so no bound on log p(x).

Differs from the paper: Adam (β1 = 0.5) for RMSprop; encoder and decoder are the VAE's residual networks, without
batch norm, the discriminator is DCGAN's; the non-saturating decoder loss (`--preset paper`: algorithm 1 to the
letter); the players step one after the other on the same x̃ and x_p, the discriminator last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import drawn
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._variational import code_vitals, gaussian_of
from imaginable.networks.dcgan import DcganDiscriminator
from imaginable.networks.residual import ResidualDecoder, ResidualEncoder
from imaginable.objectives.adversarial import discriminator_loss, minimax_loss, nonsaturating_loss
from imaginable.objectives.reconstruction import squared_error
from imaginable.objectives.variational import kl_to_standard_normal, reparameterise


class VaeGanNetworks(nn.Module):
    """Three players."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, discriminator: DcganDiscriminator) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.discriminator = discriminator


@final
@dataclass(frozen=True)
class VaeGan(Method[VaeGanNetworks]):
    """VAE/GAN, a VAE with a learned similarity metric (Larsen et al. 2016)."""

    paper = "Larsen et al. 2016, Autoencoding beyond pixels using a learned similarity metric, arXiv:1512.09300"
    consumes = frozenset({"images"})
    averaged = ("encoder", "decoder")
    couples = True  # batch norm in the discriminator
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 16, "judge_width": 32, "latents": 32},
        "base": {},
        "paper": {"latents": 128, "width": 64, "objective": "minimax", "lr": 3e-4, "judge_lr": 3e-4},
    }

    latents: int = 64
    """dimensions of the latent space"""
    gamma: float = 0.1
    """weight of the reconstruction in the decoder's loss: content against style"""
    objective: Literal["non-saturating", "minimax"] = "non-saturating"
    """the decoder's side of the game: -log D, or log(1 - D) as in the paper"""
    width: int = 32
    """channels of the encoder's first convolution"""
    blocks: int = 1
    """residual blocks of encoder and decoder at every resolution"""
    judge_width: int = 64
    """channels of the discriminator beside the picture; doubled at every halving of the size"""
    lr: float = 1e-3
    """Adam's learning rate of encoder and decoder"""
    judge_lr: float = 2e-4
    """and of the discriminator"""
    beta1: float = 0.5
    """Adam's first beta"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> VaeGanNetworks:
        return VaeGanNetworks(
            ResidualEncoder(spec.shape, 2 * self.latents, self.width, self.blocks),
            ResidualDecoder(self.latents, spec.shape, self.width, self.blocks),
            DcganDiscriminator(spec.shape, self.judge_width),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        autoencoder = Adam(self.lr, betas=(self.beta1, 0.999))
        judge = Adam(self.judge_lr, betas=(self.beta1, 0.999))
        return {"encoder": autoencoder, "decoder": autoencoder, "discriminator": judge}

    def phases(self) -> tuple[Phase[VaeGanNetworks], ...]:
        return (
            Phase("encoder", self.encoder_loss),
            Phase("decoder", self.decoder_loss, draw=self.reconstructions_and_samples),
            Phase("discriminator", self.discriminator_loss),
        )

    def reconstructions_and_samples(self, nets: VaeGanNetworks, batch: Batch, progress: Progress) -> Tensor:
        """x̃ and x_p, (n, 2, c, h, w)."""
        z = reparameterise(*gaussian_of(nets.encoder(batch.x)))  # (n, latents)
        made = picture(nets, torch.cat([z, torch.randn_like(z)]))
        return torch.stack(made.chunk(2), dim=1)

    def encoder_loss(self, nets: VaeGanNetworks, batch: Batch, progress: Progress) -> Loss:
        mean, log_variance = gaussian_of(nets.encoder(batch.x))
        rebuilt = picture(nets, reparameterise(mean, log_variance))
        kl = kl_to_standard_normal(mean, log_variance).sum(1).mean()
        error = feature_error(nets, batch.x, nets.discriminator.features(rebuilt)).mean()
        pixels = squared_error(batch.x, rebuilt).mean() / batch.x[0].numel()
        return Loss(kl + error, kl=kl, reconstruction=error, error=pixels)

    def decoder_loss(self, nets: VaeGanNetworks, batch: Batch, progress: Progress) -> Loss:
        rebuilt, sampled = drawn(batch).unbind(1)  # (n, c, h, w) each
        features = nets.discriminator.features(rebuilt)
        error = feature_error(nets, batch.x, features)
        deceive = minimax_loss if self.objective == "minimax" else nonsaturating_loss
        style = deceive(nets.discriminator.judge(features)) + deceive(nets.discriminator(sampled))
        return Loss((self.gamma * error + style).mean(), decoder=style.mean())

    def discriminator_loss(self, nets: VaeGanNetworks, batch: Batch, progress: Progress) -> Loss:
        real, rebuilt, sampled = (nets.discriminator(x) for x in (batch.x, *drawn(batch).unbind(1)))  # (n,) each
        loss = (discriminator_loss(real, rebuilt) - minimax_loss(sampled)).mean()
        chances = {"real": real, "rebuilt": rebuilt, "fake": sampled}
        return Loss(loss, discriminator=loss, **{name: torch.sigmoid(one).mean() for name, one in chances.items()})

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self,
        nets: VaeGanNetworks,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def encode(self, nets: VaeGanNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return gaussian_of(nets.encoder(x))[0]

    def decode(
        self,
        nets: VaeGanNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return picture(nets, z)

    def vitals(self, nets: VaeGanNetworks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        return code_vitals(*gaussian_of(nets.encoder(x)))


def picture(nets: VaeGanNetworks, z: Tensor) -> Tensor:
    """decoder(z), (n, c, h, w) in [-1, 1]."""
    return torch.tanh(nets.decoder(z))


def feature_error(nets: VaeGanNetworks, x: Tensor, features: Tensor) -> Tensor:
    """½ ‖ D_l(x) - D_l(x̃) ‖² of each item in nats, (n,), from D_l(x̃)."""
    return 0.5 * squared_error(nets.discriminator.features(x), features)
