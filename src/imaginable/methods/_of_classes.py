"""What the class-conditional adversarial methods share: which classes are asked for, and the hinge game with them."""

from __future__ import annotations

import torch
from torch import Tensor

from imaginable.core.types import Batch, Loss
from imaginable.methods._adversarial import Adversaries, draw_fakes, judged, noted
from imaginable.objectives.adversarial import hinge_discriminator_loss, hinge_generator_loss


def fake_classes(batch: Batch, classes: int) -> Tensor | None:
    """Of as many fakes as the batch has items: those of the items, a random one where it is unknown. (n,) or None.

    So fakes of a class are as frequent as items of it, and being frequent says nothing about being real.
    """
    if not classes:
        return None
    random = torch.randint(classes, (len(batch),), device=batch.x.device)
    return random if batch.label is None else torch.where(batch.label < 0, random, batch.label)


def told_apart(nets: Adversaries, batch: Batch, latents: int) -> Loss:
    """The discriminator's hinge loss, max(0, 1 - D(x, y)) + max(0, 1 + D(G(z, y), y)), on fakes of this step's own."""
    label = fake_classes(batch, _classes(nets))
    with torch.no_grad():
        made = draw_fakes(nets, batch, latents, label)
    real, fake = judged(nets, batch.x, batch.label), judged(nets, made, label)
    loss = 2 * hinge_discriminator_loss(real, fake).mean()  # the papers' is not halved
    return Loss(
        loss, discriminator=loss, real=real.mean(), fake=fake.mean(), **noted(nets, batch, real, fake, labelled=True)
    )


def fooled(nets: Adversaries, batch: Batch, latents: int) -> Tensor:
    """The generator's side, -D(G(z, y), y), averaged over fakes of its own."""
    label = fake_classes(batch, _classes(nets))
    return hinge_generator_loss(judged(nets, draw_fakes(nets, batch, latents, label), label)).mean()


def _classes(nets: Adversaries) -> int:
    """How many the generator was told of."""
    classes = nets.generator.classes
    assert isinstance(classes, int)
    return classes
