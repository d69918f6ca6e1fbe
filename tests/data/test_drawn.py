"""The drawn sneakers: their ground truth is true, complete and visible."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imaginable.data.drawn import FACTORS, SNEAKER_FACTORS, Factor, draw_sneaker, sneakers


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean over the picture, in levels of 255."""
    return float(np.abs(one.astype(float) - other).mean())


def hue_of_upper(picture: np.ndarray) -> float:
    """Angle of the middle of the shoe in a plane of opponent colours, in degrees."""
    side = len(picture)
    red, green, blue = picture[int(0.52 * side) : int(0.58 * side), int(0.3 * side) : int(0.4 * side)].mean((0, 1))
    return float(np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)))


def test_shapes_types_and_ranges() -> None:
    pictures, factors = sneakers(40, 32)
    assert pictures.shape == (40, 32, 32, 3)
    assert pictures.dtype == np.uint8
    assert factors.shape == (40, len(SNEAKER_FACTORS))
    assert factors.dtype == np.float32
    assert len(SNEAKER_FACTORS) >= 10
    for factor, column in zip(FACTORS, factors.T, strict=True):
        assert np.float32(factor.low) <= column.min() < column.max() <= np.float32(factor.high)
        if factor.discrete:
            assert set(column) == set(range(int(factor.low), int(factor.high) + 1))
    assert sneakers(0, 64)[0].shape == (0, 64, 64, 3)


def test_an_item_depends_on_the_seed_and_its_number_only() -> None:
    pictures, factors = sneakers(3, 64, seed=5)
    more_pictures, more_factors = sneakers(7, 64, seed=5)
    np.testing.assert_array_equal(pictures, more_pictures[:3])
    np.testing.assert_array_equal(factors, more_factors[:3])
    assert not np.array_equal(factors, sneakers(3, 64, seed=6)[1])
    assert len(np.unique(more_factors[:, 0])) == 7


def test_the_factors_returned_draw_the_picture_returned() -> None:
    pictures, factors = sneakers(3, 64)
    for picture, row in zip(pictures, factors, strict=True):
        np.testing.assert_array_equal(picture, draw_sneaker(dict(zip(SNEAKER_FACTORS, row.tolist(), strict=True)), 64))


def test_other_sizes_are_the_same_picture() -> None:
    small, large = sneakers(6, 64)[0], sneakers(6, 128)[0]
    shrunk = np.stack([np.asarray(Image.fromarray(picture).reduce(2)) for picture in large])
    for one, other in zip(small, shrunk, strict=True):
        assert difference(one, other) < 1.5
    assert difference(small[0], shrunk[1]) > 8  # so the bound above tells shoes apart


@pytest.mark.parametrize("factor", FACTORS, ids=lambda factor: factor.name)
def test_every_factor_shows(factor: Factor) -> None:
    values = np.linspace(factor.low, factor.high, int(factor.high - factor.low) + 1 if factor.discrete else 9)
    strip = [draw_sneaker({factor.name: value}, 64) for value in values]
    from_low = [difference(strip[0], picture) for picture in strip]
    assert from_low[-1] > 0.4
    if factor.discrete:
        assert min(difference(a, b) for i, a in enumerate(strip) for b in strip[:i]) > 0.2
    elif factor.name == "hue":  # a circle: distances need not grow, angles do
        angles = np.unwrap([hue_of_upper(picture) for picture in strip], period=360)
        assert np.all(np.diff(angles) > 5)
    elif factor.name == "accent_hue":
        assert min(difference(a, b) for a, b in zip(strip[1:], strip[:-1], strict=True)) > 0.1
    else:
        assert np.all(np.diff(from_low) > 0), from_low


@pytest.mark.parametrize("size", [32, 64, 256])
def test_the_shoe_fills_the_frame_but_never_touches_its_border(size: int) -> None:
    tall = dict.fromkeys(("length", "sole_height", "heel_drop", "collar_height", "tongue_height"), 1e3)
    pictures = [draw_sneaker(tall, size), draw_sneaker({"length": 1e3, "toe_shape": 1.0}, size)]
    for picture in [*pictures, *sneakers(20 if size < 256 else 4, size)[0]]:
        border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        background = picture[0, 0].astype(int)
        assert background.min() > 235
        assert np.abs(border - background).max() <= 3
        shoe = np.abs(picture - background).max(-1) > 40
        assert shoe.any(0).mean() > 0.75
        assert shoe.any(1).mean() > 0.3


def test_the_toe_points_to_the_right() -> None:
    for picture in sneakers(20, 64)[0]:
        shoe = np.abs(picture - picture[0, 0].astype(int)).max(-1) > 40
        assert shoe[:, :32].sum() > 1.2 * shoe[:, 32:].sum()


def test_the_sole_moves_the_rest_of_the_shoe_only_upwards() -> None:
    low, high = (draw_sneaker({"sole_height": height}, 64) for height in (0.05, 0.05 + 4 / 64))
    assert difference(low[4:44], high[:40]) < 1.0
    assert difference(low, high) > 5


def test_the_factors_are_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    blank = np.zeros((32, 32, 3), np.uint8)
    monkeypatch.setattr("imaginable.data.drawn.draw_sneaker", lambda factors, size: blank)
    factors = sneakers(2000, 32)[1]
    correlation = np.corrcoef(factors.T) - np.eye(len(SNEAKER_FACTORS))
    assert np.abs(correlation).max() < 0.1
    for factor, column in zip(FACTORS, factors.T, strict=True):
        assert abs(column.mean() - (factor.low + factor.high) / 2) < 0.05 * (factor.high - factor.low)


@pytest.mark.parametrize("size", [0, 31, 257])
def test_sizes_out_of_range_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        sneakers(0, size)
    with pytest.raises(ValueError, match=str(size)):
        draw_sneaker({}, size)


def test_unknown_factors_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="wheels"):
        draw_sneaker({"hue": 200.0, "wheels": 4.0}, 64)


def test_missing_factors_take_the_middle_and_others_stay_in_range() -> None:
    middle = {f.name: float(int((f.low + f.high) / 2)) if f.discrete else (f.low + f.high) / 2 for f in FACTORS}
    np.testing.assert_array_equal(draw_sneaker({}, 64), draw_sneaker(middle, 64))
    np.testing.assert_array_equal(draw_sneaker({"length": 9.0}, 64), draw_sneaker({"length": 0.92}, 64))
