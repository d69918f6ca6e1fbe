"""The original GAN: a generator and a discriminator, fully connected, on small pictures or on points.

Goodfellow et al. 2014, "Generative Adversarial Nets", arXiv:1406.2661.

Objective (equation 1): min over G, max over D of
    E_x [ log D(x) ] + E_z [ log(1 - D(G(z))) ],   z ~ N(0, I)
and for G by default, as in section 3, the non-saturating form: max over G of E_z [ log D(G(z)) ].

Algorithm 1 with k = 1, the two players on the same fakes in one cycle.

Differs from the paper: Adam (β1 = 0.5) for momentum; leaky ReLU for maxout and no dropout; normal for
uniform latents, so that morphs between them are well defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import Adversaries, draw_fakes, drawn, judged, opinion, tell_apart
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.mlp import Mlp
from imaginable.objectives.adversarial import minimax_loss, nonsaturating_loss


@final
@dataclass(frozen=True)
class Gan(Method[Adversaries]):
    """Generative adversarial network (Goodfellow et al. 2014)."""

    paper = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661"
    consumes = frozenset({"images", "points"})
    averaged = ("generator",)
    presets: ClassVar = {
        "small": {"hidden": 256},
        "base": {},
        "paper": {"hidden": 1200, "latents": 100},
    }

    latents: int = 64
    """dimensions of the latent space"""
    objective: Literal["non-saturating", "minimax"] = "non-saturating"
    """the generator's loss: -log D(G(z)), or log(1 - D(G(z))) of equation 1"""
    hidden: int = 512
    """units of each hidden layer"""
    layers: int = 2
    """hidden layers of each player"""
    lr: float = 2e-4
    """Adam's learning rate"""
    beta1: float = 0.5
    """Adam's first beta"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        hidden = [self.hidden] * self.layers
        generator = Mlp([self.latents, *hidden], spec.shape, nn.ReLU)
        if spec.kind == "images":
            generator = nn.Sequential(generator, nn.Tanh())  # type: ignore[assignment]
        discriminator = nn.Sequential(Mlp([spec.dimensions, *hidden], (1,), nn.LeakyReLU), nn.Flatten(0))
        return Adversaries(generator, discriminator)

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(self.beta1, 0.999))
        return {"generator": adam, "discriminator": adam}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.discriminator_loss),
            Phase("generator", self.generator_loss, draw=self.fakes),
        )

    def fakes(self, nets: Adversaries, batch: Batch, progress: Progress) -> Tensor:
        return draw_fakes(nets, batch, self.latents)

    def discriminator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        return tell_apart(nets, batch)

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        fake = judged(nets, drawn(batch))
        objective = minimax_loss if self.objective == "minimax" else nonsaturating_loss
        loss = objective(fake).mean()
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
