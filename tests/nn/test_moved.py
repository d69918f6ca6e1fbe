"""Pictures moved by whole pixels."""

import torch

from imaginable.nn.moved import moved


def test_every_picture_goes_its_own_way_and_edges_are_repeated() -> None:
    torch.manual_seed(0)
    x = torch.arange(64.0).view(1, 1, 8, 8).repeat(200, 2, 1, 1)
    y = moved(x, 3)
    ways = set()
    for one in y:
        assert torch.equal(one[0], one[1]), "channels move together"
        down, right = (8 * 4 - int(one[0, 4, 4]) // 8 * 8) // 8, 4 - int(one[0, 4, 4]) % 8
        rows = (torch.arange(8) - down).clamp(0, 7)
        columns = (torch.arange(8) - right).clamp(0, 7)
        assert torch.equal(one[0], x[0, 0][rows][:, columns])
        ways.add((down, right))
    assert {way[0] for way in ways} == set(range(-3, 4))
    assert {way[1] for way in ways} == set(range(-3, 4))


def test_no_reach_leaves_pictures_as_they_are() -> None:
    x = torch.rand(2, 3, 4, 4)
    assert moved(x, 0) is x
