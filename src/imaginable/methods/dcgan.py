"""DCGAN: the first GAN recipe for pictures that trains reliably, all convolutions.

Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", arXiv:1511.06434.

Objective: that of the GAN (methods/gan.py), non-saturating,
    D descends  E_x [ -log D(x) ] + E_z [ -log(1 - D(G(z))) ],   G descends  E_z [ -log D(G(z)) ].

What it adds is the recipe of section 3: strided and fractionally strided convolutions for pooling, batch
norm in both players but for G's output and D's input, ReLU in G and tanh at its end, leaky ReLU 0.2 in D,
weights from N(0, 0.02), Adam with learning rate 2e-4 and β1 = 0.5.

Differs from the paper: kernels of 4 for 5 (they divide by the stride: no checkerboard by construction),
normal for uniform latents (morphs are well defined), a width that suits a CPU (`--preset paper`: 128).
Both players see the same fakes in a cycle, as in the authors' code.
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
    judged,
    opinion,
    tell_apart,
)
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.dcgan import DcganDiscriminator, DcganGenerator
from imaginable.nn.augment import Augment
from imaginable.objectives.adversarial import nonsaturating_loss


@final
@dataclass(frozen=True)
class Dcgan(Method[Adversaries]):
    """DCGAN (Radford, Metz & Chintala 2016)."""

    paper = "Radford, Metz & Chintala 2016, Unsupervised Representation Learning with DCGAN, arXiv:1511.06434"
    consumes = frozenset({"images"})
    averaged = ("generator",)
    couples = True  # batch norm in both players
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 32},
        "base": {},
        "paper": {"width": 128, "latents": 100},
    }

    latents: int = 100
    """dimensions of the latent space"""
    width: int = 64
    """channels beside the picture; doubled at every halving of the size"""
    lr: float = 2e-4
    """Adam's learning rate"""
    beta1: float = 0.5
    """Adam's first beta"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        return Adversaries(
            DcganGenerator(self.latents, spec.shape, self.width),
            DcganDiscriminator(spec.shape, self.width),
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
        return tell_apart(nets, batch)

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        loss = nonsaturating_loss(judged(nets, drawn(batch))).mean()
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
        x: Tensor = nets.generator(z)
        return x

    def judge(self, nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x)
