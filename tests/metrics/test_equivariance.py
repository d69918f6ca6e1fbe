"""Equivariance of what is known: waves that move, a texture that stays; and of generators with random weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from imaginable.metrics.equivariance import (
    PEAK,
    random_angles,
    random_shifts,
    shift_equivariance,
    turn_equivariance,
)
from imaginable.metrics.score import Score, Undefined
from imaginable.networks.stylegan2 import Stylegan2Generator
from imaginable.networks.stylegan3 import Stylegan3Generator
from imaginable.nn.transform import transforms

SIZE, N = 64, 8
RANDOM = np.random.default_rng(0)
SHIFTS, ANGLES = random_shifts(N, SIZE, RANDOM), random_angles(N, RANDOM)
WAVES = 12
FREQUENCIES = RANDOM.uniform(-0.2, 0.2, (N, 3, WAVES, 2))
"""in cycles a pixel: well below the grid's 0.5 in every direction"""
PHASES = RANDOM.uniform(0, 2 * np.pi, (N, 3, WAVES))


def waves(shifts: np.ndarray, angles: np.ndarray) -> Tensor:
    """A sum of sine waves, turned and then shifted by pixels, exactly: (N, 3, SIZE, SIZE), within [-1, 1]."""
    place = np.arange(SIZE) - (SIZE - 1) / 2
    down, right = np.meshgrid(place, place, indexing="ij")
    pictures = []
    for shift, angle, frequencies, phases in zip(shifts, angles, FREQUENCIES, PHASES, strict=True):
        x, y = right - shift[0], down - shift[1]  # undo the shift, then the turn
        x, y = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
        turns = 2 * np.pi * (frequencies[..., 0, None, None] * x + frequencies[..., 1, None, None] * y)
        pictures.append(np.sin(turns + phases[..., None, None]).mean(1))
    return torch.from_numpy(np.stack(pictures)).float()


NOWHERE, UPRIGHT = np.zeros((N, 2), int), np.zeros(N)
STILL = waves(NOWHERE, UPRIGHT)


def test_waves_that_move_follow_as_well_as_single_precision_allows() -> None:
    assert shift_equivariance(STILL, waves(SHIFTS, UPRIGHT), SHIFTS).value > 120
    score = turn_equivariance(STILL, waves(NOWHERE, ANGLES), ANGLES)
    assert score.value > 50
    assert score.n == N


def test_the_signs_of_shifts_and_turns_are_those_of_pictures() -> None:
    assert shift_equivariance(STILL, torch.roll(STILL, (3, -2), (2, 3)), np.tile([-2, 3], (N, 1))).value == math.inf
    turned = turn_equivariance(STILL, STILL.rot90(1, (2, 3)), np.full(N, math.pi / 2))
    assert turned.value > 100
    assert turn_equivariance(STILL, STILL.rot90(1, (2, 3)), np.full(N, -math.pi / 2)).value < 30


def test_a_texture_that_stays_where_it_is_scores_what_it_differs_from_itself_by() -> None:
    texture = torch.zeros(2, 1, 8, 8)
    texture[:, :, ::2] = 1.0  # rows of 1 and 0: a shift by one row is wrong by 1 everywhere, by two nowhere
    score = shift_equivariance(texture, texture, np.array([[3, 1], [-2, 2]]))
    wrong, all_of_them = 7 * (8 - 3), 7 * (8 - 3) + 6 * (8 - 2)
    assert score.value == pytest.approx(10 * math.log10(PEAK**2 * all_of_them / wrong))
    both = shift_equivariance(texture, texture, np.array([[0, 1], [0, 1]]))
    assert both.value == pytest.approx(10 * math.log10(4))
    assert both.error == pytest.approx(0, abs=1e-12)


def test_noise_that_does_not_turn_is_told_from_waves_that_do() -> None:
    noise = torch.from_numpy(RANDOM.uniform(-1, 1, STILL.shape)).float()
    fixed = turn_equivariance(noise, noise, ANGLES).value
    # what both grids hold is at most all of it: the variance of each, 1/3, and they have nothing in common
    assert 10 * math.log10(4 / (2 / 3)) < fixed < 10 * math.log10(4 / (2 / 3)) + 5


def test_only_what_the_turned_grid_holds_is_compared() -> None:
    """A grid turned by 45 degrees does not hold a checkerboard, the finest pattern of a grid in its diagonals."""
    board = torch.ones(2, 1, SIZE, SIZE)
    board[..., ::2, ::2] = board[..., 1::2, 1::2] = -1
    flat, angles = torch.zeros_like(board), np.full(2, math.pi / 4)
    assert turn_equivariance(board, flat, angles).value > 40
    assert turn_equivariance(flat, board, angles).value > 40
    assert turn_equivariance(flat, board, np.full(2, math.pi / 2)).value < 20, "one by a right angle does"


def test_the_error_is_the_spread_over_repeated_draws() -> None:
    def one() -> Score:
        noise = torch.from_numpy(RANDOM.standard_normal((40, 1, 16, 16)) * RANDOM.gamma(2, size=(40, 1, 1, 1)))
        return shift_equivariance(noise, noise, np.tile([1, 0], (40, 1)))

    scores = [one() for _ in range(300)]
    spread = np.std([score.value for score in scores])
    assert np.mean([score.error for score in scores]) == pytest.approx(spread, rel=0.15)


def test_shifts_stay_within_an_eighth_and_turns_go_all_round() -> None:
    shifts, angles = random_shifts(4000, 64, RANDOM), random_angles(4000, RANDOM)
    assert set(np.unique(shifts)) == set(range(-8, 9))
    assert angles.min() < -3.1
    assert angles.max() > 3.1


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(Undefined, match="at least 2 pictures, not 1"):
        shift_equivariance(STILL[:1], STILL[:1], NOWHERE[:1])
    with pytest.raises(ValueError, match="out of themselves"):
        shift_equivariance(STILL, STILL, np.full((N, 2), SIZE))


# ---- generators with random weights: benchmarks/equivariance.py prints these figures for larger ones


def measured(synthesize: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """EQ-T and EQ-R of what is made through transforms, in parts of the pictures' own deviation: those of the two
    generators differ in contrast."""
    none = torch.zeros(N)
    right, down = torch.from_numpy(SHIFTS / SIZE).float().unbind(1)
    with torch.no_grad():
        still = synthesize(transforms(none, none, none))
        shifted = synthesize(transforms(right, down, none))
        turned = synthesize(transforms(none, none, torch.from_numpy(ANGLES).float()))
    peak = float(still.std())
    return shift_equivariance(still, shifted, SHIFTS, peak).value, turn_equivariance(still, turned, ANGLES, peak).value


def of_stylegan3(rotates: bool) -> tuple[float, float]:
    torch.manual_seed(0)
    made = Stylegan3Generator(16, (3, SIZE, SIZE), 16, 2, 8, 512, 32, rotates)
    w = made.map(torch.randn(N, 16))
    return measured(lambda transform: made.synthesis(w, transform=transform))


def of_stylegan2() -> tuple[float, float]:
    """Its 4 x 4 map is moved in place of the waves."""
    torch.manual_seed(0)
    made = Stylegan2Generator(16, (3, SIZE, SIZE), 16, 32, 16, 2)
    w = made.map(torch.randn(N, 16))
    return measured(lambda transform: made.synthesize(w, "none", transform=transform))


def test_stylegan3_follows_where_stylegan2_does_not() -> None:
    (t_shifts, t_turns), (r_shifts, r_turns), (shifts, turns) = of_stylegan3(False), of_stylegan3(True), of_stylegan2()
    assert t_shifts > shifts + 20
    assert r_shifts > shifts + 20
    assert r_turns > max(turns, t_turns) + 20
    assert t_shifts > 40
    assert r_turns > 40
