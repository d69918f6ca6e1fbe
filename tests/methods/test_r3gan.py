"""R3GAN's game: a symmetric loss on pairs, two exact penalties, no normalisation, classes where the data has them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._adversarial import Adversaries
from imaginable.methods.r3gan import R3gan, judged_with_slope
from imaginable.objectives.penalties import squared_gradient_norm

NOW = Progress(0, 100, 0)
PICTURES = DataSpec("images", (3, 16, 16))
CLASSES = DataSpec("images", (3, 16, 16), classes=("a", "b", "c"))


class Linear(nn.Module):
    """D(x) = <w, x>."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weights


def players(*weights: float) -> Adversaries:
    return Adversaries(nn.Identity(), Linear(*weights))


def built(spec: DataSpec, **fields: int) -> tuple[R3gan, Adversaries]:
    torch.manual_seed(0)
    method = R3gan(latents=8, width=8, **fields)
    return method, method.networks(spec, {})


def test_the_generators_loss_is_the_discriminators_with_real_and_fake_swapped() -> None:
    torch.manual_seed(0)
    one, two = torch.randn(6, 2), torch.randn(6, 2)
    method, nets = R3gan(), players(1.0, -2.0)
    generator = method.generator_loss(nets, Batch(one, drawn=two), NOW).total
    swapped = method.lone_rivalry(nets, Batch(two, drawn=one), NOW).total
    assert generator.item() == pytest.approx(swapped.item(), rel=1e-6)
    own = method.lone_rivalry(nets, Batch(one, drawn=two), NOW).total
    assert own.item() != pytest.approx(swapped.item(), rel=1e-2), "otherwise nothing was swapped"


def test_items_are_paired_one_by_one() -> None:
    real, fake = torch.tensor([[1.0], [5.0]]), torch.tensor([[0.0], [7.0]])
    loss = R3gan().lone_rivalry(players(1.0), Batch(real, drawn=fake), NOW).total
    expected = (math.log1p(math.exp(0 - 1)) + math.log1p(math.exp(7 - 5))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_players_that_are_even_pay_log_two_and_are_pulled_by_half_a_logit() -> None:
    x, fake = torch.zeros(4, 1), torch.zeros(4, 1, requires_grad=True)
    loss = R3gan().generator_loss(players(3.0), Batch(x, drawn=fake), NOW).total
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)
    loss.backward()
    assert fake.grad is not None
    torch.testing.assert_close(fake.grad, torch.full((4, 1), -0.5 * 3.0 / 4))  # -σ(0) w / n


def test_both_penalties_of_a_linear_critic_are_its_squared_norm_times_half_gamma() -> None:
    torch.manual_seed(0)
    batch = Batch(torch.randn(5, 2), drawn=torch.randn(5, 2))
    method, nets = R3gan(gamma=0.8), players(3.0, 4.0)
    whole, rivalry = method.discriminator_loss(nets, batch, NOW), method.lone_rivalry(nets, batch, NOW)
    assert (whole.total - rivalry.total).item() == pytest.approx(0.8 / 2 * (25 + 25), rel=1e-5)
    assert (whole.terms["r1"].item(), whole.terms["r2"].item()) == pytest.approx((25, 25))
    assert rivalry.total.item() == pytest.approx(whole.terms["discriminator"].item(), rel=1e-6)


def test_one_penalty_is_at_the_real_items_and_the_other_at_the_made_ones() -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(1)  # its gradient is 2 x

    batch = Batch(torch.full((3, 1), 1.0), drawn=torch.full((3, 1), 2.0))
    terms = R3gan().lone_penalty(Adversaries(nn.Identity(), Square()), batch, NOW).terms
    assert (terms["r1"].item(), terms["r2"].item()) == pytest.approx((4, 16))


def test_the_pass_that_serves_both_gives_what_two_passes_give() -> None:
    _, nets = built(PICTURES)
    x = torch.randn(3, *PICTURES.shape)
    logits, slope = judged_with_slope(nets, x, None)
    torch.testing.assert_close(logits, nets.discriminator(x))
    torch.testing.assert_close(slope, squared_gradient_norm(nets.discriminator, x))


def test_a_penalty_now_and_then_weighs_as_much_as_one_at_every_step() -> None:
    torch.manual_seed(0)
    batch = Batch(torch.randn(5, 2), drawn=torch.randn(5, 2))
    lazy, nets = R3gan(penalty_every=4), players(3.0, 4.0)
    rivalry, penalty, _ = lazy.phases()
    assert (penalty.every, penalty.gain) == (4, 4)
    assert rivalry.every == 1
    total = rivalry.loss(nets, batch, NOW).total + penalty.loss(nets, batch, NOW).total
    assert total.item() == pytest.approx(R3gan().discriminator_loss(nets, batch, NOW).total.item(), rel=1e-6)
    rules = lazy.optimizers()
    assert rules["discriminator"].lr == pytest.approx(rules["generator"].lr * 4 / 5)


def test_gamma_falls_to_its_last_share() -> None:
    method = R3gan(gamma=2.0, gamma_decay=0.1)
    assert [method.gamma_at(f) for f in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.1, 0.2])
    assert R3gan(gamma=2.0, gamma_decay=1.0).gamma_at(0.7) == pytest.approx(2.0)


def test_neither_player_knows_its_neighbours_or_normalises() -> None:
    for spec in (PICTURES, CLASSES, DataSpec("points", (2,))):
        _, nets = built(spec)
        kinds = {type(layer).__name__ for layer in nets.modules()}
        assert not {kind for kind in kinds if "Norm" in kind}
        assert not list(nets.buffers())
        x = torch.randn(4, *spec.shape)
        label = torch.tensor([0, 1, 2, -1]) if spec.classes else None
        own = None if label is None else label[:1]
        alone, among = (judged_with_slope(nets, part, one)[0][:1].detach() for part, one in ((x[:1], own), (x, label)))
        torch.testing.assert_close(alone, among)


def test_a_constant_on_all_logits_is_no_parameter_for_points() -> None:
    _, nets = built(DataSpec("points", (2,)))
    (last,) = (layer for layer in nets.discriminator.modules() if isinstance(layer, nn.Linear) and layer.bias is None)
    assert last.out_features == 1


def test_the_class_changes_the_picture_and_the_logit() -> None:
    method, nets = built(CLASSES)
    z, x = torch.randn(1, 8).expand(4, -1), torch.randn(1, *CLASSES.shape).expand(4, -1, -1, -1)
    label = torch.tensor([0, 1, 1, -1])
    with torch.no_grad():
        pictures, logits = method.decode(nets, z, label), nets.discriminator(x, label)
        unknown = method.decode(nets, z)
    for items in (pictures, logits):
        torch.testing.assert_close(items[1], items[2])
        assert not torch.allclose(items[0], items[1], atol=1e-3)
        assert not torch.allclose(items[3], items[1], atol=1e-3)
    torch.testing.assert_close(unknown[0], pictures[3])


def test_an_unknown_class_is_judged_by_the_mean_over_all() -> None:
    _, nets = built(CLASSES)
    x = torch.randn(1, *CLASSES.shape).expand(3, -1, -1, -1)
    with torch.no_grad():
        each, unknown = nets.discriminator(x, torch.arange(3)), nets.discriminator(x[:1])
    torch.testing.assert_close(unknown, each.mean(0, keepdim=True))


def test_made_items_are_of_their_partners_class_and_of_any_where_it_is_unknown() -> None:
    method, nets = built(CLASSES)
    asked: list[Tensor] = []
    nets.generator.register_forward_pre_hook(lambda _, arguments: asked.append(arguments[1]))
    label = torch.tensor([2] * 10 + [-1] * 60)
    method.fakes(nets, Batch(torch.zeros(70, *CLASSES.shape), label=label), NOW)
    assert asked[0][:10].tolist() == [2] * 10
    assert set(asked[0][10:].tolist()) == {0, 1, 2}


def test_points_are_made_without_their_classes() -> None:
    method, nets = built(DataSpec("points", (2,), classes=("a", "b")))
    z = torch.randn(4, 8)
    torch.testing.assert_close(method.decode(nets, z, torch.zeros(4, dtype=torch.int64)), method.decode(nets, z))
    batch = Batch(torch.randn(4, 2), label=torch.zeros(4, dtype=torch.int64), drawn=torch.randn(4, 2))
    assert torch.isfinite(method.discriminator_loss(nets, batch, NOW).total)
