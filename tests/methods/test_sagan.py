"""What SAGAN adds to SNGAN: attention and spectral normalisation in both players, and two learning rates."""

from __future__ import annotations

from torch import nn

from imaginable.core.types import DataSpec
from imaginable.methods._adversarial import Adversaries
from imaginable.methods.sagan import Sagan
from imaginable.nn.attention import SelfAttention
from imaginable.nn.spectral import SpectralNormalisation


def built() -> Adversaries:
    return Sagan(latents=4, width=8).networks(DataSpec("images", (3, 32, 32), classes=("a", "b"), count=10), {})


def test_both_players_attend_once_and_begin_without() -> None:
    nets = built()
    for player in (nets.generator, nets.discriminator):
        (block,) = (module for module in player.modules() if isinstance(module, SelfAttention))
        assert block.gamma.item() == 0


def test_every_convolution_and_linear_layer_of_both_players_is_normalised() -> None:
    nets = built()
    layers = [module for module in nets.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert len(layers) > 20
    for layer in layers:
        assert any(isinstance(module, SpectralNormalisation) for module in layer.modules())


def test_one_step_each_and_the_discriminator_at_four_times_the_rate() -> None:
    method = Sagan()
    assert [(phase.player, phase.repeat, phase.every) for phase in method.phases()] == [
        ("discriminator", 1, 1),
        ("generator", 1, 1),
    ]
    rules = method.optimizers()
    assert (rules["generator"].lr, rules["discriminator"].lr) == (1e-4, 4e-4)
    assert {rule.betas for rule in rules.values()} == {(0.0, 0.9)}  # type: ignore[union-attr]
