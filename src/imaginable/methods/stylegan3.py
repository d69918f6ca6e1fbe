"""StyleGAN3: detail that moves with what it belongs to, since no layer makes frequencies that its pixels cannot hold.

Karras, Aittala, Laine, Härkönen, Hellsten, Lehtinen & Aila 2021, "Alias-Free Generative Adversarial Networks",
arXiv:2106.12423.

Objective, non-saturating, with w = f(z), z ~ N(0, I), and a penalty on D's slope at real pictures every 16th step:
    D descends  -log D(x) - log(1 - D(g(w))) + γ/2 ‖∇ D(x)‖²        G descends  -log D(g(w))

Against StyleGAN2, whose discriminator and mapping it has: g starts from sine waves that w turns and shifts, not from a
learned map; every layer has its own band of frequencies, and its leaky ReLU works on more pixels, between filters;
margins around all maps hide where the border is. No noise, no summed pictures, no mixing of styles, no penalty on path
lengths. T follows shifts; R turns too, with 1 x 1 convolutions, twice the channels and radial filters, and needs
blurred pictures at the start, or D would cling to the finest detail before there is any.

Differs from the authors' code: the blur's length is a share of the run (theirs: 200,000 pictures) and its weights are
brought to sum 1 at the edges; running averages start at what the first pictures have, and forget half in a twentieth
of the pictures seen until that is their 20,000 (theirs for w: in 346 steps); an unknown class has the mean of the
classes' vectors; channels that suit a CPU (`--preset paper`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import adjust_augmentation, drawn, judged, opinion
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._of_classes import fake_classes
from imaginable.methods._styles import StyleAdversaries, fooled, told_apart
from imaginable.networks.stylegan2 import Stylegan2Discriminator
from imaginable.networks.stylegan3 import Stylegan3Generator
from imaginable.nn.augment import Augment
from imaginable.nn.resample import smoothed
from imaginable.nn.transform import transforms
from imaginable.objectives.penalties import squared_gradient_norm

FORGETS = 20_000
"""pictures after which a running average has forgotten half"""
LEAST_LAYERS = 3


class Stylegan3Networks(StyleAdversaries):
    generator: Stylegan3Generator


@final
@dataclass(frozen=True)
class Stylegan3(Method[Stylegan3Networks]):
    """StyleGAN3-T and -R (Karras et al. 2021)."""

    paper = "Karras et al. 2021, Alias-Free Generative Adversarial Networks, arXiv:2106.12423"
    consumes = frozenset({"images"})
    labels = "optional"
    averaged = ("generator",)
    couples = True  # the discriminator compares the items of a group
    sizes = Sizes(least=16, most=1024, powers=True)
    presets: ClassVar = {
        "small": {"latents": 64, "styles": 64, "width": 8, "most": 64, "layers": 10, "gamma": 0.125},
        "rotations": {
            "variant": "R",
            "latents": 64,
            "styles": 64,
            "width": 8,
            "most": 64,
            "layers": 8,
            "gamma": 0.125,
            "blur": 2.5,
        },
        "base": {},
        "paper": {"width": 32, "most": 512, "gamma": 32.8},
        "paper-r": {"variant": "R", "width": 32, "most": 512, "gamma": 32.8, "blur": 10.0, "blur_until": 0.008},
    }

    variant: Literal["T", "R"] = "T"
    """detail follows shifts (T), or turns, too (R)"""
    latents: int = 512
    """dimensions of z"""
    styles: int = 512
    """dimensions of w"""
    width: int = 16
    """channels beside the picture, of both players; doubled at every halving of its frequencies; R's generator has
    twice as many"""
    most: int = 256
    """channels of a layer, at most; of R's generator twice as many"""
    layers: int = 14
    """of the generator, the same number for every size"""
    depth: int = 2
    """layers of the mapping from z to w"""
    gamma: float = 0.5
    """weight of the penalty: higher is steadier and softer; the authors' for 128 pixels, four times that for 256"""
    penalty_every: int = 16
    """steps of the discriminator from one penalty to the next"""
    generator_lr: float = 2.5e-3
    """Adam's learning rate for the generator"""
    discriminator_lr: float = 2e-3
    """and for the discriminator"""
    beta2: float = 0.99
    """Adam's second beta; the first is 0"""
    blur: float = 0.0
    """deviation in pixels by which all that D sees is blurred at the start: for R, an hundredth of the side or more"""
    blur_until: float = 0.1
    """share of the run after which nothing is blurred any more"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Stylegan3Networks:
        if self.layers < LEAST_LAYERS:
            raise UserError(f"--layers {self.layers}: must be at least {LEAST_LAYERS}")
        classes, rotates = len(spec.classes), self.variant == "R"
        more = 2 if rotates else 1
        width = more * self.width * spec.shape[-1] // 2  # channels times the cutoff, which ends at half the size
        recipe = (self.styles, self.depth, self.layers, width, more * self.most, rotates, classes)
        return Stylegan3Networks(
            Stylegan3Generator(self.latents, spec.shape, *recipe),
            Stylegan2Discriminator(spec.shape, self.width, self.most, classes),
            Augment(self.augment),
            classes,
        )

    def optimizers(self) -> dict[str, Optimizer]:
        betas = (0.0, self.beta2)
        judge = Adam(self.discriminator_lr, betas=betas).lazy(self.penalty_every)
        return {"generator": Adam(self.generator_lr, betas=betas), "discriminator": judge}

    def phases(self) -> tuple[Phase[Stylegan3Networks], ...]:
        every = self.penalty_every
        return (
            Phase("discriminator", self.discriminator_loss, after=adjust_augmentation),
            Phase("discriminator", self.penalty, every=every, gain=every),
            Phase("generator", self.generator_loss, draw=self.fakes),
        )

    def fakes(self, nets: Stylegan3Networks, batch: Batch, progress: Progress) -> Tensor:
        """One for every real item, of its class, or of any where that is unknown; here alone running averages move."""
        z = torch.randn(len(batch), self.latents, device=batch.x.device)
        label = fake_classes(batch, nets.classes)
        x: Tensor = nets.generator(z, label, track=newest(len(batch), progress))
        return x

    def discriminator_loss(self, nets: Stylegan3Networks, batch: Batch, progress: Progress) -> Loss:
        return told_apart(nets, self.seen(batch, progress))

    def penalty(self, nets: Stylegan3Networks, batch: Batch, progress: Progress) -> Loss:
        """γ/2 ‖∇ D‖² at real pictures, before anything was done to them."""
        deviation, label = self.deviation(progress), nets.told(batch.label)
        r1 = squared_gradient_norm(lambda x: judged(nets, smoothed(x, deviation), label), batch.x).mean()
        return Loss(self.gamma / 2 * r1, r1=r1)

    def generator_loss(self, nets: Stylegan3Networks, batch: Batch, progress: Progress) -> Loss:
        return fooled(nets, self.seen(batch, progress))

    def deviation(self, progress: Progress) -> float:
        """Of the blur, in pixels, now: linearly down to 0."""
        return self.blur * max(0.0, 1 - progress.fraction / self.blur_until) if self.blur_until > 0 else 0.0

    def seen(self, batch: Batch, progress: Progress) -> Batch:
        """The batch with every picture that D is to judge as blurred as it is now."""
        deviation = self.deviation(progress)
        held_out = None if batch.held_out is None else smoothed(batch.held_out, deviation)
        return replace(
            batch, x=smoothed(batch.x, deviation), drawn=smoothed(drawn(batch), deviation), held_out=held_out
        )

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self,
        nets: Stylegan3Networks,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def decode(
        self,
        nets: Stylegan3Networks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self.synthesize(nets, self.map(nets, z, label))

    def map(self, nets: Stylegan3Networks, z: Tensor, label: Tensor | None = None) -> Tensor:
        return nets.generator.map(z, label)

    def synthesize(self, nets: Stylegan3Networks, w: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x: Tensor = nets.generator.synthesis(w)
        return x.clamp(-1, 1)  # only here: the discriminator is shown what lies outside

    def average(self, nets: Stylegan3Networks) -> Tensor:
        return nets.generator.average

    def affines(self, nets: Stylegan3Networks) -> list[Tensor]:
        return nets.generator.synthesis.affines()

    def moved(self, nets: Stylegan3Networks, w: Tensor, right: Tensor, down: Tensor, angle: Tensor) -> Tensor:
        x: Tensor = nets.generator.synthesis(w, transform=transforms(right, down, angle).to(w))
        return x

    def judge(self, nets: Stylegan3Networks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x, label)


def newest(images: int, progress: Progress) -> float:
    """How far a running average moves to what these pictures have."""
    forgets = min(FORGETS, 0.05 * (progress.seen + images))
    return 1 - 0.5 ** (images / forgets)
