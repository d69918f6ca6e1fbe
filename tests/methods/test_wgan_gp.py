"""WGAN-GP: the objective by hand, and a critic whose items do not influence each other."""

import pytest
import torch
from torch import nn

from imaginable.core.optimizers import Adam
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._adversarial import Adversaries, judged
from imaginable.methods.wgan_gp import WganGp

NOW = Progress(0, 100, 0)
PICTURES = DataSpec("images", (3, 32, 32))
POINTS = DataSpec("points", (2,))


def linear(*weights: float) -> nn.Module:
    layer = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([weights]))
    return nn.Sequential(layer, nn.Flatten(0))


@pytest.mark.parametrize("penalty", [0.0, 10.0, 0.5])
def test_the_critics_loss_is_equation_3(penalty: float) -> None:
    # D(x) = 3 x1 + 4 x2 has slope 5; G(z) = z
    nets, batch = Adversaries(nn.Identity(), linear(3.0, 4.0)), Batch(torch.tensor([[1.0, 1.0], [2.0, 0.0]]))
    method = WganGp(latents=2, penalty=penalty)
    torch.manual_seed(3)
    z = torch.randn(2, 2)
    torch.manual_seed(3)
    loss = method.critic_loss(nets, batch, NOW)
    made = float((3 * z[:, 0] + 4 * z[:, 1]).mean())
    assert loss.total.item() == pytest.approx(made - 6.5 + penalty * 16, rel=1e-5)
    assert loss.terms["distance"].item() == pytest.approx(6.5 - made, rel=1e-5)
    assert loss.terms["penalty"].item() == pytest.approx(16, rel=1e-5)
    torch.manual_seed(3)
    assert method.generator_loss(nets, batch, NOW).total.item() == pytest.approx(-made, rel=1e-5)


@pytest.mark.parametrize("spec", [PICTURES, POINTS], ids=["pictures", "points"])
def test_items_of_the_critic_do_not_influence_each_other(spec: DataSpec) -> None:
    torch.manual_seed(0)
    nets = WganGp(width=4, latents=6, hidden=16).networks(spec, {})  # in training mode
    x = torch.randn(5, *spec.shape)
    other = torch.cat([x[:1], 10 * torch.randn(4, *spec.shape)])
    torch.testing.assert_close(judged(nets, x)[0], judged(nets, other)[0])
    torch.testing.assert_close(judged(nets, x)[:1], judged(nets, x[:1]))
    assert float(judged(nets, x).detach().std()) > 0.01, "it does see a difference"


def test_the_generator_keeps_its_batch_norm() -> None:
    nets = WganGp(width=4, latents=6).networks(PICTURES, {})
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in nets.generator.modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in nets.discriminator.modules())


def test_the_critics_loss_leaves_a_frozen_generator_alone_and_reaches_every_weight_of_the_critic() -> None:
    generator = nn.Linear(2, 2)
    nets = Adversaries(generator, nn.Sequential(linear(1.0, 2.0), nn.Softplus()))
    generator.requires_grad_(False)  # as the loop does in the critic's phase
    loss = WganGp(latents=2).critic_loss(nets, Batch(torch.randn(4, 2)), NOW)
    loss.total.backward()
    assert all(parameter.grad is None for parameter in generator.parameters())
    assert all(parameter.grad is not None for parameter in nets.discriminator.parameters())


def test_algorithm_1_and_its_constants() -> None:
    method = WganGp()
    critic, generator = method.phases()
    assert (critic.player, critic.repeat, generator.player, generator.repeat) == ("discriminator", 5, "generator", 1)
    assert method.penalty == 10
    for rule in method.optimizers().values():
        assert isinstance(rule, Adam)
        assert (rule.lr, rule.betas) == (1e-4, (0.0, 0.9))
        assert rule.schedule.factor(0.999) == 1, "constant unless told"
    falling = WganGp(decay_from=0.5).optimizers()["generator"].schedule
    assert [falling.factor(fraction) for fraction in (0.5, 0.75, 1.0)] == [1, 0.5, 0]


def test_training_the_critic_brings_its_slope_to_one_between_two_points() -> None:
    # real at (0, 0), made at (3, 0): the best critic falls by 1 for every unit of the way, and the distance is 3
    class Three(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.tensor([3.0, 0.0]).expand(len(z), 2)

    torch.manual_seed(0)
    method = WganGp(latents=2, hidden=32, layers=1)
    nets = Adversaries(Three(), method.networks(POINTS, {}).discriminator)
    rule = torch.optim.Adam(nets.discriminator.parameters(), 1e-2, betas=(0.5, 0.9))
    for _ in range(300):
        loss = method.critic_loss(nets, Batch(torch.zeros(32, 2)), NOW)
        rule.zero_grad()
        loss.total.backward()
        rule.step()
    # the penalty is a price, not a wall: slope s minimises -3 s + 10 (s - 1)², so s = 1 + 3 / 20
    assert loss.terms["distance"].item() == pytest.approx(3 * 1.15, rel=0.03)
