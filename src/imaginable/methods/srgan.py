"""SRGAN: enlarges pictures two or four times, first as exactly as it can, then as sharply.

Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
arXiv:1609.04802. Pairs instead of single logits: Jolicoeur-Martineau 2019, arXiv:1807.00734 (ESRGAN: Wang et al. 2018,
arXiv:1809.00219).

x is a crop of a picture, y the same at low resolution (nn/degrade.py), D the discriminator, φ a network's features.
Averaged over items and numbers:
    until `pixel_share` of the run (SRResNet)
        G descends   | x - G(y) |
    from there
        D descends   softplus( D(G(y)) - D(x) )
        G descends   p | x - G(y) | + f d( φ(x), φ(G(y)) ) + a softplus( D(x) - D(G(y)) )
with d the squared distance of directions of features (objectives/perceptual.py). Without `relativistic`, D descends
- log D(x) - log(1 - D(G(y))), and G the non-saturating - log D(G(y)).

The generator of the first stage is kept: the model holds `pixel`, nearest to the picture pixel by pixel, and `sharp`,
whose detail is plausible and made up. Its PSNR is lower: that is the price, not an error.

Differs from the paper: their features are those of VGG trained on ImageNet, these of a small network trained on the
crops at hand in the first part of the run, to tell by how many quarters a crop was turned (Gidaris et al. 2018,
arXiv:1803.07728). The absolute error for the squared one, a pixel term in the second stage, the `light` networks
(networks/srresnet.py) and crops that are varied (nn/varied.py), save in the `paper` preset. The rate falls by a cosine
within each stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import drawn
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.features import FeatureNetwork, turned
from imaginable.networks.srresnet import SrganDiscriminator, SrResNet, Stages
from imaginable.nn.degrade import BEST_JPEG, Degradation, cropped
from imaginable.nn.varied import recoloured, zoomed
from imaginable.objectives.adversarial import discriminator_loss, nonsaturating_loss, relativistic_loss
from imaginable.objectives.perceptual import perceptual_distance


class SrganNetworks(nn.Module):
    def __init__(self, generator: Stages, discriminator: SrganDiscriminator, features: FeatureNetwork) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.features = features


@final
@dataclass(frozen=True)
class Srgan(Method[SrganNetworks]):
    """SRResNet and SRGAN, super-resolution (Ledig et al. 2017)."""

    paper = (
        "Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, "
        "arXiv:1609.04802"
    )
    consumes = frozenset({"images"})
    averaged = ("generator",)
    couples = True  # batch norm in the paper's layout
    sizes = Sizes(least=32, most=1024, step=16)
    task: ClassVar[Literal["upscale"]] = "upscale"
    multiple: ClassVar[int] = 1
    presets: ClassVar = {
        "small": {"crop": 64, "width": 32, "blocks": 8, "judge_width": 16, "feature_width": 8, "lr": 1e-3},
        "base": {},
        "paper": {
            "layout": "paper",
            "blocks": 16,
            "error": "squared",
            "relativistic": False,
            "adversarial": 1e-3,
            "feature": 1.0,
            "pixel": 0.0,
            "vary": False,
            "judge_width": 64,
            "feature_width": 64,
            "lr": 1e-4,
        },
    }

    factor: Literal[2, 4] = 4
    """how many times larger"""
    crop: int = 96
    """pixels on a side of what is learned from, cut out of every picture at a place of its own; a multiple of 16"""
    vary: bool = True
    """crops are also cut smaller and enlarged, turned, their channels exchanged, and half of them negatives: what is
    learned of pictures of one kind then holds for others"""
    blur: float = 0.0
    """low resolution is made from blurred pictures: deviation in their pixels, each picture's between 0 and this"""
    noise: float = 0.0
    """noise is added to it: deviation in grey levels, each picture's between 0 and this"""
    jpeg: int = 0
    """it is compressed: JPEG of a quality between this and 95; 0 for none"""
    pixel_share: float = 0.8
    """share of the run for the first stage; 1 leaves out the second"""
    error: Literal["absolute", "squared"] = "absolute"
    """of pixels"""
    relativistic: bool = True
    """the discriminator compares a made picture with the real one, rather than judging each alone"""
    pixel: float = 0.5
    """weight of the pixels' error in the second stage"""
    feature: float = 0.5
    """weight of the distance of features"""
    adversarial: float = 0.01
    """weight of the game: more is sharper and further from the truth"""
    features_until: float = 0.1
    """the feature network learns up to this fraction of the run"""
    width: int = 64
    """channels of the generator"""
    blocks: int = 16
    """its residual blocks"""
    layout: Literal["light", "paper"] = "light"
    """light: without batch norm, on top of the bicubic enlargement, several times less work; paper: as published"""
    judge_width: int = 32
    """channels of the discriminator beside the picture; up to eight times as many inside"""
    feature_width: int = 16
    """channels of the feature network beside the picture"""
    lr: float = 5e-4
    """Adam's learning rate, of all players"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> SrganNetworks:
        channels, size = spec.shape[0], min(self.crop, spec.shape[-1])
        self._check_fields()
        recipe = (channels, self.width, self.blocks, self.factor, self.layout)
        return SrganNetworks(
            Stages(SrResNet(*recipe), SrResNet(*recipe)),
            SrganDiscriminator(channels, size, self.judge_width, self.layout, bias=not self.relativistic),
            FeatureNetwork(channels, self.feature_width, 4),
        )

    def _check_fields(self) -> None:
        share, until = self.pixel_share, self.features_until
        for right, said in (
            (self.crop >= 32 and self.crop % 16 == 0, f"--crop {self.crop}: must be a multiple of 16, at least 32"),
            (0 < share <= 1, f"--pixel-share {share}: must be above 0 and at most 1"),
            (0 < until <= share, f"--features-until {until}: must be above 0 and at most --pixel-share"),
            (
                0 <= self.jpeg <= BEST_JPEG,
                f"--jpeg {self.jpeg}: must be from 1 to {BEST_JPEG}, or 0 for none",
            ),
            (self.blur >= 0 and self.noise >= 0, "--blur and --noise: must not be negative"),
        ):
            if not right:
                raise UserError(said)

    def optimizers(self) -> dict[str, Optimizer]:
        first = Schedule("cosine", decay_from=0.3, warmup=0.02, stop=self.features_until)
        second = Schedule("cosine", decay_from=0.5, warmup=0.02, start=self.pixel_share)
        both = Schedule("cosine", decay_from=0.3, warmup=0.02, again=self.pixel_share)
        if self.pixel_share == 1:
            second = both = Schedule("cosine", decay_from=0.3, warmup=0.02)
        return {
            "features": Adam(self.lr, schedule=first),
            "generator": Adam(self.lr, betas=(0.9, 0.99), schedule=both),
            "discriminator": Adam(self.lr, betas=(0.9, 0.99), schedule=second),
        }

    def phases(self) -> tuple[Phase[SrganNetworks], ...]:
        first = (
            Phase("features", self.features_loss, stop=self.features_until),
            Phase("generator", self.pixel_loss, stop=self.pixel_share, after=self.follow),
        )
        if self.pixel_share == 1:
            return first
        return (
            *first,
            Phase("discriminator", self.discriminator_loss, start=self.pixel_share),
            Phase("generator", self.sharp_loss, start=self.pixel_share, draw=self.pairs),
        )

    def features_loss(self, nets: SrganNetworks, batch: Batch, progress: Progress) -> Loss:
        x = self.crops(batch)
        quarters = some_quarters(x)
        logits = nets.features(turned(x, quarters))
        loss = F.cross_entropy(logits, quarters)
        return Loss(loss, rotation=loss, rotation_right=(logits.argmax(1) == quarters).float().mean())

    def pixel_loss(self, nets: SrganNetworks, batch: Batch, progress: Progress) -> Loss:
        x = self.varied(batch)
        error = self.distance(x, nets.generator.pixel(self.degradation(x)))
        return Loss(error, pixel=error)

    def follow(self, nets: SrganNetworks, batch: Batch, progress: Progress) -> None:
        nets.generator.copy()

    def pairs(self, nets: SrganNetworks, batch: Batch, progress: Progress) -> Tensor:
        """Crops and what is made of them at low resolution, (2 n, c, crop, crop)."""
        x = self.varied(batch)
        return torch.cat([x, nets.generator.sharp(self.degradation(x))])

    def discriminator_loss(self, nets: SrganNetworks, batch: Batch, progress: Progress) -> Loss:
        both = drawn(batch)
        if self.layout == "paper":  # real and made ones apart, as its batch norm sees them
            real, fake = (nets.discriminator(part) for part in both.chunk(2))  # (n,) each
        else:
            real, fake = nets.discriminator(both).chunk(2)
        loss = (relativistic_loss if self.relativistic else discriminator_loss)(real, fake).mean()
        return Loss(loss, discriminator=loss, ahead=(real > fake).float().mean())

    def sharp_loss(self, nets: SrganNetworks, batch: Batch, progress: Progress) -> Loss:
        x, made = drawn(batch).chunk(2)
        x = x.detach()  # drawn together with what is made: else gradients would be taken at it as well
        error = self.distance(x, made)
        features = perceptual_distance(nets.features.features, x, made).mean()
        game = self.game(nets, x, made)
        total = self.pixel * error + self.feature * features + self.adversarial * game
        return Loss(total, pixel=error, feature=features, generator=game)

    def game(self, nets: SrganNetworks, x: Tensor, made: Tensor) -> Tensor:
        """The generator's side of it, ()."""
        fake = nets.discriminator(made)
        if not self.relativistic:
            return nonsaturating_loss(fake).mean()
        with torch.no_grad():  # nothing of it leads to the generator
            real = nets.discriminator(x)
        return relativistic_loss(fake, real).mean()

    def crops(self, batch: Batch) -> Tensor:
        """(n, c, crop, crop), upright."""
        size = min(self.crop, batch.x.shape[-1])
        return recoloured(zoomed(batch.x, size)) if self.vary else cropped(batch.x, size)

    def varied(self, batch: Batch) -> Tensor:
        x = self.crops(batch)
        return turned(x, some_quarters(x)) if self.vary else x

    @property
    def degradation(self) -> Degradation:
        return Degradation(self.factor, self.blur, self.noise, self.jpeg)

    @property
    def ways(self) -> tuple[str, ...]:
        return () if self.pixel_share == 1 else ("sharp", "pixel")

    def distance(self, x: Tensor, made: Tensor) -> Tensor:
        """Mean error of a number, ()."""
        return F.l1_loss(made, x) if self.error == "absolute" else F.mse_loss(made, x)

    def translate(self, nets: SrganNetworks, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        """to: the stage, "sharp" (default) or "pixel"."""
        if to not in (None, "sharp", "pixel"):
            raise UserError(f"to {to!r}: srgan enlarges to 'sharp' or to 'pixel'")
        made: Tensor = (nets.generator.pixel if to == "pixel" else nets.generator.sharp)(x)
        return made.clamp(-1, 1)


def some_quarters(x: Tensor) -> Tensor:
    """For `turned`, drawn for every item, (n,)."""
    return torch.randint(4, (len(x),), device=x.device)
