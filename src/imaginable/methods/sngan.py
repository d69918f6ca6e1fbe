"""SNGAN: a discriminator that is Lipschitz by construction, every weight divided by its largest singular value.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", arXiv:1802.05957; where the data has
classes, with Miyato & Koyama 2018, "cGANs with Projection Discriminator", arXiv:1802.05637.

Objective, D(x, y) any number:
    D descends  E_x [ max(0, 1 - D(x, y)) ] + E_z [ max(0, 1 + D(G(z, y), y)) ],   G descends  - E_z [ D(G(z, y), y) ].
    D(x, y) = ψ(h(x)) + <v_y, h(x)>, and of D all weights W are used as W / σ(W). Five steps of D to one of G.

Against the DCGAN: residual networks; no batch norm in D, so its items are independent; hinge losses; the class is an
inner product in D and a scale and shift in G's batch norms. Each step of each player sees fakes of its own.

Differs from the authors' code: G's batch is as large as D's (theirs twice); fakes have the classes of the batch
(theirs uniformly random ones); an unknown class counts as the mean of all; no biases in G that a
normalisation takes away; a width that suits a CPU (`--preset paper`: 128). Without classes ψ alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import Adversaries, adjust_augmentation, generated, opinion
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._of_classes import fooled, told_apart
from imaginable.networks.resnet import ResnetDiscriminator, ResnetGenerator
from imaginable.nn.augment import Augment


@final
@dataclass(frozen=True)
class Sngan(Method[Adversaries]):
    """Spectrally normalised GAN (Miyato et al. 2018), told the classes where there are any."""

    paper = "Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957"
    consumes = frozenset({"images"})
    labels = "optional"
    averaged = ("generator",)
    couples = True  # batch norm in the generator
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 16, "critic_steps": 3, "lr": 5e-4},
        "base": {},
        "paper": {"width": 128},
    }

    latents: int = 128
    """dimensions of the latent space"""
    width: int = 64
    """channels of the discriminator at 32 pixels and below; the generator has twice as many"""
    critic_steps: int = 5
    """the discriminator's steps to one of the generator"""
    lr: float = 2e-4
    """Adam's learning rate; falls linearly to 0 over the run"""
    beta1: float = 0.0
    """Adam's first beta"""
    beta2: float = 0.9
    """Adam's second beta"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        classes = len(spec.classes)
        return Adversaries(
            ResnetGenerator(self.latents, spec.shape, 2 * self.width, classes),
            ResnetDiscriminator(spec.shape, self.width, classes),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(self.beta1, self.beta2), schedule=Schedule("linear"))
        return {"generator": adam, "discriminator": adam}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.discriminator_loss, repeat=self.critic_steps, after=adjust_augmentation),
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
