"""CycleGAN: its losses on numbers worked out by hand, whose pictures go where, and the pools within a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.data.dataset import Dataset
from imaginable.methods.cyclegan import Both, CycleGan, CycleGanNetworks
from imaginable.nn.pool import Pool
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.state import State

NOW = Progress(0, 100, 0)

TinyDataset = Callable[[str], Dataset]
TinyJob = Callable[..., Job[Any]]


class Adds(nn.Module):
    """x + amount: a generator whose way there and back does not lead home unless the amounts are opposite."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount


class Means(nn.Module):
    """Logits that are `times` each item's mean, one patch."""

    def __init__(self, times: float) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        return self.times * x.mean((1, 2, 3))[:, None, None]


@pytest.fixture
def nets() -> CycleGanNetworks:
    """F takes 0.1 away, G adds 0.3; A's critic doubles, B's does not; the pools are empty."""
    pools = Both(Pool(50, (1, 4, 4)), Pool(50, (1, 4, 4)))
    return CycleGanNetworks(Both(Adds(-0.1), Adds(0.3)), Both(Means(2.0), Means(1.0)), pools)


def batch(nets: CycleGanNetworks, identity: float = 0.5) -> Batch:
    """One a of 0.2 and one b of 0.6 all over, with their translations."""
    whole = torch.ones(1, 1, 4, 4)
    made = Batch(0.2 * whole, y=0.6 * whole)
    return Batch(made.x, y=made.y, drawn=CycleGan(identity=identity).translations(nets, made, NOW))


def test_translations_are_of_the_other_kind(nets: CycleGanNetworks) -> None:
    drawn = batch(nets).drawn
    assert drawn is not None
    # F(b) = 0.6 - 0.1, G(a) = 0.2 + 0.3, and F(a) and G(b) for the identity
    assert drawn[0, :, 0, 0].tolist() == pytest.approx([0.5, 0.5, 0.1, 0.9])
    assert CycleGan(identity=0.0).translations(nets, batch(nets), NOW).shape == (1, 2, 4, 4)


def test_the_generators_loss(nets: CycleGanNetworks) -> None:
    deceive = (2 * 0.5 - 1) ** 2 + (0.5 - 1) ** 2
    cycle = 0.2 + 0.2  # each way ends 0.2 too high
    identity = 0.3 + 0.1
    loss = CycleGan(cycle=10, identity=0.5).generators_loss(nets, batch(nets), NOW)
    assert float(loss.total) == pytest.approx(deceive + 10 * cycle + 5 * identity, rel=1e-5)
    assert float(loss.terms["cycle"]) == pytest.approx(cycle, rel=1e-5)
    without = CycleGan(cycle=10, identity=0.0).generators_loss(nets, batch(nets, identity=0.0), NOW)
    assert float(without.total) == pytest.approx(deceive + 10 * cycle, rel=1e-5)
    assert "identity" not in without.terms


def test_the_critics_loss_is_halved(nets: CycleGanNetworks) -> None:
    a = 0.5 * ((2 * 0.2 - 1) ** 2 + (2 * 0.5) ** 2)
    b = 0.5 * ((0.6 - 1) ** 2 + 0.5**2)
    loss = CycleGan().critics_loss(nets, batch(nets), NOW)
    assert float(loss.total) == pytest.approx(a + b, rel=1e-5)


def test_critics_are_shown_what_the_pools_give(nets: CycleGanNetworks) -> None:
    nets.pools = Both(Pool(1, (1, 4, 4)), Pool(1, (1, 4, 4)))
    nets.pools.a.pictures.fill_(-1.0)
    nets.pools.a.held.fill_(1)
    torch.manual_seed(1)  # the first number drawn is above a half or not; both must be seen
    seen = set()
    for _ in range(20):
        loss = CycleGan().critics_loss(nets, batch(nets), NOW)
        nets.pools.a._to_keep.clear()  # not kept: the old picture stays
        seen.add(round(float(loss.terms["fake"]), 4))
    assert seen == {round((2 * 0.5 + 0.5) / 2, 4), round((2 * -1.0 + 0.5) / 2, 4)}


def test_the_pools_fill_within_a_run_and_move_with_the_critics(
    tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    job, dataset = tiny_job(CycleGan, tmp_path / "run"), tiny_dataset("domains")
    state = State(job, dataset.spec)
    feed = Feed(dataset, 8, 0, flip=False)
    held = []
    for _ in range(7):
        state.cycle(feed, 64)
        held.append(int(state.networks.pools.a.held))  # type: ignore[union-attr]
    assert held == [8, 16, 24, 32, 40, 48, 50]
    assert "pools.a.pictures" in state.state_dict()["networks"]


def test_both_ways_are_the_model(tiny_dataset: TinyDataset) -> None:
    torch.manual_seed(0)
    method = CycleGan(width=4, blocks=1)
    nets, x = method.networks(tiny_dataset("domains").spec, {}).eval(), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        plain, b, a = (method.translate(nets, x, to=to) for to in (None, "b", "a"))
    assert torch.equal(plain, b)
    assert not torch.equal(a, b)
    with pytest.raises(UserError, match="a or b was expected"):
        method.translate(nets, x, to="c")


def test_grey_and_coloured_kinds_have_no_identity() -> None:
    spec = DataSpec("domains", (1, 32, 32), target_shape=(3, 32, 32))
    with pytest.raises(UserError, match="--colour rgb"):
        CycleGan(width=4).networks(spec, {})
    nets = CycleGan(width=4, blocks=1, identity=0.0).networks(spec, {})
    assert nets.generators.b(torch.zeros(1, 1, 16, 16)).shape == (1, 3, 16, 16)


def test_the_paper_preset_has_the_published_numbers() -> None:
    spec = DataSpec("domains", (3, 256, 256), target_shape=(3, 256, 256))
    with torch.device("meta"):
        nets = CycleGan(**CycleGan.presets["paper"]).networks(spec, {})
    count = [sum(value.numel() for value in one.parameters()) for one in (nets.generators.b, nets.critics.a)]
    assert count == [11_378_179, 2_764_737]


def test_the_rate_is_whole_for_half_the_run_and_never_zero_before_its_end() -> None:
    schedule = CycleGan().optimizers()["generators"].schedule
    assert [schedule.factor(fraction) for fraction in (0.0, 0.5, 0.75)] == [1.0, 1.0, 0.5]
    assert schedule.factor(0.999) > 0
