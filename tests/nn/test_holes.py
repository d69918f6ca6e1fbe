"""Holes: of the stated shapes and sizes, each its own, and never nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imaginable.nn.holes import Shapes, _distance, drawn_holes, rectangles, smoothly_filled, strokes

CPU = torch.device("cpu")
every_shape = pytest.mark.parametrize("shapes", ["both", "rectangles", "strokes"])


def drawn(shapes: Shapes, n: int = 200, height: int = 32, width: int = 48, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return drawn_holes(n, height, width, shapes, CPU)


@every_shape
def test_holes_are_zeros_and_ones_and_neither_nothing_nor_all(shapes: Shapes) -> None:
    hole = drawn(shapes)
    assert hole.shape == (200, 1, 32, 48)
    assert set(hole.unique().tolist()) == {0.0, 1.0}
    shares = hole.flatten(1).mean(1)
    assert float(shares.min()) > 0
    assert float(shares.max()) < 0.7
    assert len({one.numpy().tobytes() for one in hole}) > 190, "each is its own"


@every_shape
def test_holes_follow_torchs_seed(shapes: Shapes) -> None:
    assert torch.equal(drawn(shapes), drawn(shapes))
    assert not torch.equal(drawn(shapes), drawn(shapes, seed=1))


@every_shape
def test_every_place_can_be_in_a_hole(shapes: Shapes) -> None:
    assert float(drawn(shapes, n=2000).mean(0).min()) > 0


def test_a_rectangle_is_one_and_has_the_stated_sides() -> None:
    torch.manual_seed(0)
    hole = rectangles(300, 40, 60, CPU)[:, 0] > 0
    heights, widths = hole.any(2).sum(1), hole.any(1).sum(1)
    assert torch.equal(hole.flatten(1).sum(1), heights * widths), "filled to its corners"
    assert (int(heights.min()), int(heights.max())) == (8, 20)
    assert (int(widths.min()), int(widths.max())) == (12, 30)


def test_both_are_rectangles_and_strokes() -> None:
    hole = drawn("both")[:, 0] > 0
    full = hole.any(2).sum(1) * hole.any(1).sum(1) == hole.flatten(1).sum(1)
    assert 60 < int(full.sum()) < 140


def test_a_stroke_hangs_together() -> None:
    torch.manual_seed(0)
    for hole in strokes(20, 32, 32, CPU):
        reached = torch.zeros_like(hole)
        row, column = (hole[0] > 0).nonzero()[0].tolist()
        reached[0, row, column] = 1
        for _ in range(1024):
            grown = torch.nn.functional.max_pool2d(reached, 3, stride=1, padding=1) * hole
            if torch.equal(grown, reached):
                break
            reached = grown
        assert torch.equal(reached, hole)


def test_a_distance_is_that_from_the_segment() -> None:
    away = _distance(torch.tensor([[2.0, 1.0]]), torch.tensor([[2.0, 4.0]]), 6, 8)
    assert away[0, 2].tolist() == [1, 0, 0, 0, 0, 1, 2, 3]
    assert float(away[0, 5, 7]) == pytest.approx(18**0.5)


def test_a_smooth_fill_keeps_what_is_known_and_does_not_look_into_the_hole() -> None:
    x, hole = torch.randn(20, 3, 30, 44), drawn("both", n=20, height=30, width=44)
    made = smoothly_filled(x, hole)
    known = (hole == 0).expand_as(x)
    assert torch.equal(made[known], x[known])
    assert torch.equal(made, smoothly_filled(torch.where(known, x, 7.0), hole))
    assert float(made.max()) <= float(x.max())


def test_a_smooth_fill_of_one_colour_is_that_colour_and_of_nothing_is_grey() -> None:
    x, hole = torch.full((20, 1, 32, 32), 0.3), drawn("both", n=20, width=32)
    torch.testing.assert_close(smoothly_filled(x, hole), x)
    assert float(smoothly_filled(x, torch.ones_like(hole)).abs().max()) == 0


def test_a_smooth_fill_of_a_slope_is_nearer_than_its_mean() -> None:
    x = torch.linspace(-1, 1, 32).expand(20, 1, 32, 32)
    hole = drawn("rectangles", n=20, width=32)
    off = ((smoothly_filled(x, hole) - x).abs() * hole).sum() / hole.sum()
    assert float(off) < 0.5 * float((x.abs() * hole).sum() / hole.sum())
