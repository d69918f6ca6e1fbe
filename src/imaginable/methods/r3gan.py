"""R3GAN: a relativistic loss, two gradient penalties and no trick besides; it can be shown to converge locally.

Huang, Gokaslan, Kuleshov & Tompkin 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline",
arXiv:2501.05441.

Objective, descended, over pairs of a real item x and a made one G(z), z ~ N(0, I):
    D:  softplus( D(G(z)) - D(x) ) + γ/2 ‖∇ D(x)‖² + γ/2 ‖∇ D(G(z))‖²       (R1 and R2, at the items)
    G:  softplus( D(x) - D(G(z)) )

Against the GAN: a logit means nothing by itself, only compared with that of an item of the other kind, so a generator
that leaves out modes finds no ground where all its items are called real (Jolicoeur-Martineau 2019, arXiv:1807.00734;
Sun et al. 2020, arXiv:2011.04926). That loss alone need not converge; with both penalties it does, near the solution.
So nothing has to be normalised, neither layers nor weights.

Both penalties are exact, by default at every step. Pictures: the paper's residual networks (networks/r3gan.py);
points: fully connected ones, without classes.

Differs from the authors' code: rate and β2 are constant (theirs: 2e-4 to 5e-5 and 0.9 to 0.99), γ falls by a cosine
over the whole run (theirs: over a burn-in); widths are doubled from the picture inwards by one rule and suit a CPU;
resampling by bilinear interpolation and means of 2 x 2 (theirs: [1, 2, 1]); a bias in the layers at the picture; codes
of classes start at N(0, 1); no augmentation of what D sees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn

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
)
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.mlp import Mlp
from imaginable.networks.r3gan import R3ganDiscriminator, R3ganGenerator
from imaginable.nn.augment import Augment
from imaginable.objectives.adversarial import relativistic_loss


@final
@dataclass(frozen=True)
class R3gan(Method[Adversaries]):
    """R3GAN (Huang, Gokaslan, Kuleshov & Tompkin 2024)."""

    paper = "Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline, arXiv:2501.05441"
    consumes = frozenset({"images", "points"})
    labels = "optional"
    averaged = ("generator",)
    sizes = Sizes(least=16, most=256, powers=True)
    presets: ClassVar = {
        "small": {"width": 16, "gamma": 10.0, "penalty_every": 4, "lr": 1e-3},
        "base": {},
        "paper": {"width": 96, "blocks": 2, "gamma": 150.0},  # theirs for faces of 256 pixels
    }

    latents: int = 64
    """dimensions of the latent space"""
    gamma: float = 1.0
    """weight of each penalty, γ, at the start: higher is steadier and slower; larger pictures need more"""
    gamma_decay: float = 0.1
    """share of γ that is left at the end of the run; 1 keeps it constant"""
    penalty_every: int = 1
    """steps of the discriminator from one penalty to the next; the paper's is 1, more saves time"""
    width: int = 32
    """channels beside the picture; doubled at every halving of the size, up to eight times"""
    blocks: int = 1
    """residual blocks at every resolution"""
    expansion: int = 2
    """times wider inside a residual block"""
    group: int = 16
    """channels that a 3 x 3 convolution mixes"""
    hidden: int = 256
    """units of each hidden layer, for points"""
    layers: int = 3
    """hidden layers of each player, for points"""
    lr: float = 2e-4
    """Adam's learning rate"""
    beta2: float = 0.99
    """Adam's second beta; the first is 0"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        if spec.kind == "points":
            hidden = [self.hidden] * self.layers
            discriminator = Mlp([spec.dimensions, *hidden], (1,))
            # it would cancel in the loss, and Adam would make steps of the rounding in its gradient
            discriminator.layers[-1].register_parameter("bias", None)
            critic = nn.Sequential(discriminator, nn.Flatten(0))
            return Adversaries(Mlp([self.latents, *hidden], spec.shape), critic, Augment(self.augment))
        recipe = (self.width, self.blocks, self.expansion, self.group, len(spec.classes))
        return Adversaries(
            R3ganGenerator(self.latents, spec.shape, *recipe),
            R3ganDiscriminator(spec.shape, *recipe),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(0.0, self.beta2))
        lazy = adam if self.penalty_every == 1 else adam.lazy(self.penalty_every)
        return {"generator": adam, "discriminator": lazy}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        generator = Phase("generator", self.generator_loss, draw=self.fakes)
        if self.penalty_every == 1:
            return Phase("discriminator", self.discriminator_loss, after=adjust_augmentation), generator
        return (
            Phase("discriminator", self.lone_rivalry, after=adjust_augmentation),
            Phase("discriminator", self.lone_penalty, every=self.penalty_every, gain=self.penalty_every),
            generator,
        )

    def fakes(self, nets: Adversaries, batch: Batch, progress: Progress) -> Tensor:
        """One for every real item, of its class; of any class where that is unknown."""
        label = told(nets, batch.label)
        if label is not None:
            assert isinstance(nets.generator, R3ganGenerator), "others are told nothing"
            label = torch.where(label < 0, torch.randint_like(label, nets.generator.classes), label)
        return draw_fakes(nets, batch, self.latents, label)

    def discriminator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        """The adversarial loss and both penalties, from one pass over the items of each kind."""
        label = told(nets, batch.label)
        real, r1 = judged_with_slope(nets, batch.x, label)
        fake, r2 = judged_with_slope(nets, drawn(batch), label)
        rivalry, penalty = self.rivalry(nets, batch, real, fake), self.penalty(r1, r2, progress)
        return Loss(rivalry.total + penalty.total, **rivalry.terms, **penalty.terms)

    def lone_rivalry(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        label = told(nets, batch.label)
        return self.rivalry(nets, batch, judged(nets, batch.x, label), judged(nets, drawn(batch), label))

    def lone_penalty(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        label = told(nets, batch.label)
        r1, r2 = (judged_with_slope(nets, x, label)[1] for x in (batch.x, drawn(batch)))
        return self.penalty(r1, r2, progress)

    def rivalry(self, nets: Adversaries, batch: Batch, real: Tensor, fake: Tensor) -> Loss:
        loss = relativistic_loss(real, fake).mean()
        strength = noted(nets, batch, real, fake, labelled=told(nets, batch.label) is not None)
        return Loss(loss, discriminator=loss, ahead=(real > fake).float().mean(), **strength)

    def penalty(self, r1: Tensor, r2: Tensor, progress: Progress) -> Loss:
        gamma = self.gamma_at(progress.fraction)
        return Loss(gamma / 2 * (r1 + r2).mean(), r1=r1.mean(), r2=r2.mean())

    def gamma_at(self, fraction: float) -> float:
        """γ when this fraction of the run is done: a cosine from γ to its last share."""
        left = 0.5 * (1 + math.cos(math.pi * fraction))
        return self.gamma * (self.gamma_decay + (1 - self.gamma_decay) * left)

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        label = told(nets, batch.label)
        with torch.no_grad():  # nothing of it leads to the generator
            real = judged(nets, batch.x, label)
        loss = relativistic_loss(judged(nets, drawn(batch), label), real).mean()
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
        x = generated(nets, z, told(nets, label))
        # only here: the discriminator is shown what lies outside, and the generator learns not to go there
        return x.clamp(-1, 1) if isinstance(nets.generator, R3ganGenerator) else x

    def judge(self, nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x, told(nets, label))


def told(nets: Adversaries, label: Tensor | None) -> Tensor | None:
    """What the networks are told of the label: nothing where they know no classes."""
    knows = isinstance(nets.generator, R3ganGenerator) and nets.generator.classes > 0
    return label if knows else None


def judged_with_slope(nets: Adversaries, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits (n,) and ‖∇_x D(x)‖² (n,), both with their graphs.

    As objectives/penalties.py, but the pass that gives the logits serves both: a fifth of a cycle's time.
    """
    x = x.detach().requires_grad_()
    logits = judged(nets, x, label)
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return logits, gradient.float().flatten(1).square().sum(1)
