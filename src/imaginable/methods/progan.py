"""ProGAN: both players begin with pictures of 4 x 4 pixels and grow, resolution by resolution, while they learn.

Karras, Aila, Laine & Lehtinen 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation",
arXiv:1710.10196.

Objective: that of the WGAN with gradient penalty (methods/wgan_gp.py), and D's logits are kept near 0 (section A.1),
    D descends  E_z [ D(G(z)) ] - E_x [ D(x) ] + λ E [ (‖∇ D(x̂)‖ - 1)² ] + ε E_x [ D(x)² ],
    G descends  - E_z [ D(G(z)) ],   one step each.

What it adds (sections 2 to 4): pictures are first made at 4 x 4, and every doubling is faded in, in both players and in
the real pictures alike, so that what is learned is what the last resolution left open. D is told how much a batch
varies. Instead of batch norm, weights are scaled at run time (equalised learning rate) and G's maps are normalised at
every pixel. So most of the run is spent on pictures that cost little.

Differs from the authors' code: growth follows the share of the run that is done, not counts of images; the batch has
one size at all resolutions (theirs is larger at small ones); Adam is not begun anew when a resolution is added (layers
that were not used yet have no state, so their first steps are as after a beginning anyway); G and D see the same made
pictures in a cycle; no mirror images unless `--flip` asks for them. The penalty's D(x̂) knows the other items of its
group through their deviation, as theirs does. See networks/progressive.py for what differs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.core.errors import UserError
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
from imaginable.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator, at_level
from imaginable.nn.augment import Augment
from imaginable.objectives.adversarial import wasserstein_critic_loss, wasserstein_generator_loss
from imaginable.objectives.penalties import gradient_penalty


@final
@dataclass(frozen=True)
class Progan(Method[Adversaries]):
    """ProGAN (Karras, Aila, Laine & Lehtinen 2018)."""

    paper = "Karras, Aila, Laine & Lehtinen 2018, Progressive Growing of GANs, arXiv:1710.10196"
    consumes = frozenset({"images"})
    averaged = ("generator",)
    couples = True  # the deviation within a group
    sizes = Sizes(least=16, most=1024, powers=True)
    presets: ClassVar = {
        "small": {"width": 16, "most": 128, "latents": 128, "lr": 2e-3},
        "base": {},
        "paper": {"width": 16, "most": 512, "latents": 512},  # theirs at 1024 pixels: as wide beside smaller pictures
    }

    latents: int = 256
    """dimensions of the latent space"""
    width: int = 32
    """channels beside the picture; doubled at every halving of the size"""
    most: int = 256
    """channels at most"""
    growing: float = 0.6
    """share of the run in which the pictures grow; in the rest they have their full size. 0 begins with that"""
    fade: float = 0.5
    """share of a resolution's time in which the next one is faded in"""
    penalty: float = 10.0
    """weight λ of the gradient penalty"""
    drift: float = 0.001
    """weight ε of D's squared logits of real pictures"""
    lr: float = 1e-3
    """Adam's learning rate"""
    beta2: float = 0.99
    """Adam's second beta; the first is 0"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        for name, share in (("growing", self.growing), ("fade", self.fade)):
            if not 0 <= share <= 1:
                raise UserError(f"--{name} {share}: must be a share, from 0 to 1")
        return Adversaries(
            ProgressiveGenerator(self.latents, spec.shape, self.width, self.most),
            ProgressiveDiscriminator(spec.shape, self.width, self.most),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(0.0, self.beta2))
        return {"generator": adam, "discriminator": adam}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.critic_loss, after=adjust_augmentation),
            Phase("generator", self.generator_loss, draw=self.fakes),
        )

    def level_at(self, fraction: float, doublings: int) -> float:
        """When this fraction of the run is done: the resolution, and as its fraction the share α of the next one.

        Every doubling has an equal part of the growing: first the resolution before it, then the fade.
        """
        if fraction >= self.growing:
            return float(doublings)
        whole, part = divmod(fraction / self.growing * doublings, 1)
        return whole + max(0.0, 1 - (1 - part) / self.fade if self.fade else 0.0)

    def stages(self, spec: DataSpec) -> tuple[float, ...]:
        """When each resolution but the first begins to be faded in: from then on it costs what it costs in whole."""
        doublings = (spec.shape[-1] // 4).bit_length() - 1
        return tuple(self.growing * (number + 1 - self.fade) / doublings for number in range(doublings))

    def grow(self, player: torch.nn.Module, progress: Progress) -> Tensor:
        """Brings a player, in its own phase, to the level of now, and returns that, ()."""
        assert isinstance(player, ProgressiveGenerator | ProgressiveDiscriminator)
        return player.level.fill_(self.level_at(progress.fraction, player.doublings))

    def fakes(self, nets: Adversaries, batch: Batch, progress: Progress) -> Tensor:
        self.grow(nets.generator, progress)
        return draw_fakes(nets, batch, self.latents)

    def critic_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        level = self.grow(nets.discriminator, progress)
        held_out = None if batch.held_out is None else at_level(batch.held_out, level)
        batch = replace(batch, x=at_level(batch.x, level), held_out=held_out)
        real, fake = judged(nets, batch.x), judged(nets, drawn(batch))  # (n,) each
        distance = -wasserstein_critic_loss(real, fake).mean()
        penalty = gradient_penalty(partial(judged, nets), batch.x, drawn(batch)).mean()
        return Loss(
            self.penalty * penalty + self.drift * real.square().mean() - distance,
            distance=distance,
            penalty=penalty,
            real=real.mean(),
            fake=fake.mean(),
            level=level,
            **noted(nets, batch, real, fake),
        )

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        loss = wasserstein_generator_loss(judged(nets, drawn(batch))).mean()
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
        """As large as the data's at any level: every pixel of a smaller picture is repeated."""
        assert isinstance(nets.generator, ProgressiveGenerator)
        # the limit only here: the discriminator is shown what lies outside, and the generator learns not to go there
        return F.interpolate(generated(nets, z), nets.generator.size, mode="nearest").clamp(-1, 1)

    def judge(self, nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
        assert isinstance(nets.discriminator, ProgressiveDiscriminator)
        return opinion(nets, at_level(x, nets.discriminator.level))
