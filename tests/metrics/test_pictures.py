"""Every metric on pictures takes the same pictures and refuses the same others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from imaginable.metrics.pictures import blocks
from imaginable.metrics.sharpness import sharpness, spectrum
from imaginable.metrics.sliced_wasserstein import sliced_wasserstein
from imaginable.metrics.structure import multiscale_structural_similarity, structural_similarity

GOOD = np.random.default_rng(0).integers(256, size=(50, 16, 16, 1), dtype=np.uint8)
PAIRS: list[Callable[[Any, Any], Any]] = [
    structural_similarity,
    multiscale_structural_similarity,
    sharpness,
    sliced_wasserstein,
]


@pytest.mark.parametrize("bad", [GOOD.astype(np.float32), GOOD / 255, GOOD.astype(np.int64)])
def test_only_uint8_is_taken(bad: np.ndarray) -> None:
    for metric in PAIRS:
        for pair in ((bad, GOOD), (GOOD, bad)):
            with pytest.raises(ValueError, match=f"must be uint8 .* not {bad.dtype}"):
                metric(*pair)
    with pytest.raises(ValueError, match="must be uint8"):
        spectrum(bad)


@pytest.mark.parametrize("bad", [GOOD[..., 0], GOOD[:0], GOOD.repeat(4, 3), GOOD.transpose(0, 3, 1, 2)])
def test_other_shapes_are_refused(bad: np.ndarray) -> None:
    for metric in PAIRS:
        with pytest.raises(ValueError, match="were expected"):
            metric(bad, bad)


@pytest.mark.parametrize("other", [GOOD[:, :12], GOOD.repeat(3, 3)])
def test_pictures_of_different_sizes_or_channels_are_refused(other: np.ndarray) -> None:
    for metric in PAIRS:
        with pytest.raises(ValueError, match="cannot be compared"):
            metric(GOOD, other)


def test_blocks_cover_every_picture_once() -> None:
    pictures = np.arange(7 * 1024 * 1024, dtype=np.int64).reshape(7, 1024, 512, 2).astype(np.uint8)
    assert [picture for block in blocks(pictures) for picture in range(7)[block]] == list(range(7))
    assert len(list(blocks(pictures))) == 7
    assert len(list(blocks(GOOD))) == 1
