"""What the style-based methods share: fakes of mixed styles, the average that truncation goes to, the game with R1."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, Loss
from imaginable.methods._adversarial import Adversaries, drawn, judged, noted
from imaginable.methods._of_classes import fake_classes
from imaginable.nn.augment import Augment
from imaginable.objectives.adversarial import discriminator_loss, nonsaturating_loss
from imaginable.objectives.penalties import squared_gradient_norm

AVERAGED = 0.005
"""share of the newest batch in the running mean of w; the authors' code"""


class StyleGenerator(Protocol):
    """average: a buffer, (styles,), the running mean of w."""

    average: Tensor

    def map(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """(n, latents) -> codes of all layers, (n, layers, styles)."""


class StyleAdversaries(Adversaries):
    """Two players that know so many classes."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, augment: Augment, classes: int) -> None:
        super().__init__(generator, discriminator, augment)
        self.classes = classes

    def told(self, label: Tensor | None) -> Tensor | None:
        """What the discriminator is told of the label: nothing where it knows no classes."""
        return label if self.classes else None


def styles_of(generator: StyleGenerator, batch: Batch, latents: int, classes: int, mixing: float) -> Tensor:
    """Codes of as many fakes as the batch has items, (n, layers, styles), of its classes; moves the average.

    mixing: share of them whose later layers, from a random one on, have the code of another z (Karras et al. 2019,
    arXiv:1812.04948, section 3.1), so that layers do not rely on each other's. For the generator's phase.
    """
    n, label = len(batch), fake_classes(batch, classes)
    w = generator.map(torch.randn(n, latents, device=batch.x.device), label)
    with torch.no_grad():
        generator.average.lerp_(w[:, 0].float().mean(0), AVERAGED)
    if not mixing:
        return w
    other = generator.map(torch.randn(n, latents, device=batch.x.device), label)
    return mixed(w, other, crossings(n, w.shape[1], mixing).to(w.device))


def crossings(n: int, layers: int, share: float) -> Tensor:
    """The first layer of each item's other code, (n,): 1 to layers - 1 for this share of them, and no layer else."""
    crossing = torch.randint(1, layers, (n,))
    return torch.where(torch.rand(n) < share, crossing, layers)


def mixed(w: Tensor, other: Tensor, crossing: Tensor) -> Tensor:
    """Codes (n, layers, styles) of w before the crossing (n,), and of the other from it on."""
    before = torch.arange(w.shape[1], device=w.device) < crossing[:, None]
    return torch.where(before[..., None], w, other)


def told_apart(nets: StyleAdversaries, batch: Batch) -> Loss:
    """-log D(x) - log(1 - D(G(z))), on the cycle's fakes, which are of the batch's classes."""
    label = nets.told(batch.label)
    real, fake = judged(nets, batch.x, label), judged(nets, drawn(batch), label)
    loss = discriminator_loss(real, fake).mean()
    chances = {"real": torch.sigmoid(real).mean(), "fake": torch.sigmoid(fake).mean()}
    return Loss(loss, discriminator=loss, **chances, **noted(nets, batch, real, fake, labelled=nets.classes > 0))


def slope(nets: StyleAdversaries, batch: Batch, gamma: float) -> Loss:
    """γ/2 ‖∇ D(x)‖² at real items: R1."""
    r1 = squared_gradient_norm(lambda x: judged(nets, x, nets.told(batch.label)), batch.x).mean()
    return Loss(gamma / 2 * r1, r1=r1)


def fooled(nets: StyleAdversaries, batch: Batch) -> Loss:
    """-log D(G(z))."""
    loss = nonsaturating_loss(judged(nets, drawn(batch), nets.told(batch.label))).mean()
    return Loss(loss, generator=loss)
