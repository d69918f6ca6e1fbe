"""Wasserstein GAN with gradient penalty: the critic's slope is asked to be one, and no weight is clipped.

Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", arXiv:1704.00028.

Objective (equation 3), averaged over items:
    D descends  E_z [ D(G(z)) ] - E_x [ D(x) ] + λ E [ (‖∇ D(x̂)‖ - 1)² ],   x̂ = u x + (1 - u) G(z),  u ~ U(0, 1),
    G descends  - E_z [ D(G(z)) ].

Against the WGAN: the best 1-Lipschitz critic has slope 1 almost everywhere between the two distributions (proposition
1), so a penalty at random points between pairs holds it there, where clipping makes it too simple a function.

Algorithm 1, with its constants: λ = 10, 5 critic steps each on fresh real and fresh made items, Adam at 1e-4 with
β (0, 0.9).

Pictures: DCGAN's networks (methods/dcgan.py), G with batch norm, D without: the penalty is each item's own. Points:
fully connected networks with ReLU.

Differs from the paper: nothing takes batch norm's place in D (the paper recommends layer norm, section 4; the authors'
code for pictures of 32 pixels has none either); width and latents of the authors' code at 64 pixels; no bias on D's
last layer, which the objective cannot move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.optimizers import Adam, Optimizer, Schedule
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
from imaginable.objectives.penalties import gradient_penalty


@final
@dataclass(frozen=True)
class WganGp(Method[Adversaries]):
    """Wasserstein GAN with gradient penalty (Gulrajani et al. 2017)."""

    paper = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, arXiv:1704.00028"
    consumes = frozenset({"images", "points"})
    averaged = ("generator",)
    couples = True  # batch norm in the generator
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 32, "hidden": 128, "critic_steps": 1, "lr": 4e-4, "beta2": 0.99},
        "base": {},
        "paper": {},
    }

    latents: int = 128
    """dimensions of the latent space"""
    penalty: float = 10.0
    """weight λ of the gradient penalty"""
    critic_steps: int = 5
    """steps of the critic for one of the generator; each takes a batch, and all are counted as seen"""
    width: int = 64
    """for pictures: channels beside the picture; doubled at every halving of the size"""
    hidden: int = 512
    """for points: units of each hidden layer"""
    layers: int = 3
    """for points: hidden layers of each player"""
    lr: float = 1e-4
    """Adam's learning rate"""
    beta1: float = 0.0
    """Adam's first beta"""
    beta2: float = 0.9
    """Adam's second beta"""
    decay_from: float = 1.0
    """fraction of the run up to which the rates are constant; from there they fall linearly to 0"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        hidden = [self.hidden] * self.layers
        return Adversaries(
            usual_generator(spec, self.latents, self.width, hidden),
            usual_critic(spec, self.width, hidden, normalise=False, bias=False),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        schedule = Schedule("linear", decay_from=self.decay_from)
        adam = Adam(self.lr, betas=(self.beta1, self.beta2), schedule=schedule)
        return {"generator": adam, "discriminator": adam}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.critic_loss, repeat=self.critic_steps, after=adjust_augmentation),
            Phase("generator", self.generator_loss),
        )

    def critic_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        made = draw_fakes(nets, batch, self.latents)
        real, fake = judged(nets, batch.x), judged(nets, made)  # (n,) each
        distance = -wasserstein_critic_loss(real, fake).mean()
        penalty = gradient_penalty(partial(judged, nets), batch.x, made).mean()
        return Loss(
            self.penalty * penalty - distance,
            distance=distance,
            penalty=penalty,
            real=real.mean(),
            fake=fake.mean(),
            **noted(nets, batch, real, fake),
        )

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
