"""A frozen player works as in training and does not change, its batch statistics included."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from imaginable.nn.freeze import Players, still


@pytest.fixture
def pair() -> tuple[nn.Sequential, nn.Sequential]:
    torch.manual_seed(0)
    return tuple(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(2))  # type: ignore[return-value]


def statistics(module: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in module.buffers()]


def unchanged(module: nn.Module, before: list[Tensor]) -> bool:
    return all(torch.equal(now, was) for now, was in zip(module.buffers(), before, strict=True))


def test_only_the_named_player_gets_gradients(pair: tuple[nn.Sequential, nn.Sequential]) -> None:
    one, two = pair
    players = Players({"one": one, "two": two})
    for free, frozen in ((one, two), (two, one)):
        players.free_only("one" if free is one else "two")
        one.zero_grad(set_to_none=True)
        two.zero_grad(set_to_none=True)
        (one(torch.randn(5, 3)) * two(torch.randn(5, 3))).sum().backward()
        assert all(parameter.grad is not None for parameter in free.parameters())
        assert all(parameter.grad is None for parameter in frozen.parameters())


def test_gradients_pass_through_a_frozen_player(pair: tuple[nn.Sequential, nn.Sequential]) -> None:
    Players({"one": pair[0], "two": pair[1]}).free_only("two")
    x = torch.randn(5, 3, requires_grad=True)
    pair[0](x).square().sum().backward()
    assert x.grad is not None


def test_a_frozen_players_statistics_stay_and_a_free_ones_move(pair: tuple[nn.Sequential, nn.Sequential]) -> None:
    one, two = pair
    Players({"one": one, "two": two}).free_only("two")
    before = statistics(one), statistics(two)
    for module in pair:
        module(torch.randn(5, 3))
    assert unchanged(one, before[0])
    assert all(not torch.equal(now, was) for now, was in zip(two.buffers(), before[1], strict=True))


def test_frozen_it_still_normalises_with_the_batchs_statistics(pair: tuple[nn.Sequential, nn.Sequential]) -> None:
    one, x = pair[0], 5 + torch.randn(8, 3)
    players = Players({"one": one, "two": pair[1]})
    players.free_only("one")
    free = one(x)
    players.free_only("two")
    assert torch.equal(one(x), free)
    torch.testing.assert_close(free.mean(0), torch.zeros(4), atol=1e-5, rtol=0)


def test_frozen_and_thawed_it_learns_again(pair: tuple[nn.Sequential, nn.Sequential]) -> None:
    players = Players({"one": pair[0], "two": pair[1]})
    players.free_only("two")
    players.free_all()
    before = statistics(pair[0])
    pair[0](torch.randn(5, 3)).sum().backward()
    assert not unchanged(pair[0], before)
    assert all(parameter.grad is not None for parameter in pair[0].parameters())


def test_in_use_a_frozen_players_running_statistics_count(pair: tuple[nn.Sequential, nn.Sequential]) -> None:
    Players({"one": pair[0], "two": pair[1]}).free_only("two")
    alone = pair[0].eval()(torch.ones(1, 3))
    torch.testing.assert_close(alone, pair[0](torch.cat([torch.ones(1, 3), torch.randn(6, 3)]))[:1])


def test_what_is_held_still_for_a_moment_is_free_again_afterwards(pair: tuple[nn.Sequential, nn.Sequential]) -> None:
    one, x = pair[0], torch.randn(5, 3)
    before = statistics(one)
    earlier = one[0](x).sum()  # a graph that goes through its weights
    with pytest.raises(ZeroDivisionError), still(one):
        assert not one(x).requires_grad
        assert unchanged(one, before)
        raise ZeroDivisionError
    earlier.backward()
    assert one[0].weight.grad is not None
    one(x).sum().backward()
    assert not unchanged(one, before)
