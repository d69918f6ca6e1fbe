"""Structural similarity beside scikit-image's and torchmetrics'."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity as skimage_similarity
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure as torchmetrics_multiscale,
)
from torchmetrics.functional.image import structural_similarity_index_measure as torchmetrics_similarity

from imaginable.metrics.score import Undefined
from imaginable.metrics.structure import WEIGHTS, multiscale_structural_similarity, scales, structural_similarity

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def pairs(size: int, channels: int, n: int = 3, width: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Smooth random pictures, and the same ones darker and with noise that grows from picture to picture."""
    random = np.random.default_rng(size)
    coarse = torch.from_numpy(random.uniform(0, 255, (n, channels, size // 4, (width or size) // 4)))
    smooth = F.interpolate(coarse, (size, width or size), mode="bicubic").clamp(0, 255).numpy().transpose(0, 2, 3, 1)
    noise = random.normal(0, np.linspace(5, 60, n)[:, None, None, None], smooth.shape)
    return smooth.astype(np.uint8), np.clip(0.8 * smooth + noise, 0, 255).astype(np.uint8)


def tensor(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).double()


@pytest.mark.parametrize(("size", "width", "channels"), [(11, 11, 1), (28, 28, 1), (32, 45, 3)])
def test_it_is_that_of_scikit_image(size: int, width: int, channels: int) -> None:
    first, second = pairs(size, channels, width=width)
    expected = [
        skimage_similarity(
            x.astype(float), y.astype(float), data_range=255, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, win_size=11, channel_axis=2,
        )
        for x, y in zip(first, second, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(structural_similarity(first, second), expected, rtol=1e-9)


def whole_and_inner(first: Tensor, second: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """torchmetrics' SSIM, whose windows reach over the (mirrored) border, and the mean of its inner windows alone."""
    found = torchmetrics_similarity(first, second, data_range=255.0, reduction="none", return_full_image=True)
    assert isinstance(found, tuple)
    return found[0].numpy(), found[1][..., 5:-5, 5:-5].mean((1, 2, 3)).numpy()


@pytest.mark.parametrize(("size", "channels"), [(11, 3), (28, 1), (64, 3)])
def test_it_is_that_of_torchmetrics_inside_the_border(size: int, channels: int) -> None:
    first, second = pairs(size, channels)
    _, expected = whole_and_inner(tensor(first), tensor(second))
    np.testing.assert_allclose(structural_similarity(first, second), expected, rtol=1e-6)


@pytest.mark.parametrize(("size", "count", "channels"), [(16, 1, 1), (28, 2, 1), (47, 3, 3), (100, 4, 1), (177, 5, 1)])
def test_multiscale_is_that_of_torchmetrics_but_for_the_border(size: int, count: int, channels: int) -> None:
    """theirs reaches over the border in SSIM, so at the coarsest scale alone: that one factor is exchanged"""
    assert scales(size) == count
    first, second = pairs(size, channels, n=2)
    betas = tuple(weight / sum(WEIGHTS[:count]) for weight in WEIGHTS[:count])
    coarsest = [F.avg_pool2d(tensor(pictures), 2 ** (count - 1)) for pictures in (first, second)]
    theirs = torchmetrics_multiscale(
        tensor(first), tensor(second), data_range=255.0, reduction="none", betas=betas, normalize="relu"
    ).numpy()
    whole, inner = whole_and_inner(*coarsest)
    assert np.abs(inner / whole - 1).max() > 1e-3  # the exchange matters
    ours = multiscale_structural_similarity(first, second)
    np.testing.assert_allclose(ours, theirs * (inner / whole) ** betas[-1], rtol=1e-6)


@pytest.mark.parametrize("measure", [structural_similarity, multiscale_structural_similarity])
def test_the_same_pictures_give_1_and_more_noise_less(measure: Measure) -> None:
    first, _ = pairs(28, 3, n=5)
    assert measure(first, first).tolist() == [1.0] * 5
    flat = np.full((1, 28, 28, 1), 9, np.uint8)
    assert measure(flat, flat).tolist() == [1.0]
    first = first[:1].repeat(5, 0)
    noise = np.random.default_rng(0).normal(0, 1, first.shape[1:])
    second = np.clip(first + np.array([2, 5, 10, 20, 50])[:, None, None, None] * noise, 0, 255).astype(np.uint8)
    found = measure(first, second)
    assert (np.diff(found) < 0).all()
    assert ((found > 0) & (found < 1)).all()
    np.testing.assert_allclose(measure(second, first), found, rtol=1e-12)


def test_flat_pictures_differ_by_luminance_alone() -> None:
    first, second = (np.full((1, 28, 28, 3), level, np.uint8) for level in (40, 60))
    luminance = (2 * 40 * 60 + 6.5025) / (40**2 + 60**2 + 6.5025)
    assert structural_similarity(first, second)[0] == pytest.approx(luminance)
    assert multiscale_structural_similarity(first, second)[0] == pytest.approx(luminance ** (0.2856 / 0.3304))


def test_opposite_pictures_are_below_zero_at_one_scale_and_zero_over_several() -> None:
    first = np.random.default_rng(0).integers(256, size=(2, 28, 28, 1), dtype=np.uint8)
    assert (structural_similarity(first, 255 - first) < -0.5).all()
    assert multiscale_structural_similarity(first, 255 - first).tolist() == [0.0, 0.0]


def test_every_scale_has_room_for_a_window() -> None:
    assert [scales(size) for size in (11, 21, 22, 43, 44, 87, 88, 175, 176, 1000)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for size in range(11, 400):
        assert size // 2 ** (scales(size) - 1) >= 11
        assert scales(size) == 5 or size // 2 ** scales(size) < 11


def test_a_picture_is_measured_the_same_alone_and_among_many() -> None:
    first, second = pairs(128, 3, n=70)  # several blocks
    alone = structural_similarity(first[69:], second[69:])
    np.testing.assert_array_equal(structural_similarity(first, second)[69:], alone)


@pytest.mark.parametrize("measure", [structural_similarity, multiscale_structural_similarity])
def test_small_pictures_and_unequal_numbers_are_refused(measure: Measure) -> None:
    small = np.zeros((2, 10, 32, 1), np.uint8)
    with pytest.raises(Undefined, match="at least 11 pixels, not 10"):
        measure(small, small)
    with pytest.raises(ValueError, match="one by one"):
        measure(small, small[:1])
