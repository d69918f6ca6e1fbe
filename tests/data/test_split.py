"""What is held out depends on content alone, and is about one in ten."""

from __future__ import annotations

import numpy as np
import pytest

from imaginable.data.split import split, straddling


def keys(count: int) -> list[str]:
    return [f"content {index}" for index in range(count)]


def test_about_one_in_ten_and_every_item_once() -> None:
    division = split(keys(5000), [None] * 5000)
    assert 400 < len(division.held_out) < 600
    assert sorted([*division.train, *division.held_out]) == list(range(5000))
    assert len(division.unused) == 0


def test_order_and_company_do_not_matter() -> None:
    names = keys(400)
    alone = {names[index] for index in split(names, [None] * 400).held_out}
    backwards = [*names[::-1], "new 1", "new 2"]
    again = {backwards[index] for index in split(backwards, [None] * 402).held_out}
    assert alone == again - {"new 1", "new 2"}


def test_duplicates_stay_together() -> None:
    doubled = keys(200) * 3
    division = split(doubled, [None] * 600)
    assert not {doubled[i] for i in division.train} & {doubled[i] for i in division.held_out}
    assert straddling(doubled, division) == []


@pytest.mark.parametrize("count", range(2, 12))
def test_small_sets_keep_something_on_both_sides(count: int) -> None:
    for trial in range(20):
        division = split([f"{trial} {index}" for index in range(count)], [None] * count)
        assert len(division.train) >= 1
        assert len(division.held_out) >= 1


def test_given_splits_hold() -> None:
    named = ["train", "test", None, "validation", "test", "train"]
    division = split(keys(6), named)
    assert division.train.tolist() == [0, 2, 5]
    assert division.held_out.tolist() == [3]
    assert division.unused.tolist() == [1, 4]
    without = split(keys(6), ["test" if name == "validation" else name for name in named])
    assert without.held_out.tolist() == [1, 3, 4]


@pytest.mark.parametrize("only", ["train", "test"])
def test_one_given_split_is_divided_by_content(only: str) -> None:
    division = split(keys(100), [only] * 100)
    free = split(keys(100), [None] * 100)
    assert np.array_equal(division.held_out, free.held_out)


def test_copies_across_given_splits_are_reported() -> None:
    division = split(["a", "b", "a", "c"], ["train", "train", "test", "test"])
    assert straddling(["a", "b", "a", "c"], division) == [2]
