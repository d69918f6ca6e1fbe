"""Freezing holds parameters and statistics still, and only those of others."""

import torch
from torch import nn

from imaginable.nn.freeze import Players


def test_a_frozen_player_normalises_as_in_training_but_its_statistics_stay() -> None:
    layer, other = nn.BatchNorm1d(3), nn.Linear(3, 3)
    players = Players({"layer": layer, "other": other})
    x = torch.randn(16, 3) * 5 + 2
    expected = layer(x).detach()
    players.free_only("other")
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    assert torch.allclose(layer(x), expected)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert not layer.weight.requires_grad
    assert other.weight.requires_grad
    players.free_only("layer")
    layer(x)
    assert not torch.equal(layer.running_mean, before["running_mean"])  # type: ignore[arg-type]
    assert layer.weight.requires_grad
    assert not other.weight.requires_grad
