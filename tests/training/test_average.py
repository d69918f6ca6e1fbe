"""Averages: parameters averaged with a half-life in images, buffers copied, other players left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imaginable.training.average import Averages


def players() -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)) for name in ("shown", "other")})


def fill(networks: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter.fill_(value)


def weight(averages: Averages, name: str = "shown") -> float:
    return float(averages.networks.get_parameter(f"{name}.0.weight"))


def test_after_a_half_life_half_is_new() -> None:
    networks = players()
    fill(networks, 0.0)
    averages = Averages(networks, ["shown"], half_life=1000)
    fill(networks, 1.0)
    averages.update(seen=1_000_000, images=1000)
    assert weight(averages) == pytest.approx(0.5)
    averages.update(seen=1_001_000, images=2000)
    assert weight(averages) == pytest.approx(1 - 0.5**3)


def test_early_on_the_half_life_is_a_twentieth_of_what_was_seen() -> None:
    networks = players()
    fill(networks, 0.0)
    averages = Averages(networks, ["shown"], half_life=1000)
    expected = 0.0
    for step in range(1, 6):
        fill(networks, float(step))
        averages.update(seen=64 * step, images=64)
        new = 1 - 0.5 ** (64 / min(1000, 0.05 * 64 * step))
        expected += new * (step - expected)
        assert weight(averages) == pytest.approx(expected, rel=1e-5)
    assert expected < 5, "by then it lags behind"


def test_steps_of_any_size_add_up_once_the_ramp_is_over() -> None:
    results = []
    for images in (100, 400):
        networks = players()
        fill(networks, 0.0)
        averages = Averages(networks, ["shown"], half_life=500)
        fill(networks, 1.0)
        for seen in range(100_000, 100_800, images):
            averages.update(seen, images)
        results.append(weight(averages))
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_buffers_are_copied() -> None:
    networks = players()
    averages = Averages(networks, ["shown"], half_life=10**9)
    networks.get_submodule("shown")(torch.randn(4, 1))
    averages.update(10**10, 4)
    kept = dict(averages.networks.named_buffers())
    for name, buffer in networks.named_buffers():
        assert torch.equal(kept[name], buffer)
    assert int(kept["shown.1.num_batches_tracked"]) == 1


def test_players_that_are_not_named_stay_as_they_were() -> None:
    networks = players()
    fill(networks, 0.0)
    averages = Averages(networks, ["shown"], half_life=1)
    fill(networks, 1.0)
    averages.update(1000, 1000)
    assert weight(averages, "other") == 0.0
    assert weight(averages) == pytest.approx(1.0)


def test_averages_are_for_use_and_hold_no_graph() -> None:
    networks = players()
    averages = Averages(networks, ["shown"], half_life=1)
    averages.update(10, 10)
    assert not averages.networks.training
    assert not any(parameter.requires_grad for parameter in averages.networks.parameters())
    assert networks.training, "the networks themselves go on training"
    assert all(parameter.requires_grad for parameter in networks.parameters())
