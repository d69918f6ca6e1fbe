"""Sheets of pictures, and pictures out of sheets."""

from __future__ import annotations

import numpy as np
import pytest

from imaginable.data import images


@pytest.mark.parametrize(("n", "height", "width", "channels"), [(64, 32, 32, 1), (6, 5, 7, 3), (7, 4, 4, 3)])
def test_a_sheet_is_cut_into_what_it_was_made_of(n: int, height: int, width: int, channels: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    cells = images.cut(images.sheet(pictures), height, width)
    np.testing.assert_array_equal(cells[:n], pictures)
    assert (cells[n:] == images.PAPER).all()


def test_what_is_no_sheet_of_such_pictures_is_refused() -> None:
    page = images.sheet(np.zeros((4, 8, 8, 1), np.uint8))
    with pytest.raises(ValueError, match="no whole number of 9x9"):
        images.cut(page, 9, 9)
