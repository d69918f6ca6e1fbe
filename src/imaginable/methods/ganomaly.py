"""GANomaly: learns to rebuild good pictures and their codes; what it cannot rebuild is not like them.

Akcay, Atapour-Abarghouei & Breckon 2018, "GANomaly: Semi-Supervised Anomaly Detection via Adversarial Training",
arXiv:1805.06725.

Objective (G_E, E: encoders, G_D: decoder, G(x) = G_D(G_E(x)), f: features of the discriminator D, its last layer
but one; means over items and over the numbers of each):
    L_adv = ‖ f(x) - f(G(x)) ‖²        equation 1
    L_con = ‖ x - G(x) ‖₁              equation 2
    L_enc = ‖ G_E(x) - E(G(x)) ‖²      equation 3
    G_E, G_D and E descend  w_adv L_adv + w_con L_con + w_enc L_enc   (equation 4)
    D descends              - log D(x) - log(1 - D(G(x))), halved
A picture's score (equation 5) is ‖ G_E(x) - E(G(x)) ‖₁: the decoder only knows good pictures, so the code of what it
made of another one is elsewhere. Where: | x - G(x) |, the mean over channels, not smoothed.

Against an autoencoder: a score from codes, which need not be wrong where a sharp edge is a pixel off; and a
discriminator's features for a second opinion of what is alike. Train it on good pictures only.

In the paper the norms of equations 1 and 3 are not squared and equation 1 compares with the mean features of all
pictures; in the authors' code, and here, they are mean squares and each picture is compared with its own. Their code
scores by the mean square of equation 3, scales scores by the lowest and the highest of the test set, and scores
in training mode, so that batch norm takes its statistics from the batch that is tested; here a score is
equation 5 as it stands, by running statistics, and depends on no other picture.

Differs from the paper besides: the average of the generator over training is what scores; biases where no batch norm
follows. The authors' code draws D anew when its loss falls below 1e-5, and keeps the epoch that is best on
the test set; here neither is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import drawn
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.dcgan import DcganDiscriminator
from imaginable.networks.ganomaly import EncoderDecoderEncoder
from imaginable.objectives.adversarial import discriminator_loss
from imaginable.objectives.reconstruction import squared_error


class GanomalyNetworks(nn.Module):
    """Two players."""

    def __init__(self, generator: EncoderDecoderEncoder, discriminator: DcganDiscriminator) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator


@final
@dataclass(frozen=True)
class Ganomaly(Method[GanomalyNetworks]):
    """GANomaly, anomalies by what a generator cannot rebuild (Akcay et al. 2018)."""

    paper = "Akcay, Atapour-Abarghouei & Breckon 2018, GANomaly: Semi-Supervised Anomaly Detection, arXiv:1805.06725"
    consumes = frozenset({"images"})
    averaged = ("generator",)
    couples = True  # batch norm in both players
    sizes = Sizes(least=32, most=256, powers=True)
    presets: ClassVar = {"small": {"width": 32}, "base": {}, "paper": {}}

    latents: int = 100
    """dimensions of both codes"""
    width: int = 64
    """channels beside the picture, of all networks; doubled at every halving of the size"""
    w_adv: float = 1.0
    """weight of the distance of the discriminator's features"""
    w_con: float = 50.0
    """weight of the distance of the pixels"""
    w_enc: float = 1.0
    """weight of the distance of the codes"""
    lr: float = 2e-4
    """Adam's learning rate"""
    beta1: float = 0.5
    """Adam's first beta"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> GanomalyNetworks:
        return GanomalyNetworks(
            EncoderDecoderEncoder(spec.shape, self.latents, self.width),
            DcganDiscriminator(spec.shape, self.width, judging=1),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(self.beta1, 0.999))
        return {"generator": adam, "discriminator": adam}

    def phases(self) -> tuple[Phase[GanomalyNetworks], ...]:
        return (
            Phase("generator", self.generator_loss, draw=self.codes_and_pictures),
            Phase("discriminator", self.discriminator_loss),
        )

    def codes_and_pictures(self, nets: GanomalyNetworks, batch: Batch, progress: Progress) -> Tensor:
        """G_E(x), E(G(x)) and G(x) side by side, (n, 2 latents + c h w): one pass serves both players."""
        code, rebuilt, code_again = nets.generator(batch.x)
        return torch.cat([code, code_again, rebuilt.flatten(1)], dim=1)

    def generator_loss(self, nets: GanomalyNetworks, batch: Batch, progress: Progress) -> Loss:
        code, code_again, rebuilt = self.parted(batch)
        features, theirs = nets.discriminator.features(batch.x), nets.discriminator.features(rebuilt)
        adversarial = squared_error(features, theirs).mean() / features[0].numel()
        contextual = (batch.x - rebuilt).abs().mean()
        encoder = squared_error(code, code_again).mean() / self.latents
        total = self.w_adv * adversarial + self.w_con * contextual + self.w_enc * encoder
        return Loss(total, features=adversarial, pixels=contextual, codes=encoder)

    def discriminator_loss(self, nets: GanomalyNetworks, batch: Batch, progress: Progress) -> Loss:
        real, fake = nets.discriminator(batch.x), nets.discriminator(self.parted(batch)[2])  # (n,) each
        loss = 0.5 * discriminator_loss(real, fake).mean()
        return Loss(loss, discriminator=loss, real=torch.sigmoid(real).mean(), fake=torch.sigmoid(fake).mean())

    def parted(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """G_E(x), E(G(x)), (n, latents) each, and G(x), (n, c, h, w), of this cycle."""
        rest = batch.x[0].numel()
        code, code_again, rebuilt = drawn(batch).split([self.latents, self.latents, rest], dim=1)
        return code, code_again, rebuilt.view_as(batch.x)

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def encode(self, nets: GanomalyNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return nets.generator.encoder(x)

    def decode(
        self,
        nets: GanomalyNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return nets.generator.decoder(z)

    def score(self, nets: GanomalyNetworks, x: Tensor) -> tuple[Tensor, Tensor]:
        """Equation 5, (n,), and the mean difference of every pixel, values in [0, 1], (n, h, w). In evaluation mode."""
        code, rebuilt, code_again = nets.generator(x)
        return (code - code_again).abs().sum(1), (x - rebuilt).abs().mean(1) / 2
