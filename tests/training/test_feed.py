"""The order of the data: everything once an epoch, and a pure function of seed and images seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import Tensor

from imaginable.core import distributed
from imaginable.core.types import Batch, DataSpec, Kind
from imaginable.data.dataset import Dataset
from imaginable.training.feed import Feed

COUNT = 10


def numbered(kind: str = "points") -> Dataset:
    """Ten items to train on that show their number, and two held out (100 and 101)."""
    numbers = np.array([*range(COUNT), 100, 101])
    shape = (1, 16, 16) if kind == "images" else (1,)
    items = numbers.astype(np.float32)[:, None]
    if kind == "images":  # the number left, white right
        items = np.full((12, 16, 16, 1), 255, dtype=np.uint8)
        items[:, :, :8] = numbers[:, None, None, None]
    every = np.arange(12)
    spec = DataSpec("images" if kind == "images" else "points", shape, count=COUNT)
    nothing = np.zeros((12, 0), np.float32)
    return Dataset(spec, items, np.full(12, -1), nothing, tuple(map(str, every)), every[:COUNT], every[COUNT:])


def drawn(feed: Feed, seen: int) -> list[int]:
    return [int(value) for value in feed.batch(seen).x.flatten()]


def in_order(batch: int, seed: int = 0, upto: int = 40) -> list[int]:
    feed = Feed(numbered(), batch, seed, flip=False)
    return [item for seen in range(0, upto, batch) for item in drawn(feed, seen)]


@pytest.mark.parametrize("batch", [1, 4, 5, 10, 20, 40])
def test_every_epoch_sees_each_item_once_and_none_held_out(batch: int) -> None:
    items = in_order(batch)
    for epoch in range(4):
        assert sorted(items[COUNT * epoch : COUNT * (epoch + 1)]) == list(range(COUNT))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    items = in_order(10)
    orders = [items[:10], items[10:20], items[20:30], in_order(10, seed=1)[:10], list(range(COUNT))]
    assert len({tuple(order) for order in orders}) == len(orders)


def test_the_batch_size_does_not_change_the_order() -> None:
    assert in_order(4) == in_order(5) == in_order(40)


def test_a_batch_does_not_depend_on_what_was_drawn_before() -> None:
    walked = Feed(numbered(), 4, 0, flip=False)
    history = {seen: drawn(walked, seen) for seen in range(0, 60, 4)}
    for seen in (56, 8, 28, 0):  # 8 and 28 straddle epochs
        assert drawn(Feed(numbered(), 4, 0, flip=False), seen) == history[seen]
        assert drawn(walked, seen) == history[seen], "nor on a jump back"


def test_a_batch_may_be_larger_than_the_data() -> None:
    items = drawn(Feed(numbered(), 25, 0, flip=False), 0)
    assert len(items) == 25
    assert sorted(items[:10]) == sorted(items[10:20]) == list(range(COUNT))
    assert items == in_order(5)[:25]


def mirrored(feed: Feed, seen: int) -> list[bool]:
    return [bool(picture[0, 0, 0] == 1) for picture in feed.batch(seen).x]  # white left


def test_half_is_mirrored_and_which_half_is_repeatable() -> None:
    feeds = [Feed(numbered("images"), 20, 0, flip=True) for _ in range(2)]
    sides = [[side for seen in range(0, 2000, 20) for side in mirrored(feed, seen)] for feed in feeds]
    assert sides[0] == sides[1]
    assert abs(np.mean(sides[0]) - 0.5) < 5 * 0.5 / 2000**0.5
    assert sides[0][:10] != sides[0][10:20], "other sides in every epoch"


def test_a_mirrored_picture_is_the_picture_mirrored_and_the_order_stays() -> None:
    plain, flipped = (Feed(numbered("images"), 10, 0, flip=flip).batch(0).x for flip in (False, True))
    sides = mirrored(Feed(numbered("images"), 10, 0, flip=True), 0)
    assert True in sides
    assert False in sides
    for before, after, side in zip(plain, flipped, sides, strict=True):
        assert after.equal(before.flip(-1) if side else before)
    assert not any(mirrored(Feed(numbered("images"), 10, 0, flip=False), 0))


def test_ranks_share_a_batch_without_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(Feed(numbered(), 8, 0, flip=False), 8)
    monkeypatch.setattr(distributed, "ranks", lambda: 2)
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        parts.append(drawn(Feed(numbered(), 8, 0, flip=False), 8))
    assert parts[0] + parts[1] == whole


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 8])
def test_about_a_quarter_of_the_batches_bring_held_out_items_whichever_a_phase_sees(stride: int) -> None:
    feed = Feed(numbered("images"), 4, 0, flip=False)
    batches = [feed.batch(4 * stride * turn) for turn in range(200)]
    brought = [batch.held_out for batch in batches if batch.held_out is not None]
    assert len(brought) == pytest.approx(50, abs=5)
    for x in brought:
        assert x.shape == (4, 1, 16, 16)
        shown = [round(float(value)) for value in (x[:, 0, 0, 0] + 1) * 127.5]
        assert set(shown) == {100, 101}


def test_points_come_without_held_out_ones() -> None:
    feed = Feed(numbered(), 4, 0, flip=False)
    assert all(feed.batch(4 * turn).held_out is None for turn in range(20))


def two_sided(kind: Kind) -> Dataset:
    """The numbers as pictures, and B: each number + 10 for pairs; the seven from 50 to 56 for domains."""
    data, every = numbered("images"), np.arange(12)
    targets = data.items.copy()
    targets[:, :, :8] = (data.items[:, :, :8] + 10) if kind == "pairs" else 50 + every[:, None, None, None]
    spec = replace(data.spec, kind=kind, target_shape=data.spec.shape)
    return replace(data, spec=spec, targets=targets, target_train=every[:7], target_held_out=every[7:])


def left(x: Tensor | None) -> list[int]:
    """The numbers that pictures show, on whichever side they are."""
    assert x is not None
    return [int(value) for value in ((x.amin((1, 2, 3)) + 1) * 127.5).round()]


@pytest.mark.parametrize("flip", [False, True])
def test_partners_come_together_and_are_mirrored_together(flip: bool) -> None:
    batch = Feed(two_sided("pairs"), 20, 0, flip=flip).batch(0)
    assert batch.y is not None
    assert left(batch.y) == [number + 10 for number in left(batch.x)]
    white_left = [[bool(picture[0, 0, 0] == 1) for picture in side] for side in (batch.x, batch.y)]
    assert white_left[0] == white_left[1]
    assert any(white_left[0]) == flip


def test_domains_come_in_orders_of_their_own() -> None:
    feed = Feed(two_sided("domains"), 5, 0, flip=True)
    batches = [feed.batch(seen) for seen in range(0, 70, 5)]
    first, second = ([number for batch in batches for number in left(side(batch))] for side in (of_a, of_b))
    assert all(sorted(first[at : at + 10]) == list(range(10)) for at in range(0, 70, 10))
    assert all(sorted(second[at : at + 7]) == list(range(50, 57)) for at in range(0, 70, 7)), "nothing held out"
    fresh = Feed(two_sided("domains"), 5, 0, flip=True).batch(45)
    assert left(fresh.y) == second[45:50], "nor does it matter what was drawn before"
    assert left(Feed(two_sided("domains"), 5, 1, flip=True).batch(0).y) != second[:5]
    white = [[bool(picture[0, 0, 0] == 1) for batch in batches for picture in side(batch)] for side in (of_a, of_b)]
    assert white[0] != white[1], "mirrored independently"


def of_a(batch: Batch) -> Tensor:
    return batch.x


def of_b(batch: Batch) -> Tensor:
    assert batch.y is not None
    return batch.y
