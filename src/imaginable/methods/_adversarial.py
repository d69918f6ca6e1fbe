"""What the adversarial methods share: the pair of players, and the game on a batch of real and fake items."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, Loss
from imaginable.objectives.adversarial import discriminator_loss


class Adversaries(nn.Module):
    """Two players, and what is done to every item before the discriminator sees it (no player; may hold a strength)."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, augment: nn.Module | None = None) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.augment = augment or nn.Identity()


def generated(nets: Adversaries, z: Tensor, label: Tensor | None = None) -> Tensor:
    """G(z) or G(z, label): networks that know no classes are not told any."""
    x: Tensor = nets.generator(z) if label is None else nets.generator(z, label)
    return x


def judged(nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
    """Logits (n,) of items as the discriminator sees them, augmented."""
    return opinion(nets, nets.augment(x), label)


def opinion(nets: Adversaries, x: Tensor, label: Tensor | None = None) -> Tensor:
    """The discriminator's logits (n,) of items as they are."""
    logits: Tensor = nets.discriminator(x) if label is None else nets.discriminator(x, label)
    return logits


def draw_fakes(nets: Adversaries, batch: Batch, latents: int, label: Tensor | None = None) -> Tensor:
    """G(z) with z ~ N(0, I), as many as the batch has items; of its classes where they are given."""
    z = torch.randn(len(batch), latents, device=batch.x.device)
    return generated(nets, z, label)


def drawn(batch: Batch) -> Tensor:
    """The cycle's fakes."""
    assert batch.drawn is not None, "the loop makes them before the first phase"
    return batch.drawn


def tell_apart(nets: Adversaries, batch: Batch) -> Loss:
    """The discriminator's loss on real and fake items in two passes (a shared pass would share batch statistics)."""
    real, fake = judged(nets, batch.x), judged(nets, drawn(batch))
    loss = discriminator_loss(real, fake).mean()
    return Loss(loss, discriminator=loss, real=torch.sigmoid(real).mean(), fake=torch.sigmoid(fake).mean())
