"""Three digits stacked into one picture: which ones, in which channel, and that none is on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from imaginable.core.errors import UserError
from imaginable.data import toys
from imaginable.data.check import check
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.data.sources import open_source


def originals() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """40 pictures of 2 pixels a side that tell their number, its last digit, and the last ten held out."""
    number = np.arange(40)
    pictures = np.broadcast_to(number[:, None, None], (40, 2, 2)).astype(np.uint8)
    return pictures, number % 10, number >= 30


def prepared(source: str, limit: int | None = None, size: int = 8) -> Dataset:
    return prepare(DataOptions(source, size=size, limit=limit))


def grey(dataset: Dataset, index: np.ndarray) -> set[bytes]:
    """The channels of its items `index`, each as a grey picture."""
    return {channel.tobytes() for channel in np.moveaxis(dataset.items[index], -1, 1).reshape(-1, 64)}


def test_a_channel_is_an_original_and_its_label_that_originals() -> None:
    pictures, labels, _ = toys.stacked(*originals(), count=500)
    assert pictures.shape == (500, 2, 2, 3)
    assert pictures.dtype == np.uint8
    assert (pictures == pictures[:, :1, :1]).all()
    np.testing.assert_array_equal(labels, pictures[:, 0, 0] % 10)


def test_held_out_originals_are_in_held_out_pictures_only_and_all_are_used() -> None:
    pictures, _, held_out = toys.stacked(*originals(), count=1000)
    assert held_out.sum() == 100
    assert set(np.unique(pictures[held_out])) == set(range(30, 40))
    assert set(np.unique(pictures[~held_out])) == set(range(30))


def test_a_stack_depends_on_its_number_and_the_seed_only() -> None:
    few, more = toys.stacked(*originals(), count=7), toys.stacked(*originals(), count=50)
    for short, long in zip(few, more, strict=True):
        np.testing.assert_array_equal(short, long[:7])
    assert not np.array_equal(few[0], toys.stacked(*originals(), count=7, seed=1)[0])


def test_the_channels_are_independent_and_every_triple_is_as_likely() -> None:
    _, labels, _ = toys.stacked(*originals(), count=20_000)
    correlation = np.corrcoef(labels.T) - np.eye(3)
    assert np.abs(correlation).max() < 0.03
    counts = np.bincount(labels @ [100, 10, 1], minlength=1000)  # 20 are expected of each
    assert counts.min() > 3
    assert 0.8 < counts.var() / counts.mean() < 1.2, "as of a Poisson distribution"


def test_the_built_in_is_coloured_with_its_digits_as_factors() -> None:
    dataset = prepared("stacked-digits", limit=40, size=16)
    assert dataset.spec.shape == (3, 16, 16)
    assert dataset.spec.factors == ("red", "green", "blue")
    assert dataset.spec.classes == ()
    assert dataset.factors.shape == (40, 3)
    assert set(np.unique(dataset.factors)) <= set(range(10))
    assert dataset.held_out.tolist() == [1, 11, 21, 31]
    with open_source(DataOptions("stacked-digits")) as source:
        assert len(source.items) == 20_000
        assert source.own_size == 32


def test_its_held_out_digits_are_those_that_digits_holds_out() -> None:
    stacked, digits = prepared("stacked-digits", limit=3000), prepared("digits")
    assert grey(stacked, stacked.held_out) <= grey(digits, digits.held_out)
    assert grey(stacked, stacked.train) <= grey(digits, digits.train)


def test_its_factors_are_the_digits_of_its_channels() -> None:
    stacked, digits = prepared("stacked-digits", limit=60), prepared("digits")
    named = {
        picture.tobytes(): digits.spec.classes[label]
        for picture, label in zip(digits.items, digits.labels.tolist(), strict=True)
    }
    for picture, factors in zip(stacked.items, stacked.factors, strict=True):
        assert [named[picture[..., channel].tobytes()] for channel in range(3)] == [f"{digit:.0f}" for digit in factors]


def test_two_are_enough_to_hold_one_out() -> None:
    dataset = prepared("stacked-digits", limit=2)
    assert (dataset.train.tolist(), dataset.held_out.tolist()) == ([0], [1])
    with pytest.raises(UserError, match="--limit 1"):
        prepared("stacked-digits", limit=1)


def test_check_counts_them_and_does_not_propose_to_flip() -> None:
    checked = check(DataOptions("stacked-digits", limit=300))
    assert checked.splits == {"train": 270, "validation": 30}
    assert checked.proposed_size == 32
    assert not checked.proposed_flip
    assert not checked.duplicates
