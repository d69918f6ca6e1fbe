"""StyleGAN2: styles scale weights in place of maps, nothing grows, and even steps in w make even steps in pictures.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958.

Objective, descended, w = f(z), z ~ N(0, I), y a picture of normal noise over √(its pixels):
    D:  -log D(x) - log(1 - D(G(w)))  +  γ/2 ‖∇ D(x)‖²                    (R1, every 16th step, 16 times as strong)
    G:  -log D(G(w))  +  λ ( ‖J_wᵀ y‖ - a )²,  a its running mean          (equation 4, every 4th step, 4 times)

Against StyleGAN: instance normalisation, which left blobs, becomes a scale of the weights that is divided out of what
they give on average (equations 1 to 3); noise and biases come after it; pictures of all resolutions are summed up and
the discriminator is residual, in place of growing; the path-length penalty keeps G smooth, which also makes it easier
to invert.

Differs from the authors' code: an unknown class counts as the mean of all; styles are mixed by item, not by batch; the
discriminator sees a cycle's fakes that the generator is then judged by; a group's items of the minibatch deviation
also enter R1, as there; no clamp at 256, which is for float16. Widths suit a CPU (`--preset paper`: theirs at 1,024
pixels; at 256 they use `--width 128`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import adjust_augmentation, opinion
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._styles import StyleAdversaries, fooled, slope, styles_of, told_apart
from imaginable.networks.stylegan2 import Stylegan2Discriminator, Stylegan2Generator
from imaginable.nn.augment import Augment
from imaginable.nn.modulated import NoiseKind
from imaginable.nn.transform import transforms
from imaginable.objectives.penalties import path_lengths

LENGTHS_AVERAGED = 0.01
"""share of the newest path lengths in their running mean; the paper's"""


class Stylegan2Networks(StyleAdversaries):
    """length: the running mean of path lengths, a of equation 4."""

    generator: Stylegan2Generator
    length: Tensor

    def __init__(self, generator: nn.Module, discriminator: nn.Module, augment: Augment, classes: int) -> None:
        super().__init__(generator, discriminator, augment, classes)
        self.register_buffer("length", torch.zeros(()))


@final
@dataclass(frozen=True)
class Stylegan2(Method[Stylegan2Networks]):
    """StyleGAN2 (Karras et al. 2020), told the classes where there are any."""

    paper = "Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, arXiv:1912.04958"
    consumes = frozenset({"images"})
    labels = "optional"
    averaged = ("generator",)
    couples = True  # minibatch deviation in the discriminator
    sizes = Sizes(least=16, most=1024, powers=True)
    presets: ClassVar = {
        "small": {"latents": 128, "styles": 128, "width": 16, "most": 128, "depth": 4, "gamma": 0.2, "lr": 6e-3},
        "base": {},
        "paper": {"latents": 512, "styles": 512, "most": 512, "gamma": 10.0},  # of 1,024 pixels
    }

    latents: int = 256
    """dimensions of z"""
    styles: int = 256
    """dimensions of w"""
    width: int = 32
    """channels beside the picture; doubled at every halving of the size"""
    most: int = 256
    """channels of a layer, at most"""
    depth: int = 8
    """layers of the network from z to w"""
    gamma: float = 1.0
    """weight of R1, γ: higher is steadier and slower; larger pictures need more"""
    penalty_every: int = 16
    """steps of the discriminator from one R1 to the next"""
    path: float = 2.0
    """weight of the path-length penalty, λ; 0 for none"""
    path_every: int = 4
    """steps of the generator from one path-length penalty to the next"""
    mixing: float = 0.9
    """share of the fakes that mix the styles of two codes"""
    lr: float = 2e-3
    """Adam's learning rate, of both; a hundredth of it for the network from z to w"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Stylegan2Networks:
        sizes, classes = (spec.shape, self.width, self.most), len(spec.classes)
        generator = Stylegan2Generator(self.latents, *sizes, self.styles, self.depth, classes)
        discriminator = Stylegan2Discriminator(*sizes, classes)
        return Stylegan2Networks(generator, discriminator, Augment(self.augment), classes)

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(0.0, 0.99))
        generator = adam.lazy(self.path_every) if self.path else adam
        return {"generator": generator, "discriminator": adam.lazy(self.penalty_every)}

    def phases(self) -> tuple[Phase[Stylegan2Networks], ...]:
        path = Phase("generator", self.path_penalty, every=self.path_every, gain=self.path_every)
        return (
            Phase("discriminator", self.discriminator_loss, after=adjust_augmentation),
            Phase("discriminator", self.slope_penalty, every=self.penalty_every, gain=self.penalty_every),
            Phase("generator", self.generator_loss, draw=self.fakes),
            *([path] if self.path else []),
        )

    def codes(self, nets: Stylegan2Networks, batch: Batch) -> Tensor:
        return styles_of(nets.generator, batch, self.latents, nets.classes, self.mixing)

    def fakes(self, nets: Stylegan2Networks, batch: Batch, progress: Progress) -> Tensor:
        return nets.generator.synthesize(self.codes(nets, batch))

    def discriminator_loss(self, nets: Stylegan2Networks, batch: Batch, progress: Progress) -> Loss:
        return told_apart(nets, batch)

    def slope_penalty(self, nets: Stylegan2Networks, batch: Batch, progress: Progress) -> Loss:
        return slope(nets, batch, self.gamma)

    def generator_loss(self, nets: Stylegan2Networks, batch: Batch, progress: Progress) -> Loss:
        return fooled(nets, batch)

    def path_penalty(self, nets: Stylegan2Networks, batch: Batch, progress: Progress) -> Loss:
        """Of half as many fakes, which is enough (the authors' code)."""
        w = self.codes(nets, batch.part(0, max(1, len(batch) // 2)))
        lengths = path_lengths(nets.generator.synthesize, w)  # (n,)
        nets.length.lerp_(lengths.detach().mean(), LENGTHS_AVERAGED)
        return Loss(self.path * (lengths - nets.length).square().mean(), length=lengths.mean())

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self,
        nets: Stylegan2Networks,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def decode(
        self,
        nets: Stylegan2Networks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self.synthesize(nets, self.map(nets, z, label), generator)

    def map(self, nets: Stylegan2Networks, z: Tensor, label: Tensor | None = None) -> Tensor:
        return nets.generator.map(z, label)

    def synthesize(self, nets: Stylegan2Networks, w: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # bounded only here: the discriminator is shown what lies outside, and the generator learns not to go there
        noise: NoiseKind = "constant" if generator is None else "random"
        return nets.generator.synthesize(w, noise, generator).clamp(-1, 1)

    def moved(self, nets: Stylegan2Networks, w: Tensor, right: Tensor, down: Tensor, angle: Tensor) -> Tensor:
        # not in the paper: the 4 x 4 map is moved as if it went on periodically; the noise stays where it is
        return nets.generator.synthesize(w, "constant", transform=transforms(right, down, angle))

    def average(self, nets: Stylegan2Networks) -> Tensor:
        return nets.generator.average

    def affines(self, nets: Stylegan2Networks) -> list[Tensor]:
        return nets.generator.affines()

    def judge(self, nets: Stylegan2Networks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x, nets.told(label))
