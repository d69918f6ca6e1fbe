"""SAGAN: far parts of a picture see each other, by self-attention in both players.

Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", arXiv:1805.08318.

Objective: the hinge losses of SNGAN (methods/sngan.py) with its projection discriminator,
    D descends  E_x [ max(0, 1 - D(x, y)) ] + E_z [ max(0, 1 + D(G(z, y), y)) ],   G descends  - E_z [ D(G(z, y), y) ].

Against SNGAN: in both players one layer of self-attention, x + γ o(x) with γ from 0, at 32 x 32 features (at half the
picture where that is less); spectral normalisation in G, too; one step each, D at four times G's learning rate.

Differs from the authors' code: fakes have the classes of the batch (theirs uniformly random ones); an unknown class
counts as the mean of all; a width that suits a CPU (`--preset paper`: 256), and at 32 pixels and below as many
channels at all levels; no biases in G that a normalisation takes away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import Adversaries, draw_fakes, generated, judged
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._of_classes import fake_classes
from imaginable.networks.resnet import ResnetDiscriminator, ResnetGenerator
from imaginable.objectives.adversarial import hinge_discriminator_loss, hinge_generator_loss


@final
@dataclass(frozen=True)
class Sagan(Method[Adversaries]):
    """Self-attention GAN (Zhang et al. 2019), told the classes where there are any."""

    paper = "Zhang et al. 2019, Self-Attention Generative Adversarial Networks, arXiv:1805.08318"
    consumes = frozenset({"images"})
    labels = "optional"
    averaged = ("generator",)
    couples = True  # batch norm in the generator
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 64},
        "base": {},
        "paper": {"width": 256},
    }

    latents: int = 128
    """dimensions of the latent space"""
    width: int = 128
    """channels of both players at 32 pixels and below"""
    generator_lr: float = 1e-4
    """Adam's learning rate for the generator"""
    discriminator_lr: float = 4e-4
    """and for the discriminator"""
    beta1: float = 0.0
    """Adam's first beta"""
    beta2: float = 0.9
    """Adam's second beta"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        classes = len(spec.classes)
        return Adversaries(
            ResnetGenerator(self.latents, spec.shape, self.width, classes, spectral=True, attention=True),
            ResnetDiscriminator(spec.shape, self.width, classes, attention=True),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        betas = (self.beta1, self.beta2)
        return {
            "generator": Adam(self.generator_lr, betas=betas),
            "discriminator": Adam(self.discriminator_lr, betas=betas),
        }

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.discriminator_loss),
            Phase("generator", self.generator_loss),
        )

    def discriminator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        label = fake_classes(batch, nets.generator.classes)  # type: ignore[arg-type]
        with torch.no_grad():
            made = draw_fakes(nets, batch, self.latents, label)
        real, fake = judged(nets, batch.x, batch.label), judged(nets, made, label)
        loss = 2 * hinge_discriminator_loss(real, fake).mean()  # the paper's is not halved
        return Loss(loss, discriminator=loss, real=real.mean(), fake=fake.mean())

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        label = fake_classes(batch, nets.generator.classes)  # type: ignore[arg-type]
        fake = judged(nets, draw_fakes(nets, batch, self.latents, label), label)
        loss = hinge_generator_loss(fake).mean()
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
        return generated(nets, z, label)
