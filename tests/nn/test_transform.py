"""Shifts and turns of maps that are waves, against what they are exactly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from imaginable.nn.transform import transformed, transforms

NONE = torch.zeros(1)


def random_map(size: int = 4) -> Tensor:
    return torch.randn(3, size, size, generator=torch.Generator().manual_seed(0))


def test_no_transform_leaves_the_map() -> None:
    for size in (4, 5):
        torch.testing.assert_close(transformed(random_map(size), transforms(NONE, NONE, NONE))[0], random_map(size))


def test_a_shift_by_whole_cells_rolls() -> None:
    found = transformed(random_map(), transforms(torch.tensor([0.25]), torch.tensor([-0.5]), NONE))
    torch.testing.assert_close(found[0], random_map().roll((-2, 1), (1, 2)))


def test_a_quarter_turn_is_counterclockwise() -> None:
    found = transformed(random_map(), transforms(NONE, NONE, torch.tensor([math.pi / 2])))
    torch.testing.assert_close(found[0], random_map().rot90(1, (1, 2)))


def test_each_has_its_own_turned_first_and_then_shifted() -> None:
    right, down, angle = torch.tensor([0.0, 0.25]), torch.tensor([0.0, 0.0]), torch.tensor([math.pi, math.pi / 2])
    found = transformed(random_map(), transforms(right, down, angle))
    torch.testing.assert_close(found[0], random_map().rot90(2, (1, 2)))
    torch.testing.assert_close(found[1], random_map().rot90(1, (1, 2)).roll(1, 2))


def test_a_wave_is_looked_up_between_cells_exactly() -> None:
    place = (torch.arange(4) - 1.5) / 4
    wave = torch.sin(2 * math.pi * place + 0.3).expand(1, 4, 4)
    found = transformed(wave, transforms(torch.tensor([0.07]), torch.tensor([0.4]), NONE))
    torch.testing.assert_close(found[0], torch.sin(2 * math.pi * (place - 0.07) + 0.3).expand(1, 4, 4))
