"""The WGAN's critic: clipped weights, several steps, and a loss that is a distance."""

from pathlib import Path

import pytest
import torch
from torch import nn

from imaginable.core.optimizers import RMSprop
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.data.dataset import DataOptions
from imaginable.methods._adversarial import Adversaries
from imaginable.methods.wgan import Wgan
from imaginable.nn.freeze import Players
from imaginable.training.job import Job, Training
from imaginable.training.state import State

NOW = Progress(0, 100, 0)
PICTURES = DataSpec("images", (3, 32, 32))
POINTS = DataSpec("points", (2,))


class Shift(nn.Module):
    """z plus 10."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + 10


class First(nn.Module):
    """D(x) is the first number of x."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0]


def test_the_losses_are_differences_of_the_critics_means() -> None:
    nets = Adversaries(Shift(), First())
    batch = Batch(torch.full((4000, 2), 3.0))
    torch.manual_seed(0)
    loss = Wgan(latents=2).critic_loss(nets, batch, NOW)
    within = 5 / 4000**0.5  # five standard errors of a mean of z ~ N(0, 1)
    assert loss.total.item() == pytest.approx(10 - 3, abs=within)
    assert loss.terms["distance"].item() == -loss.total.item()
    assert Wgan(latents=2).generator_loss(nets, batch, NOW).total.item() == pytest.approx(-10, abs=within)


@pytest.mark.parametrize("spec", [PICTURES, POINTS], ids=["pictures", "points"])
def test_clipping_holds_every_weight_of_the_critic_and_none_of_the_generator(spec: DataSpec) -> None:
    method = Wgan(width=4, latents=6, hidden=16, clip=0.003)
    nets = method.networks(spec, {})
    generator = [parameter.detach().clone() for parameter in nets.generator.parameters()]
    inside = [parameter.detach().clone() for parameter in nets.discriminator.parameters()]
    with torch.no_grad():
        method.clip_weights(nets, Batch(torch.zeros(1, *spec.shape)), NOW)
    for parameter, was in zip(nets.discriminator.parameters(), inside, strict=True):
        torch.testing.assert_close(parameter.detach(), was.clamp(-0.003, 0.003))
    assert max(float(parameter.detach().abs().max()) for parameter in nets.discriminator.parameters()) == pytest.approx(
        0.003
    )
    for parameter, before in zip(nets.generator.parameters(), generator, strict=True):
        assert torch.equal(parameter, before)


def test_algorithm_1_and_its_constants() -> None:
    method = Wgan()
    critic, generator = method.phases()
    assert (critic.player, critic.repeat, generator.player, generator.repeat) == ("discriminator", 5, "generator", 1)
    assert critic.draw is None, "every step draws fakes of its own"
    assert generator.draw is None
    assert method.clip == 0.01
    assert method.optimizers() == {"discriminator": RMSprop(5e-5), "generator": RMSprop(5e-5)}


def test_every_critic_step_sees_fresh_items_both_real_and_made(tmp_path: Path) -> None:
    class Feed:
        def batch(self, seen: int) -> Batch:
            return Batch(torch.full((8, 2), float(seen)))

    method = Wgan(latents=3, hidden=4)
    state = State(Job(method, DataOptions("memory"), Training(batch=8, precision="float32"), str(tmp_path)), POINTS)
    sums: list[float] = []
    judge = state.networks.discriminator
    judge.register_forward_hook(lambda module, inputs, out: sums.append(float(inputs[0].detach().sum())))  # type: ignore[operator]
    state.cycle(Feed(), 1000)  # type: ignore[arg-type]
    assert state.seen == 5 * 8
    assert sums[0:10:2] == [16.0 * start for start in (0, 8, 16, 24, 32)], "the real ones"
    made = [*sums[1:10:2], sums[10]]
    assert len(set(made)) == 6, "five for the critic, and the generator's own"
    assert max(float(parameter.detach().abs().max()) for parameter in judge.parameters()) <= method.clip  # type: ignore[union-attr]


def test_the_generators_statistics_rest_while_the_critic_learns() -> None:
    method = Wgan(width=4, latents=6)
    nets = method.networks(PICTURES, {})
    Players({"generator": nets.generator, "discriminator": nets.discriminator}).free_only("discriminator")
    before = {name: value.clone() for name, value in nets.generator.state_dict().items()}
    batch = Batch(torch.randn(4, 3, 32, 32))
    method.critic_loss(nets, batch, NOW).total.backward()
    assert all(torch.equal(value, before[name]) for name, value in nets.generator.state_dict().items())
    assert all(parameter.grad is None for parameter in nets.generator.parameters())
