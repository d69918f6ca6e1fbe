"""BigGAN: the class-conditional residual GAN with everything that helps at scale.

Brock, Donahue & Simonyan 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
arXiv:1809.11096.

Objective: the hinge losses of SAGAN (methods/sagan.py) with its projection discriminator, and on G's weights
    D descends  E_x [ max(0, 1 - D(x, y)) ] + E_z [ max(0, 1 + D(G(z, y), y)) ],
    G descends  - E_z [ D(G(z, y), y) ] + β Σ_W ‖ Wᵀ W ⊙ (1 - I) ‖²                          (equation 3).

Against SAGAN: the class is one vector that all of G's batch norms share, each through its own linear layer; the latent
is cut into parts, one for every resolution; orthogonal initial weights and the penalty above, which keep G good on
truncated latents (`sample --truncation 0.7`); two steps of D to one of G, large batches, an averaged G.

Differs from the authors' code: SNGAN's discriminator with attention for a deeper one; the penalty is descended with
the loss (theirs is added to the gradient, the same); fakes have the classes of the batch (theirs uniformly random
ones); an unknown class counts as the mean of all; without classes the norms are set by the latent alone; a width and
a batch that suit a CPU (`--preset paper --batch 2048`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import Adversaries, adjust_augmentation, generated, opinion
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._of_classes import fooled, told_apart
from imaginable.networks.biggan import BigganGenerator, parts
from imaginable.networks.resnet import ResnetDiscriminator
from imaginable.nn.augment import Augment
from imaginable.objectives.penalties import orthogonality


@final
@dataclass(frozen=True)
class Biggan(Method[Adversaries]):
    """BigGAN (Brock, Donahue & Simonyan 2019), told the classes where there are any."""

    paper = "Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis, arXiv:1809.11096"
    consumes = frozenset({"images"})
    labels = "optional"
    averaged = ("generator",)
    couples = True  # batch norm in the generator
    sizes = Sizes(least=32, most=128, powers=True)
    presets: ClassVar = {
        "small": {"width": 8, "generator_lr": 5e-4, "discriminator_lr": 1e-3, "critic_steps": 1},
        "base": {},
        "paper": {"width": 96},
    }

    latents: int = 120
    """dimensions of the latent space; a multiple of the resolutions from 4 pixels up (4 at 32 px, 5 at 64, 6 at 128)"""
    embedding: int = 128
    """dimensions of a class's vector"""
    width: int = 32
    """channels of the generator beside the picture, doubled at every halving of the size; a quarter of the
    discriminator's at 32 pixels and below"""
    orthogonal: float = 1e-4
    """weight β of the orthogonal regularisation"""
    critic_steps: int = 2
    """the discriminator's steps to one of the generator"""
    generator_lr: float = 5e-5
    """Adam's learning rate for the generator"""
    discriminator_lr: float = 2e-4
    """and for the discriminator"""
    beta1: float = 0.0
    """Adam's first beta"""
    beta2: float = 0.999
    """Adam's second beta"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        count = parts(spec.shape[-1])
        if self.latents % count:
            raise UserError(f"--latents {self.latents}: must be a multiple of {count} for {spec.shape[-1]} pixels")
        return Adversaries(
            BigganGenerator(self.latents, spec.shape, self.width, len(spec.classes), self.embedding),
            ResnetDiscriminator(spec.shape, 4 * self.width, len(spec.classes), attention=True),
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
            Phase("discriminator", self.discriminator_loss, repeat=self.critic_steps, after=adjust_augmentation),
            Phase("generator", self.generator_loss),
        )

    def discriminator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        return told_apart(nets, batch, self.latents)

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        loss = fooled(nets, batch, self.latents)
        weights = [weight for weight in nets.generator.parameters() if weight.ndim > 1]
        skewed = torch.stack([orthogonality(weight) for weight in weights]).sum()
        return Loss(loss + self.orthogonal * skewed, generator=loss, skewed=skewed)

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
