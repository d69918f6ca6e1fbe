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
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import Adversaries, adjust_augmentation, generated, opinion
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._of_classes import fooled, told_apart
from imaginable.networks.resnet import ResnetDiscriminator, ResnetGenerator
from imaginable.nn.augment import Augment


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
        "small": {"width": 32, "generator_lr": 2.5e-4, "discriminator_lr": 1e-3, "beta2": 0.999},
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
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        classes = len(spec.classes)
        return Adversaries(
            ResnetGenerator(self.latents, spec.shape, self.width, classes, spectral=True, attention=True),
            ResnetDiscriminator(spec.shape, self.width, classes, attention=True),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        betas = (self.beta1, self.beta2)
        return {
            "generator": Adam(self.generator_lr, betas=betas),
            "discriminator": Adam(self.discriminator_lr, betas=betas),
        }

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.discriminator_loss, after=adjust_augmentation),
            Phase("generator", self.generator_loss),
        )

    def discriminator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        return told_apart(nets, batch, self.latents)

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        loss = fooled(nets, batch, self.latents)
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

    def judge(self, nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x, label)
