"""Inpainting: fills holes in pictures with what fits, by gated convolutions and a critic of patches.

Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution", arXiv:1806.03589 (DeepFill v2).

x is a picture, m its hole (1 = to be filled), x̂ = G(x, m), which sees nothing of x in the hole, and
x̃ = x (1 - m) + x̂ m what is shown.
Averaged over items, C the critic, whose terms are averaged over features and over the places that the hole touches:
    G descends   Σ m | x - x̂ | / Σ m  -  a C(x̃, m)
    C descends   ½ max(0, 1 - C(x, m)) + ½ max(0, 1 + C(x̃, m))
With `refine`, a second network improves x̃ of the first, and both have the first term.

Holes are rectangles and strokes, drawn anew for every picture (nn/holes.py), or come with the data. Pixels outside a
hole are never changed.

Differs from the paper: no contextual attention, dilated convolutions alone reach across the picture; one network
unless `refine` is asked for (`--preset paper`); it corrects a smooth fill (nn/holes.py) where theirs begins with grey;
features are added across the generator, size by size; the error counts in the hole only and by its area, where theirs
counts everywhere; the critic has as many layers as leave 8 x 8 places of a picture (theirs six), and those without a
part in the hole, which are the same in both pictures, do not count.
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
from imaginable.networks.gated import MULTIPLE, GatedGenerator, SpectralPatchCritic
from imaginable.nn.holes import drawn_holes
from imaginable.objectives.adversarial import hinge_discriminator_loss, hinge_generator_loss


class InpaintingNetworks(nn.Module):
    def __init__(self, generator: GatedGenerator, critic: SpectralPatchCritic) -> None:
        super().__init__()
        self.generator = generator
        self.critic = critic


@final
@dataclass(frozen=True)
class Inpainting(Method[InpaintingNetworks]):
    """Inpainting with gated convolutions (Yu et al. 2019)."""

    paper = "Yu et al. 2019, Free-Form Image Inpainting with Gated Convolution, arXiv:1806.03589"
    consumes = frozenset({"images"})
    averaged = ("generator",)
    sizes = Sizes(least=32, most=512, step=MULTIPLE)
    task: ClassVar[Literal["inpaint"]] = "inpaint"
    multiple: ClassVar[int] = MULTIPLE
    presets: ClassVar = {
        "small": {"width": 12, "judge_width": 16, "dilations": 3, "lr": 1e-3, "judge_lr": 1e-3},
        "base": {},
        "paper": {"width": 24, "refine": True, "dilations": 4, "judge_width": 64, "adversarial": 1.0, "lr": 1e-4},
    }

    holes: Literal["both", "rectangles", "strokes"] = "both"
    """what is drawn to be filled; unused where the data brings masks"""
    adversarial: float = 0.1
    """weight of the critic's term: more is crisper and further from the truth; 0 leaves out the critic"""
    adversarial_from: float = 0.2
    """the critic plays from this fraction of the run"""
    width: int = 24
    """channels of the generator beside the picture; four times as many inside"""
    dilations: int = 3
    """of its convolutions that reach further and further, up to four: 2, 4, 8 and 16 quarters of the size"""
    refine: bool = False
    """a second network improves what the first made: about twice the work"""
    judge_width: int = 32
    """channels of the critic beside the picture; up to four times as many inside"""
    lr: float = 5e-4
    """Adam's learning rate of the generator"""
    judge_lr: float = 5e-4
    """and of the critic"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> InpaintingNetworks:
        if not 0 <= self.dilations <= 4:
            raise UserError(f"--dilations {self.dilations}: must be from 0 to 4")
        channels, size, _ = spec.shape
        layers = max(2, min(6, size.bit_length() - 4))  # 32: 2, 64: 3, 128: 4, 256: 5, then the paper's 6
        widths = [self.judge_width * min(2**layer, 4) for layer in range(layers)]
        generator = GatedGenerator(channels, self.width, self.dilations, self.refine)
        return InpaintingNetworks(generator, SpectralPatchCritic(channels, widths))

    def optimizers(self) -> dict[str, Optimizer]:
        schedule = Schedule("cosine", decay_from=0.5, warmup=0.02)
        return {
            "generator": Adam(self.lr, betas=(0.5, 0.99), schedule=schedule),
            "critic": Adam(self.judge_lr, betas=(0.5, 0.99), schedule=schedule),
        }

    def phases(self) -> tuple[Phase[InpaintingNetworks], ...]:
        generator = Phase("generator", self.generator_loss, draw=self.fillings)
        if not self.adversarial:
            return (generator,)
        return generator, Phase("critic", self.critic_loss, start=self.adversarial_from)

    def fillings(self, nets: InpaintingNetworks, batch: Batch, progress: Progress) -> Tensor:
        """What each stage made, and the holes, (n, stages · c + 1, h, w): made once a cycle for both players."""
        hole = batch.hole
        if hole is None:
            n, _, height, width = batch.x.shape
            hole = drawn_holes(n, height, width, self.holes, batch.x.device)
        return torch.cat([*nets.generator(batch.x, hole), hole], dim=1)

    def generator_loss(self, nets: InpaintingNetworks, batch: Batch, progress: Progress) -> Loss:
        made, hole = apart(batch)
        errors = [error_in(hole, batch.x, one).mean() for one in made]
        total, terms = torch.stack(errors).sum(), {"error": errors[-1]}
        if self.adversarial and progress.fraction >= self.adversarial_from:
            answers = nets.critic(filled(batch.x, made[-1], hole), hole)
            terms["generator"] = where_touched(hole, hinge_generator_loss(answers)).mean()
            total = total + self.adversarial * terms["generator"]
        return Loss(total, **terms)

    def critic_loss(self, nets: InpaintingNetworks, batch: Batch, progress: Progress) -> Loss:
        made, hole = apart(batch)
        real, fake = nets.critic(batch.x, hole), nets.critic(filled(batch.x, made[-1], hole), hole)
        loss = where_touched(hole, hinge_discriminator_loss(real, fake)).mean()
        means = {"real": where_touched(hole, real).mean(), "fake": where_touched(hole, fake).mean()}
        return Loss(loss, critic=loss, **means)

    def translate(
        self, nets: InpaintingNetworks, x: Tensor, hole: Tensor | None = None, to: str | None = None
    ) -> Tensor:
        if hole is None:
            raise UserError("inpainting must be told what to fill: a mask for every picture, white = fill")
        hole = (hole > 0.5).to(x.dtype)
        return filled(x, nets.generator(x, hole)[-1].clamp(-1, 1), hole)


def filled(x: Tensor, made: Tensor, hole: Tensor) -> Tensor:
    """x, and `made` in the hole: all else is x to the last bit."""
    return torch.where(hole > 0.5, made, x)


def error_in(hole: Tensor, x: Tensor, made: Tensor) -> Tensor:
    """Mean absolute error of a number in each item's hole, (n,); 0 for an item without one."""
    off = ((x - made).abs() * hole).flatten(1).sum(1)
    return off / (hole.flatten(1).sum(1) * x.shape[1]).clamp(min=1)


def where_touched(hole: Tensor, terms: Tensor) -> Tensor:
    """Mean of (n, features, h', w') over features and the places whose part of the picture is not all known, (n,)."""
    touched = F.adaptive_max_pool2d(hole, terms.shape[-2:])[:, 0]  # (n, h', w')
    return (terms.mean(1) * touched).flatten(1).sum(1) / touched.flatten(1).sum(1).clamp(min=1)


def apart(batch: Batch) -> tuple[list[Tensor], Tensor]:
    """What each stage made (n, c, h, w), and the holes (n, 1, h, w), out of the cycle's fillings."""
    together, channels = drawn(batch), batch.x.shape[1]
    *made, hole = together.split(channels, dim=1)
    return made, hole
