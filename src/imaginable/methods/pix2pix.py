"""pix2pix: from a picture to its partner, learned from pairs.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", arXiv:1611.07004.

Objective (equations 3 and 4), averaged over items; x a picture, y its partner, the critic D sees both side by side and
says of every patch whether y is real:
    critic     descends  ½ [ - log D(x, y) - log(1 - D(x, G(x))) ]
    generator  descends  a · - log D(x, G(x))  +  λ · mean |y - G(x)|
The second term alone gives the median of all partners a picture might have, which is blurred; the first wants one of
them. `--adversarial 0` is the second alone.

Differs from the paper: no noise at use, where the paper leaves the dropout on and takes batch statistics; so the same
picture always gives the same. Its batch norm on batches of one picture is written as what it is, instance norm, and by
default it is group norm, which works alike for batches of any size. The U-Net has as many levels as the picture can be
halved, and the critic's patches are about half the picture (70 pixels from 128 on, as in the paper). The learning rate
falls to 0 over the second half, as in the authors' later code. Pairs are moved by whole pixels where the paper enlarges
them and cuts an eighth off: sharp edges stay sharp. (`--flip` mirrors both of a pair.)
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
from imaginable.networks.patch_critic import PatchCritic, levels_for
from imaginable.networks.translator import Translator
from imaginable.networks.unet import UNet
from imaginable.nn.moved import moved
from imaginable.objectives.adversarial import discriminator_loss, nonsaturating_loss

LEAST = 8
"""pixels on a side that are translated: norms need more than one at the bottom"""


class Pix2PixNetworks(nn.Module):
    def __init__(self, generator: UNet | Translator, critic: PatchCritic) -> None:
        super().__init__()
        self.generator = generator
        self.critic = critic


@final
@dataclass(frozen=True)
class Pix2Pix(Method[Pix2PixNetworks]):
    """pix2pix, translation learned from pairs (Isola et al. 2017)."""

    paper = "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, arXiv:1611.07004"
    consumes = frozenset({"pairs"})
    averaged = ("generator",)
    sizes = Sizes(least=16, most=512, powers=True)
    task: ClassVar[Literal["translate", "upscale", "inpaint"]] = "translate"
    multiple: ClassVar[int] = 1  # `translate` brings any size up to one that the U-Net halves evenly
    presets: ClassVar = {
        "small": {"width": 32},
        "base": {},
        "paper": {"norm": "instance"},
    }

    network: Literal["unet", "residual"] = "unet"
    """the generator: the paper's U-Net, or CycleGAN's residual one, which works at a quarter of the size, keeps shapes,
    and has far fewer parameters to learn few pairs by heart with"""
    blocks: int = 6
    """residual blocks of the latter"""
    width: int = 64
    """channels beside the picture, of generator and critic; doubled at every halving of the size, up to eight times"""
    norm: Literal["group", "instance"] = "group"
    """of the generator: group, or the paper's batch norm of one picture, and with it the critic's published shapes"""
    dropout: float = 0.5
    """share of units dropped in the generator's three lowest layers of the way up, while training"""
    adversarial: float = 1.0
    """a, the weight of the critic's term; 0 for no critic: the absolute error alone"""
    absolute: float = 100.0
    """λ, the weight of the mean absolute error, pixels in [-1, 1]"""
    shift: float = 0.1
    """both of a pair are moved alike, at random and by up to this share of their size; edges are repeated"""
    lr: float = 2e-4
    """Adam's learning rate, of both players"""
    beta1: float = 0.5
    """Adam's first beta"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Pix2PixNetworks:
        assert spec.target_shape is not None, "pairs have one"
        channels, size, _ = spec.shape
        target = spec.target_shape[0]
        levels, layout = size.bit_length() - 1, "pix2pix" if self.norm == "instance" else "ours"
        return Pix2PixNetworks(
            self._generator(channels, target, min(levels, 8)),
            PatchCritic(channels + target, self.width, levels_for(size), layout),  # type: ignore[arg-type]
        )

    def _generator(self, channels: int, target: int, levels: int) -> UNet | Translator:
        if self.network == "residual":
            return Translator(channels, target, self.width, self.blocks)
        return UNet(channels, target, self.width, levels, self.dropout, self.norm)

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(self.beta1, 0.999), schedule=Schedule("linear", decay_from=0.5))
        return dict.fromkeys(("critic", "generator") if self.adversarial else ("generator",), adam)

    def phases(self) -> tuple[Phase[Pix2PixNetworks], ...]:
        generator = Phase("generator", self.generator_loss, draw=self.translations)
        return (Phase("critic", self.critic_loss), generator) if self.adversarial else (generator,)

    def translations(self, nets: Pix2PixNetworks, batch: Batch, progress: Progress) -> Tensor:
        """x, y and G(x), (n, channels, h, w), the pair moved alike: made once a cycle for both players."""
        pair = moved(torch.cat([batch.x, partners(batch)], dim=1), round(self.shift * batch.x.shape[-1]))
        made: Tensor = nets.generator(pair[:, : batch.x.shape[1]].contiguous(memory_format=torch.channels_last))
        return torch.cat([pair, made], dim=1)

    def critic_loss(self, nets: Pix2PixNetworks, batch: Batch, progress: Progress) -> Loss:
        x, y, made = apart(batch)
        real, fake = judged(nets, x, y), judged(nets, x, made)  # (n, h', w') each
        loss = 0.5 * discriminator_loss(real, fake).mean()
        return Loss(loss, critic=loss, real=torch.sigmoid(real).mean(), fake=torch.sigmoid(fake).mean())

    def generator_loss(self, nets: Pix2PixNetworks, batch: Batch, progress: Progress) -> Loss:
        x, y, made = apart(batch)
        absolute = F.l1_loss(made, y)
        if not self.adversarial:
            return Loss(self.absolute * absolute, absolute=absolute)
        deceive = nonsaturating_loss(judged(nets, x, made)).mean()
        return Loss(self.adversarial * deceive + self.absolute * absolute, absolute=absolute, generator=deceive)

    def translate(self, nets: Pix2PixNetworks, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        if to not in (None, "b"):
            raise UserError(f"--to {to}: pix2pix learned the way from A to B only (cyclegan learns both)")
        height, width = x.shape[2:]
        below, right = (max(side + -side % nets.generator.multiple, LEAST) - side for side in (height, width))
        more = (0, right, 0, below)
        made: Tensor = nets.generator(F.pad(x, more, mode="replicate") if any(more) else x)
        return made[..., :height, :width]


def judged(nets: Pix2PixNetworks, x: Tensor, y: Tensor) -> Tensor:
    """The critic's logits of each patch of y as a partner of x, (n, h', w')."""
    logits: Tensor = nets.critic(torch.cat([x, y], dim=1))
    return logits


def partners(batch: Batch) -> Tensor:
    """y, (n, c, h, w)."""
    assert batch.y is not None, "pairs have them"
    return batch.y


def apart(batch: Batch) -> tuple[Tensor, ...]:
    """x, y and G(x) of this cycle, (n, c, h, w) each."""
    target = partners(batch).shape[1]
    return drawn(batch).split([batch.x.shape[1], target, target], dim=1)
