"""The two forms of the generator's objective, and the game's value."""

import math

import pytest
import torch

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._adversarial import Adversaries
from imaginable.methods.gan import Gan

NOW = Progress(0, 100, 0)


def game(logit: float, **fields: object) -> tuple[Gan, Adversaries, Batch]:
    """A discriminator that answers `logit` whatever it sees."""
    method = Gan(latents=2, hidden=4, **fields)  # type: ignore[arg-type]
    nets = method.networks(DataSpec("points", (2,)), {})
    with torch.no_grad():
        for parameter in nets.discriminator.parameters():
            parameter.zero_()
        list(nets.discriminator.parameters())[-1].fill_(logit)
    return method, nets, Batch(torch.zeros(5, 2), drawn=torch.ones(5, 2))


def test_an_undecided_discriminator_pays_log_four() -> None:
    method, nets, batch = game(0.0)
    assert method.discriminator_loss(nets, batch, NOW).total.item() == pytest.approx(math.log(4), rel=1e-6)


@pytest.mark.parametrize("logit", [-3.0, 0.0, 2.0])
def test_both_objectives_are_the_papers(logit: float) -> None:
    probability = 1 / (1 + math.exp(-logit))
    for objective, expected in (("non-saturating", -math.log(probability)), ("minimax", math.log(1 - probability))):
        method, nets, batch = game(logit, objective=objective)
        assert method.generator_loss(nets, batch, NOW).total.item() == pytest.approx(expected, rel=1e-5)


def test_minimax_vanishes_where_the_discriminator_wins_and_the_other_form_does_not() -> None:
    slopes = {}
    for objective in ("non-saturating", "minimax"):
        method, nets, batch = game(-10.0, objective=objective)
        bias = list(nets.discriminator.parameters())[-1]
        method.generator_loss(nets, batch, NOW).total.backward()
        assert bias.grad is not None
        slopes[objective] = abs(float(bias.grad.sum()))
    assert slopes["minimax"] < 1e-4
    assert slopes["non-saturating"] > 0.9
