"""StyleGAN: a generator that starts from a constant, and at every resolution is told a style and given noise.

Karras, Laine & Aila 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks", arXiv:1812.04948.

Objective, descended: the GAN's (methods/gan.py) with a penalty on D's slope at real items (R1),
    D:  softplus( -D(x) ) + softplus( D(G(w)) ) + γ/2 ‖∇ D(x)‖²
    G:  softplus( -D(G(w)) ),      w = f(z), z ~ N(0, I)

f, eight fully connected layers, makes z a code w, whose distribution need not fill a ball, so that its directions can
be what varies. After every convolution each channel of each picture is brought to the mean and deviation that an affine
map of w says (AdaIN). What is left to chance in a picture is noise, added pixel by pixel. In nine of ten pictures two
codes take over from each other at a random layer (style mixing), so that a layer does not count on what the others are
told.

Against ProGAN: that generator; pictures of codes nearer to the mean of w are better, and more alike (truncation).

Differs from the authors' code: nothing grows (theirs begins at 8 pixels), the networks are plain ones of all
resolutions; R1 every 16 steps (theirs: at each), exact, with StyleGAN2's correction of Adam; both players see the same
fakes in a cycle; mixing is drawn for every picture (theirs: for a batch); truncation is of all layers (theirs: of the
first eight); one rate for all sizes (theirs rises to 3e-3); widths that suit a CPU. networks/stylegan1.py names what is
different there.
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
from imaginable.methods._adversarial import adjust_augmentation, opinion
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._styles import StyleAdversaries, fooled, slope, styles_of, told_apart
from imaginable.networks.stylegan1 import Stylegan1Discriminator, Stylegan1Generator
from imaginable.nn.augment import Augment
from imaginable.nn.modulated import NoiseKind


class StyleganNetworks(StyleAdversaries):
    """Two players, of which one is told styles."""

    generator: Stylegan1Generator


@final
@dataclass(frozen=True)
class Stylegan(Method[StyleganNetworks]):
    """StyleGAN (Karras, Laine & Aila 2019), told the classes where there are any."""

    paper = (
        "Karras, Laine & Aila 2019, A Style-Based Generator Architecture for Generative Adversarial Networks, "
        "arXiv:1812.04948"
    )
    consumes = frozenset({"images"})
    labels = "optional"
    averaged = ("generator",)
    couples = True  # minibatch deviation in the discriminator
    sizes = Sizes(least=16, most=1024, powers=True)
    presets: ClassVar = {
        "small": {"latents": 128, "styles": 128, "width": 16, "most": 128, "depth": 4},
        "base": {},
        "paper": {"latents": 512, "styles": 512, "width": 16, "most": 512, "penalty_every": 1},  # for 1024 pixels
    }

    latents: int = 256
    """dimensions of z"""
    styles: int = 256
    """dimensions of w"""
    width: int = 32
    """channels beside the picture, doubled at every halving of the size"""
    most: int = 256
    """channels at most"""
    depth: int = 8
    """layers of the mapping from z to w"""
    gamma: float = 10.0
    """weight of the penalty, γ: higher is steadier and slower, and holds back a D that always wins"""
    penalty_every: int = 16
    """steps of the discriminator from one penalty to the next; the paper's is 1"""
    mixing: float = 0.9
    """share of pictures made of two codes"""
    lr: float = 1e-3
    """Adam's learning rate; a hundredth of it for the mapping"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> StyleganNetworks:
        sizes, classes = (spec.shape, self.width, self.most), len(spec.classes)
        generator = Stylegan1Generator(self.latents, *sizes, self.styles, self.depth, classes)
        return StyleganNetworks(generator, Stylegan1Discriminator(*sizes, classes), Augment(self.augment), classes)

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(0.0, 0.99))
        return {"generator": adam, "discriminator": adam.lazy(self.penalty_every)}

    def phases(self) -> tuple[Phase[StyleganNetworks], ...]:
        return (
            Phase("discriminator", self.discriminator_loss, after=adjust_augmentation),
            Phase("discriminator", self.slope_penalty, every=self.penalty_every, gain=self.penalty_every),
            Phase("generator", self.generator_loss, draw=self.fakes),
        )

    def fakes(self, nets: StyleganNetworks, batch: Batch, progress: Progress) -> Tensor:
        return nets.generator.synthesize(styles_of(nets.generator, batch, self.latents, nets.classes, self.mixing))

    def discriminator_loss(self, nets: StyleganNetworks, batch: Batch, progress: Progress) -> Loss:
        return told_apart(nets, batch)

    def slope_penalty(self, nets: StyleganNetworks, batch: Batch, progress: Progress) -> Loss:
        return slope(nets, batch, self.gamma)

    def generator_loss(self, nets: StyleganNetworks, batch: Batch, progress: Progress) -> Loss:
        return fooled(nets, batch)

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def prior(
        self,
        nets: StyleganNetworks,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return torch.randn(n, self.latents, generator=generator)

    def decode(
        self,
        nets: StyleganNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self.synthesize(nets, self.map(nets, z, label), generator)

    def map(self, nets: StyleganNetworks, z: Tensor, label: Tensor | None = None) -> Tensor:
        return nets.generator.map(z, label)

    def synthesize(self, nets: StyleganNetworks, w: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # bounded only here: the discriminator is shown what lies outside, and the generator learns not to go there
        noise: NoiseKind = "constant" if generator is None else "random"
        return nets.generator.synthesize(w, noise, generator).clamp(-1, 1)

    def average(self, nets: StyleganNetworks) -> Tensor:
        return nets.generator.average

    def affines(self, nets: StyleganNetworks) -> list[Tensor]:
        return nets.generator.affines()

    def judge(self, nets: StyleganNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x, nets.told(label))
