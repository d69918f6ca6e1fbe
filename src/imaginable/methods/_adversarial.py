"""What the adversarial methods share: the pair of players, and the game on a batch of real and fake items."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.networks.dcgan import DcganDiscriminator, DcganGenerator
from imaginable.networks.mlp import Mlp
from imaginable.nn.augment import Augment
from imaginable.nn.freeze import still
from imaginable.objectives.adversarial import discriminator_loss


class Adversaries(nn.Module):
    """Two players, and what is done to every item before the discriminator sees it.

    The augmentation is no player: nothing in it is learned by descent. Its strength, where it has one, moves with
    the discriminator, in `adjust_augmentation`.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, augment: Augment | None = None) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.augment = augment or Augment("none")


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


def noted(nets: Adversaries, batch: Batch, real: Tensor, made: Tensor, labelled: bool = False) -> dict[str, Tensor]:
    """Tells an adaptive augmentation how training and made items are judged, (n,) each, and judges held-out ones where
    the batch brings them. The terms to log. labelled: whether the discriminator is told classes."""
    if nets.augment.mode != "adaptive":
        return {}
    held_out = None
    if batch.held_out is not None:
        with torch.no_grad(), still(nets.discriminator):
            held_out = judged(nets, batch.held_out, batch.held_out_label if labelled else None)
    nets.augment.note(real, held_out, made)
    return {"strength": nets.augment.strength}


def adjust_augmentation(nets: Adversaries, batch: Batch, progress: Progress) -> None:
    """Moves the strength of an adaptive augmentation by what was noted: `after` of the discriminator's phase."""
    if nets.augment.mode == "adaptive":
        nets.augment.adjust(progress.total)


def tell_apart(nets: Adversaries, batch: Batch) -> Loss:
    """The discriminator's loss on real and fake items in two passes (a shared pass would share batch statistics)."""
    real, fake = judged(nets, batch.x), judged(nets, drawn(batch))
    loss = discriminator_loss(real, fake).mean()
    chances = {"real": torch.sigmoid(real).mean(), "fake": torch.sigmoid(fake).mean()}
    return Loss(loss, discriminator=loss, **chances, **noted(nets, batch, real, fake))


def usual_generator(spec: DataSpec, latents: int, width: int, hidden: list[int]) -> nn.Module:
    """DCGAN's of that width for pictures, fully connected with these hidden layers for points."""
    return DcganGenerator(latents, spec.shape, width) if spec.kind == "images" else Mlp([latents, *hidden], spec.shape)


def usual_critic(spec: DataSpec, width: int, hidden: list[int], normalise: bool = True, bias: bool = True) -> nn.Module:
    """The same for the other player. normalise, bias: as in networks/dcgan.py; points are never normalised."""
    if spec.kind == "images":
        return DcganDiscriminator(spec.shape, width, normalise, bias)
    return nn.Sequential(Mlp([spec.dimensions, *hidden], (1,), bias=bias), nn.Flatten(0))
