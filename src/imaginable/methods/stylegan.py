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
from imaginable.methods._adversarial import Adversaries, adjust_augmentation, drawn, judged, noted, opinion
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._of_classes import fake_classes
from imaginable.networks.stylegan1 import Stylegan1Discriminator, Stylegan1Generator
from imaginable.nn.augment import Augment
from imaginable.nn.equalised import EqualisedLinear
from imaginable.objectives.adversarial import discriminator_loss, nonsaturating_loss
from imaginable.objectives.penalties import squared_gradient_norm

_KEPT = 0.995
"""share of the average of w that a step leaves"""


@final
@dataclass(frozen=True)
class Stylegan(Method[Adversaries]):
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
        "small": {"latents": 64, "styles": 64, "width": 16, "most": 128, "gamma": 1.0},
        "base": {},
        "paper": {"latents": 512, "styles": 512, "width": 16, "most": 512, "penalty_every": 1},  # for 1024 pixels
    }

    latents: int = 128
    """dimensions of the latent space, z"""
    styles: int = 128
    """dimensions of a code, w"""
    width: int = 32
    """channels beside the picture, doubled at every halving of the size"""
    most: int = 256
    """channels at most"""
    depth: int = 8
    """layers of the mapping from z to w"""
    gamma: float = 10.0
    """weight of the penalty, γ: higher is steadier and slower; smaller pictures need less"""
    penalty_every: int = 16
    """steps of the discriminator from one penalty to the next; the paper's is 1"""
    mixing: float = 0.9
    """share of pictures made of two codes"""
    lr: float = 1e-3
    """Adam's learning rate; a hundredth of it for the mapping"""
    augment: Literal["none", "diff", "adaptive"] = "none"
    """for few pictures, what is done to all before D sees them: always (diff), or as much as is needed (adaptive)"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Adversaries:
        classes = len(spec.classes)
        return Adversaries(
            Stylegan1Generator(self.latents, spec.shape, self.width, self.most, self.styles, self.depth, classes),
            Stylegan1Discriminator(spec.shape, self.width, self.most, classes),
            Augment(self.augment),
        )

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(0.0, 0.99))
        return {"generator": adam, "discriminator": adam.lazy(self.penalty_every)}

    def phases(self) -> tuple[Phase[Adversaries], ...]:
        return (
            Phase("discriminator", self.discriminator_loss, after=adjust_augmentation),
            Phase("discriminator", self.penalty, every=self.penalty_every, gain=self.penalty_every),
            Phase("generator", self.generator_loss, draw=self.fakes, after=self.move_average),
        )

    def fakes(self, nets: Adversaries, batch: Batch, progress: Progress) -> Tensor:
        """One for every real item, of its class; of any class where that is unknown."""
        generator = generator_of(nets)
        label = fake_classes(batch, generator.classes)
        one, other = torch.randn(2, len(batch), self.latents, device=batch.x.device)
        return generator.synthesize(mixed(generator.map(one, label), generator.map(other, label), self.mixing))

    def discriminator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        real, fake = judged(nets, batch.x, batch.label), judged(nets, drawn(batch), batch.label)
        loss = discriminator_loss(real, fake).mean()
        chances = {"real": torch.sigmoid(real).mean(), "fake": torch.sigmoid(fake).mean()}
        return Loss(loss, discriminator=loss, **chances, **noted(nets, batch, real, fake, labelled=True))

    def penalty(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        r1 = squared_gradient_norm(lambda x: judged(nets, x, batch.label), batch.x).mean()
        return Loss(self.gamma / 2 * r1, r1=r1)

    def generator_loss(self, nets: Adversaries, batch: Batch, progress: Progress) -> Loss:
        loss = nonsaturating_loss(judged(nets, drawn(batch), batch.label)).mean()
        return Loss(loss, generator=loss)

    def move_average(self, nets: Adversaries, batch: Batch, progress: Progress) -> None:
        """Towards the mean w of as many new latents."""
        generator = generator_of(nets)
        z = torch.randn(len(batch), self.latents, device=batch.x.device)
        w: Tensor = generator.mapping(z, fake_classes(batch, generator.classes))
        generator.average.lerp_(w.mean(0), 1 - _KEPT)

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
        return self.synthesize(nets, self.map(nets, z, label), generator)

    def map(self, nets: Adversaries, z: Tensor, label: Tensor | None = None) -> Tensor:
        return generator_of(nets).map(z, label)

    def synthesize(self, nets: Adversaries, w: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = generator_of(nets).synthesize(w, "constant" if generator is None else "random", generator)
        # only here: the discriminator is shown what lies outside, and the generator learns not to go there
        return x.clamp(-1, 1)

    def average(self, nets: Adversaries) -> Tensor:
        return generator_of(nets).average

    def affines(self, nets: Adversaries) -> list[Tensor]:
        layers = [styling.get_submodule("norm.affine") for styling in generator_of(nets).stylings]
        return [layer.weight * layer.weight_gain for layer in layers if isinstance(layer, EqualisedLinear)]

    def judge(self, nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
        return opinion(nets, x, label)


def generator_of(nets: Adversaries) -> Stylegan1Generator:
    assert isinstance(nets.generator, Stylegan1Generator)
    return nets.generator


def mixed(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Codes (n, layers, styles) of two kinds -> the same shape: `one`, but for this share of the items `other` from a
    random layer on, which is not the first. Draws are from torch's global generator."""
    n, layers, _ = one.shape
    crossover = torch.randint(1, layers, (n, 1, 1), device=one.device)
    stays = torch.rand(n, 1, 1, device=one.device) >= share
    layer = torch.arange(layers, device=one.device)[:, None]
    return torch.where((layer < crossover) | stays, one, other)
