"""CycleGAN: from pictures of one kind to another and back, learned from two heaps without pairs.

Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", arXiv:1703.10593.

Objective (equations 1 to 3 with the least squares of section 4, and the identity term of section 5.2), averaged over
items; a of A, b of B, G: A → B, F: B → A, and a critic for each kind:
    generators  descend  (D_B(G(a)) - 1)² + (D_A(F(b)) - 1)²
                         + λ [ mean |F(G(a)) - a| + mean |G(F(b)) - b| ]
                         + i λ [ mean |G(b) - b| + mean |F(a) - a| ]
    critics     descend  ½ [ (D_B(b) - 1)² + D_B(b̂)² ] + ½ [ (D_A(a) - 1)² + D_A(â)² ]
b̂ and â come from pools of the last 50 pictures that were made (nn/pool.py).

Nothing says what belongs to what but that the way back leads home. So it changes colours and textures, and seldom
shapes; and what the way back needs may be hidden in the picture, invisibly (Chu et al. 2017, arXiv:1712.02950).

Differs from the paper: group norm in the critics for instance norm, patches of about half the picture (70 pixels from
128 on, as in the paper), fewer residual blocks, enlarging kernels of four pixels for three (`--preset paper`: the
published layers). The two generators step together, as there, and so do the critics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar, final

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
from imaginable.nn.pool import Pool
from imaginable.objectives.adversarial import least_squares_discriminator_loss, least_squares_generator_loss

M = TypeVar("M", bound=nn.Module)


class Both(nn.Module, Generic[M]):
    """One module for each kind: what makes pictures of A and of B, judges them, or keeps them."""

    def __init__(self, a: M, b: M) -> None:
        super().__init__()
        self.a = a
        self.b = b


class CycleGanNetworks(nn.Module):
    """Two players of two networks each. The pools are none: nothing in them is learned."""

    def __init__(self, generators: Both[Translator], critics: Both[PatchCritic], pools: Both[Pool]) -> None:
        super().__init__()
        self.generators = generators
        self.critics = critics
        self.pools = pools


@final
@dataclass(frozen=True)
class CycleGan(Method[CycleGanNetworks]):
    """CycleGAN, translation learned without pairs (Zhu et al. 2017)."""

    paper = "Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Networks, arXiv:1703.10593"
    consumes = frozenset({"domains"})
    averaged = ("generators",)
    sizes = Sizes(least=16, most=512)
    task: ClassVar[Literal["translate", "upscale", "inpaint"]] = "translate"
    multiple: ClassVar[int] = 4
    presets: ClassVar = {
        "small": {"width": 32, "blocks": 4},
        "base": {},
        "paper": {"blocks": 9, "published": True},
    }

    width: int = 64
    """channels beside the picture, of generators and critics"""
    blocks: int = 6
    """residual blocks of each generator (the paper: 6 for pictures of 128 pixels, 9 from 256 on)"""
    published: bool = False
    """layers with the shapes of the published weights"""
    cycle: float = 10.0
    """λ, the weight of the error of the way there and back, pixels in [-1, 1]"""
    identity: float = 0.5
    """i, times λ the weight of the change to a picture that is of the wanted kind already; 0 lets colours wander"""
    pool: int = 50
    """made pictures of each kind that are kept for the critics; 0 for the newest only"""
    lr: float = 2e-4
    """Adam's learning rate, of both players"""
    beta1: float = 0.5
    """Adam's first beta"""

    @property
    def ways(self) -> tuple[str, ...]:
        return "b", "a"

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> CycleGanNetworks:
        assert spec.target_shape is not None, "domains have one"
        (a, size, _), (b, _, _) = spec.shape, spec.target_shape
        if self.identity and a != b:
            raise UserError(f"--identity {self.identity}: A has {a} channels and B has {b}; use --colour rgb")
        levels, layout = levels_for(size), "cyclegan" if self.published else "ours"
        ways = [Translator(one, two, self.width, self.blocks, self.published) for one, two in ((b, a), (a, b))]
        critics = [PatchCritic(one, self.width, levels, layout) for one in (a, b)]  # type: ignore[arg-type]
        pools = [Pool(self.pool, shape) for shape in (spec.shape, spec.target_shape)]
        return CycleGanNetworks(Both(*ways), Both(*critics), Both(*pools))

    def optimizers(self) -> dict[str, Optimizer]:
        adam = Adam(self.lr, betas=(self.beta1, 0.999), schedule=Schedule("linear", decay_from=0.5))
        return {"generators": adam, "critics": adam}

    def phases(self) -> tuple[Phase[CycleGanNetworks], ...]:
        return (
            Phase("generators", self.generators_loss, draw=self.translations),
            Phase("critics", self.critics_loss, after=self.keep),
        )

    def translations(self, nets: CycleGanNetworks, batch: Batch, progress: Progress) -> Tensor:
        """F(b), G(a) and, where they are to be left alone, F(a), G(b): one behind the other in (n, channels, h, w).

        Made once a cycle for both players, and each generator's in one pass, which is quicker than two.
        """
        a, b, to_a, to_b = batch.x, other(batch), nets.generators.a, nets.generators.b
        if not self.identity:
            return torch.cat([to_a(b), to_b(a)], dim=1)
        made_a, same_a = to_a(torch.cat([b, a])).chunk(2)
        made_b, same_b = to_b(torch.cat([a, b])).chunk(2)
        return torch.cat([made_a, made_b, same_a, same_b], dim=1)

    def generators_loss(self, nets: CycleGanNetworks, batch: Batch, progress: Progress) -> Loss:
        a, b, (made_a, made_b, *same) = batch.x, other(batch), made(batch)
        deceive = deceiving(nets.critics.a(made_a)) + deceiving(nets.critics.b(made_b))
        cycle = F.l1_loss(nets.generators.a(made_b), a) + F.l1_loss(nets.generators.b(made_a), b)
        terms = {"generators": deceive, "cycle": cycle}
        total = deceive + self.cycle * cycle
        if same:
            terms["identity"] = F.l1_loss(same[0], a) + F.l1_loss(same[1], b)
            total = total + self.identity * self.cycle * terms["identity"]
        return Loss(total, **terms)

    def critics_loss(self, nets: CycleGanNetworks, batch: Batch, progress: Progress) -> Loss:
        made_a, made_b = made(batch)[:2]
        real_a, real_b = nets.critics.a(batch.x), nets.critics.b(other(batch))  # (n, h', w') each
        fake_a = nets.critics.a(nets.pools.a.mixed(made_a))
        fake_b = nets.critics.b(nets.pools.b.mixed(made_b))
        loss_a = least_squares_discriminator_loss(real_a, fake_a).mean()
        loss_b = least_squares_discriminator_loss(real_b, fake_b).mean()
        real, fake = (real_a.mean() + real_b.mean()) / 2, (fake_a.mean() + fake_b.mean()) / 2
        return Loss(loss_a + loss_b, critics=loss_a + loss_b, real=real, fake=fake)

    def keep(self, nets: CycleGanNetworks, batch: Batch, progress: Progress) -> None:
        nets.pools.a.keep()
        nets.pools.b.keep()

    def translate(self, nets: CycleGanNetworks, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        if to not in (None, "a", "b"):
            raise UserError(f"--to {to}: a or b was expected")
        y: Tensor = nets.generators.get_submodule(to or "b")(x)
        return y


def deceiving(logits: Tensor) -> Tensor:
    """mean (D - 1)²: the paper halves the critics' side alone."""
    return 2 * least_squares_generator_loss(logits).mean()


def other(batch: Batch) -> Tensor:
    """The batch's pictures of B, (n, c, h, w)."""
    assert batch.y is not None, "domains have them"
    return batch.y


def made(batch: Batch) -> tuple[Tensor, ...]:
    """F(b) and G(a) of this cycle, and F(a) and G(b) if they were made, (n, c, h, w) each."""
    both = [batch.x.shape[1], other(batch).shape[1]]
    return drawn(batch).split(both * (drawn(batch).shape[1] // sum(both)), dim=1)
