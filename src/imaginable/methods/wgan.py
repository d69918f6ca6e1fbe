"""Wasserstein GAN: a critic of bounded slope measures how far the generated items are from the real ones.

Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN", arXiv:1701.07875.

Objective: max over critics D of a set W, min over G of (equation 3)
    E_x [ D(x) ] - E_z [ D(G(z)) ],
    D descends  E_z [ D(G(z)) ] - E_x [ D(x) ],   G descends  - E_z [ D(G(z)) ].
Over all 1-Lipschitz D the maximum is the Wasserstein-1 distance (equation 2). Weights held in [-c, c] bound the slope
of D by some K that they do not name: the maximum is K times a distance of that kind.

Against the GAN: D gives a number and no probability, and its slope does not vanish where it tells all apart, so it
is trained far (5 steps for one of G, each on fresh real and fresh made items) and its loss follows G's quality.

Algorithm 1, with its constants: c = 0.01, 5 steps, RMSprop at 5e-5, no momentum, weights clipped after every step.

Pictures: DCGAN's networks (methods/dcgan.py) without a sigmoid, batch norm in both, whose scales are clipped as
well (as in the authors' code). Points: fully connected networks with ReLU.

Differs from the authors' code: kernels and initial weights are those of methods/dcgan.py; no 100 critic steps for
the first 25 steps of G and every 500th; weights are clipped after the critic's step (Algorithm 1) and not before the
next; no bias on D's last layer, which the objective cannot move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Optimizer, RMSprop
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import (
    Adversaries,
    adjust_augmentation,
    draw_fakes,
    generated,
    judged,
    noted,
    opinion,
    usual_critic,
    usual_generator,
)
from imaginable.methods._method import Method, Phase, Trained
from imaginable.nn.augment import Augment
from imaginable.objectives.adversarial import wasserstein_critic_loss, wasserstein_generator_loss


@final
@dataclass(frozen=True)
class Wgan(Method[Adversaries]):
    """Wasserstein GAN with clipped weights (Arjovsky, Chintala & Bottou 2017)."""

    paper = "Arjovsky, Chintala & Bottou 2017, Wasserstein GAN, arXiv:1701.07875"
    consumes = frozenset({"images", "points"})
    averaged = ("generator",)
    couples = True  # batch norm in both players
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 32, "hidden": 128},
        "base": {},
        "paper": {},
    }

    latents: int = 100
    """dimensions of the latent space"""
    clip: float = 0.01
    """every weight of the critic stays within plus and minus this"""
    critic_steps: int = 5
    """steps of the critic for one of the generator; each takes a batch, and all are counted as seen"""
    width: int = 64
    """for pictures: channels beside the picture; doubled at every halving of the size"""
    hidden: int = 512
    """for points: units of each hidden layer"""
    layers: int = 3
    """for points: hidden layers of each player"""
    lr: float = 5e-5
    """RMSprop's learning rate"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        hidden = [self.hidden] * self.layers
        return Adversaries(
            usual_generator(spec, self.latents, self.width, hidden),
            usual_critic(spec, self.width, hidden, bias=False),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        return {"generator": RMSprop(self.lr), "discriminator": RMSprop(self.lr)}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.critic_loss, repeat=self.critic_steps, after=self.clip_weights),
            Phase("generator", self.generator_loss),
        )

    def critic_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        # two passes: a shared one would share batch statistics
        real, fake = judged(nets, batch.x), judged(nets, draw_fakes(nets, batch, self.latents))  # (n,) each
        loss = wasserstein_critic_loss(real, fake).mean()
        return Loss(loss, distance=-loss, real=real.mean(), fake=fake.mean(), **noted(nets, batch, real, fake))

    def clip_weights(self, nets: Adversaries, batch: Batch, progress: Progress) -> None:
        for parameter in nets.discriminator.parameters():
            parameter.clamp_(-self.clip, self.clip)
        adjust_augmentation(nets, batch, progress)

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        loss = wasserstein_generator_loss(judged(nets, draw_fakes(nets, batch, self.latents))).mean()
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
