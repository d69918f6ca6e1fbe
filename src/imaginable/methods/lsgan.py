"""Least-squares GAN: the GAN's game with squared errors for cross-entropies.

Mao et al. 2017, "Least Squares Generative Adversarial Networks", arXiv:1611.04076.

Objective (equation 9: a = 0, b = c = 1): D(x) is any number, 1 means real, 0 means made.
    D descends  ½ E_x [ (D(x) - 1)² ] + ½ E_z [ D(G(z))² ],   G descends  ½ E_z [ (D(G(z)) - 1)² ].
The best D is p(x) / (p(x) + q(x)), as the GAN's, q being the density of G(z).

Against the GAN: a fake that D takes for real with confidence is pulled back to 1, in proportion to its distance
from it, and one that D has found out gets a gradient that does not depend on a sigmoid's slope.

Pictures: DCGAN's networks (methods/dcgan.py), batch norm in both. Points: fully connected networks.

Differs from the paper: DCGAN's networks, where the paper's generator for scenes at 112 pixels has more convolutions
(its 1024 latents are the preset `paper`); normal for uniform latents; both players see the same fakes in a cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import (
    Adversaries,
    adjust_augmentation,
    draw_fakes,
    drawn,
    generated,
    judged,
    noted,
    opinion,
    usual_critic,
    usual_generator,
)
from imaginable.methods._method import Method, Phase, Trained
from imaginable.nn.augment import Augment
from imaginable.objectives.adversarial import least_squares_discriminator_loss, least_squares_generator_loss


@final
@dataclass(frozen=True)
class Lsgan(Method[Adversaries]):
    """Least-squares GAN (Mao et al. 2017)."""

    paper = "Mao et al. 2017, Least Squares Generative Adversarial Networks, arXiv:1611.04076"
    consumes = frozenset({"images", "points"})
    averaged = ("generator",)
    couples = True  # batch norm in both players
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 32, "hidden": 128},
        "base": {},
        "paper": {"latents": 1024},
    }

    latents: int = 100
    """dimensions of the latent space"""
    width: int = 64
    """for pictures: channels beside the picture; doubled at every halving of the size"""
    hidden: int = 512
    """for points: units of each hidden layer"""
    layers: int = 3
    """for points: hidden layers of each player"""
    lr: float = 2e-4
    """Adam's learning rate"""
    beta1: float = 0.5
    """Adam's first beta"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        hidden = [self.hidden] * self.layers
        return Adversaries(
            usual_generator(spec, self.latents, self.width, hidden),
            usual_critic(spec, self.width, hidden),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(self.beta1, 0.999))
        return {"generator": adam, "discriminator": adam}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.discriminator_loss, after=adjust_augmentation),
            Phase("generator", self.generator_loss, draw=self.fakes),
        )

    def fakes(self, nets: Adversaries, batch: Batch, progress: Progress) -> Tensor:
        return draw_fakes(nets, batch, self.latents)

    def discriminator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        # two passes: a shared one would share batch statistics
        real, fake = judged(nets, batch.x), judged(nets, drawn(batch))  # (n,) each
        loss = least_squares_discriminator_loss(real, fake).mean()
        return Loss(loss, discriminator=loss, real=real.mean(), fake=fake.mean(), **noted(nets, batch, real, fake))

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        loss = least_squares_generator_loss(judged(nets, drawn(batch))).mean()
        return Loss(loss, generator=loss)

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self,
        nets: Adversaries,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def decode(
        self,
        nets: Adversaries,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return generated(nets, z)

    def judge(self, nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x)
