"""pix2pix: its losses on numbers worked out by hand, the model without a critic, and what it makes of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.data.dataset import Dataset
from imaginable.methods.pix2pix import Pix2Pix, Pix2PixNetworks
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.state import State

SPEC = DataSpec("pairs", (3, 32, 32), target_shape=(1, 32, 32), count=8)
NOW = Progress(0, 100, 0)

TinyDataset = Callable[[str], Dataset]
TinyJob = Callable[..., Job[Any]]


class Follows(nn.Module):
    """A critic whose logits are the mean of what it is shown as y, doubled where x is bright: (n, 1, 1)."""

    def forward(self, both: Tensor) -> Tensor:
        assert both.shape[1] == 4, "x and y side by side"
        x, y = both[:, :3].mean((1, 2, 3)), both[:, 3:].mean((1, 2, 3))
        return (y * (1 + (x > 0).float()))[:, None, None]


@pytest.fixture
def nets() -> Pix2PixNetworks:
    torch.manual_seed(0)
    networks = Pix2Pix(width=4).networks(SPEC, {})
    networks.critic = Follows()  # type: ignore[assignment]
    return networks


def batch() -> Batch:
    """Two pairs: y is 0.5 and -0.25 all over, the generator made 0.3 and 0.1."""
    whole = torch.ones(1, 1, 32, 32)
    x = torch.cat([whole, -whole]).expand(-1, 3, -1, -1)
    y, made = torch.cat([0.5 * whole, -0.25 * whole]), torch.cat([0.3 * whole, 0.1 * whole])
    return Batch(x, y=y, drawn=torch.cat([x, y, made], dim=1))


def softplus(a: float) -> float:
    return float(np.log1p(np.exp(a)))


def test_the_critics_loss_is_halved(nets: Pix2PixNetworks) -> None:
    real, fake = (1.0, -0.25), (0.6, 0.1)  # logits: those of the first pair are doubled
    expected = 0.5 * np.mean([softplus(-r) + softplus(f) for r, f in zip(real, fake, strict=True)])
    loss = Pix2Pix(width=4).critic_loss(nets, batch(), NOW)
    assert float(loss.total) == pytest.approx(expected, rel=1e-5)


def test_the_generators_loss_is_the_critics_term_and_the_weighted_absolute_error(nets: Pix2PixNetworks) -> None:
    absolute, deceive = (0.2 + 0.35) / 2, (softplus(-0.6) + softplus(-0.1)) / 2
    for weight in (1.0, 3.0):
        loss = Pix2Pix(width=4, adversarial=weight, absolute=10.0).generator_loss(nets, batch(), NOW)
        assert float(loss.total) == pytest.approx(weight * deceive + 10 * absolute, rel=1e-5)
    assert float(loss.terms["absolute"]) == pytest.approx(absolute, rel=1e-5)


def test_without_the_critics_term_there_is_one_player_and_one_term(nets: Pix2PixNetworks) -> None:
    method = Pix2Pix(width=4, adversarial=0)
    assert set(method.optimizers()) == {"generator"}
    assert [phase.player for phase in method.phases()] == ["generator"]
    nets.critic = None  # type: ignore[assignment]
    loss = method.generator_loss(nets, batch(), NOW)
    assert float(loss.total) == pytest.approx(100 * (0.2 + 0.35) / 2, rel=1e-5)


def test_a_run_without_a_critic_moves_the_generator_alone(
    tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    job = tiny_job(Pix2Pix, tmp_path / "run")
    job = replace(job, method=replace(job.method, adversarial=0))
    job.check()
    dataset = tiny_dataset("pairs")
    state = State(job, dataset.spec)
    before = {name: value.clone() for name, value in state.networks.state_dict().items()}
    assert set(state.cycle(Feed(dataset, 8, 0, flip=False), 64)) == {"absolute"}
    now = state.networks.state_dict()
    assert {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])} == {"generator"}


def test_both_of_a_pair_are_moved_alike(nets: Pix2PixNetworks) -> None:
    torch.manual_seed(1)
    x = torch.rand(4, 3, 32, 32)
    method, given = Pix2Pix(width=4, shift=0.25), Batch(x, y=x[:, :1])
    drawn = method.translations(nets, given, NOW)
    assert torch.equal(drawn[:, :1], drawn[:, 3:4])
    assert not torch.equal(drawn[:, :3], x)
    still = replace(method, shift=0.0).translations(nets, given, NOW)
    assert torch.equal(still[:, :3], x)


@pytest.mark.parametrize("network", ["unet", "residual"])
def test_any_size_is_translated_and_none_is_cut(network: Literal["unet", "residual"]) -> None:
    torch.manual_seed(0)
    method = Pix2Pix(width=4, network=network, blocks=1)
    nets = method.networks(SPEC, {}).eval()
    with torch.no_grad():
        for height, width in ((1, 1), (32, 32), (33, 70)):
            assert method.translate(nets, torch.zeros(2, 3, height, width)).shape == (2, 1, height, width)


def test_it_knows_one_way() -> None:
    method = Pix2Pix(width=4)
    with pytest.raises(UserError, match="from A to B only"):
        method.translate(method.networks(SPEC, {}), torch.zeros(1, 3, 32, 32), to="a")


def test_the_paper_preset_has_the_published_numbers() -> None:
    spec = DataSpec("pairs", (3, 256, 256), target_shape=(3, 256, 256))
    with torch.device("meta"):
        nets = Pix2Pix(**Pix2Pix.presets["paper"]).networks(spec, {})
    numbers = [sum(value.numel() for value in player.parameters()) for player in (nets.generator, nets.critic)]
    assert numbers == [54_413_955, 2_768_705]
    assert nets.critic(torch.empty(1, 6, 256, 256, device="meta")).shape == (1, 30, 30)


def test_the_rate_is_never_zero_while_there_are_steps_left() -> None:
    schedule = Pix2Pix().optimizers()["generator"].schedule
    assert [schedule.factor(fraction) for fraction in (0.0, 0.5, 0.75)] == [1.0, 1.0, 0.5]
    assert schedule.factor(0.999) > 0
