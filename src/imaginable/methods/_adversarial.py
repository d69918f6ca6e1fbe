"""What the adversarial methods share: the pair of players, and the game on a batch of real and fake items."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, Loss
from imaginable.objectives.adversarial import discriminator_loss


class Adversaries(nn.Module):
    """Two players."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator


def draw_fakes(nets: Adversaries, batch: Batch, latents: int) -> Tensor:
    """G(z) with z ~ N(0, I), as many as the batch has items."""
    z = torch.randn(len(batch), latents, device=batch.x.device)
    fakes: Tensor = nets.generator(z)
    return fakes


def drawn(batch: Batch) -> Tensor:
    """The cycle's fakes."""
    assert batch.drawn is not None, "the loop makes them before the first phase"
    return batch.drawn


def tell_apart(nets: Adversaries, batch: Batch) -> Loss:
    """The discriminator's loss on real and fake items in two passes (a shared pass would share batch statistics)."""
    real, fake = nets.discriminator(batch.x), nets.discriminator(drawn(batch))
    loss = discriminator_loss(real, fake).mean()
    return Loss(loss, discriminator=loss, real=torch.sigmoid(real).mean(), fake=torch.sigmoid(fake).mean())
