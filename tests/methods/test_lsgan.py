"""LSGAN's losses at points where they are known, and what its gradient does far from the boundary."""

import pytest
import torch
from torch import nn

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._adversarial import Adversaries
from imaginable.methods.lsgan import Lsgan
from imaginable.networks.dcgan import DcganDiscriminator, DcganGenerator

NOW = Progress(0, 100, 0)


def game(answer: float) -> tuple[Adversaries, Batch]:
    """A discriminator that answers the same whatever it sees."""
    says = nn.Linear(2, 1)
    nn.init.zeros_(says.weight)
    nn.init.constant_(says.bias, answer)
    nets = Adversaries(nn.Identity(), nn.Sequential(says, nn.Flatten(0)))
    return nets, Batch(torch.randn(4, 2), drawn=torch.randn(4, 2))


@pytest.mark.parametrize(
    ("answer", "discriminator", "generator"),
    [(0.0, 0.5, 0.5), (0.5, 0.25, 0.125), (1.0, 0.5, 0.0), (3.0, 6.5, 2.0)],
)
def test_losses_where_the_discriminator_always_answers_the_same(
    answer: float, discriminator: float, generator: float
) -> None:
    nets, batch = game(answer)
    assert Lsgan().discriminator_loss(nets, batch, NOW).total.item() == pytest.approx(discriminator)
    assert Lsgan().generator_loss(nets, batch, NOW).total.item() == pytest.approx(generator)


def test_a_fake_beyond_the_real_ones_is_pulled_back() -> None:
    for answer, direction in ((3.0, 1.0), (-3.0, -1.0)):
        nets, batch = game(answer)
        Lsgan().generator_loss(nets, batch, NOW).total.backward()
        (bias,) = (value for name, value in nets.discriminator.named_parameters() if name.endswith("bias"))
        assert bias.grad is not None
        assert float(bias.grad) == pytest.approx(answer - 1)  # in proportion to the distance from 1
        assert float(bias.grad) * direction > 0


def test_pictures_get_dcgans_networks_with_batch_norm_in_both() -> None:
    nets = Lsgan(width=4, latents=6).networks(DataSpec("images", (3, 32, 32)), {})
    assert isinstance(nets.generator, DcganGenerator)
    assert isinstance(nets.discriminator, DcganDiscriminator)
    for player in (nets.generator, nets.discriminator):
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in player.modules())


def test_both_players_see_the_same_fakes() -> None:
    drawing = [phase.player for phase in Lsgan().phases() if phase.draw]
    assert drawing == ["generator"]
