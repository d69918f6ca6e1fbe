"""Every hole is filled at one look, from what is around it and nothing of what it hides."""

from __future__ import annotations

import numpy as np
import pytest

from imaginable.apps._holes import around, fill

KNOWN, HIDDEN, SIDE = 100, 200, 64


class Looker:
    """Fills with the number of the look, and sees to it that what is hidden is never taken for known."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, colour: np.ndarray, hole: np.ndarray) -> np.ndarray:
        assert hole.any()
        assert max(hole.shape) <= SIDE
        assert colour[~hole].max(initial=0) < HIDDEN - 50
        self.looks += 1
        return np.where(hole[..., None], self.looks % KNOWN, colour).astype(np.uint8)


def picture(*holes: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    hole = np.zeros((300, 410), bool)
    for top, bottom, left, right in holes:
        hole[top:bottom, left:right] = True
    return np.where(hole, HIDDEN, KNOWN).astype(np.uint8)[..., None].repeat(3, 2), hole


def filled(*holes: tuple[int, int, int, int]) -> tuple[np.ndarray, int]:
    """What is in each pixel, (h, w), and how many looks it took."""
    colour, hole = picture(*holes)
    look, shares = Looker(), []
    result = fill(colour, hole, SIDE, look, shares.append)
    assert (result[~hole] == KNOWN).all()
    assert (result[hole] < HIDDEN - 50).all(), "nothing is left as it was"
    assert shares[-1] == 1
    return result[..., 0], look.looks


@pytest.mark.parametrize("hole", [(0, 5, 0, 9), (30, 70, 60, 100), (295, 300, 400, 410), (50, 51, 7, 44)])
def test_a_hole_that_fits_is_seen_whole_with_what_is_around_it(hole: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = hole
    rows, columns = around(np.array([[top, bottom], [left, right]]), (300, 410), SIDE)
    for extent, (first, last), length in ((rows, (top, bottom), 300), (columns, (left, right), 410)):
        assert extent.stop - extent.start == SIDE
        assert extent.start == 0 or first - extent.start >= SIDE // 8
        assert extent.stop == length or extent.stop - last >= SIDE // 8
    assert filled(hole)[1] == 1


def test_neighbours_are_filled_at_one_look_and_far_ones_at_another() -> None:
    result, looks = filled((100, 105, 100, 105), (110, 112, 90, 120), (250, 260, 300, 310))
    assert looks == 2
    assert result[102, 102] == result[111, 100] == 1
    assert result[255, 305] == 2


def test_a_hole_too_large_for_one_window_is_filled_at_one_look_all_the_same() -> None:
    result, looks = filled((3, 6, 3, 6), (20, 290, 20, 400))
    assert looks == 2
    assert result[4, 4] == 1
    assert (result[30:280, 30:390] == 2).all(), "but for a soft edge"


def test_scattered_specks_take_far_fewer_looks_than_there_are() -> None:
    specks = [(top, top + 2, left, left + 2) for top in range(1, 298, 9) for left in range(1, 407, 9)]
    assert filled(*specks)[1] < len(specks) / 5
