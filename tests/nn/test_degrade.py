"""Low resolution as Pillow makes it, and what else may be done to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from imaginable.nn.degrade import Degradation, blurred, compressed, cropped, larger, rounded, smaller


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """uint8 values in [-1, 1]: noise, and smooth waves."""
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    waves = torch.stack([(rows / 5).sin(), (columns / 3).cos(), ((rows + columns) / 9).sin()])
    return rounded(torch.stack([torch.rand(3, 48, 64) * 2 - 1, waves]))


def by_pillow(channel: np.ndarray, height: int, width: int) -> np.ndarray:
    resized = Image.fromarray(channel).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized).astype(np.float64)


@pytest.mark.parametrize("factor", [2, 4])
def test_smaller_and_larger_are_pillows_bicubic(pictures: Tensor, factor: int) -> None:
    for resize in (smaller, larger):
        for one, made in zip(pictures.flatten(0, 1), resize(pictures, factor).flatten(0, 1), strict=True):
            np.testing.assert_allclose(made.numpy(), by_pillow(one.numpy(), *made.shape), atol=1e-5)


@pytest.mark.parametrize(("contrast", "most"), [(0.5, 1), (1.0, 5)])
def test_as_files_they_differ_by_pillows_rounding(pictures: Tensor, contrast: float, most: int) -> None:
    """Pillow rounds, and cuts off what leaves 0..255, between rows and columns; torch only at the end."""
    x = rounded(contrast * pictures)
    for one, made in zip(x.flatten(0, 1), rounded(smaller(x, 2)).flatten(0, 1), strict=True):
        wanted = by_pillow(((one + 1) * 127.5).round().to(torch.uint8).numpy(), *made.shape)
        assert np.abs((made.numpy() + 1) * 127.5 - wanted).max() <= most + 1e-3


def test_by_default_nothing_is_done_but_making_smaller(pictures: Tensor) -> None:
    assert torch.equal(Degradation(4)(pictures), rounded(smaller(pictures, 4)))


def test_blur_is_a_gaussian_of_each_items_own_width() -> None:
    x = torch.zeros(2, 2, 41, 41)
    x[:, :, 20, 20] = 1
    made = blurred(x, torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(made[0], x[0])
    places = torch.arange(41.0) - 20
    spread = made[1].sum(1) @ places.square()
    torch.testing.assert_close(made[1].sum((1, 2)), torch.ones(2))
    torch.testing.assert_close(spread, torch.full((2,), 4.0), rtol=0.05, atol=0)


def test_noise_has_the_stated_strength(pictures: Tensor) -> None:
    flat = torch.zeros(200, 1, 32, 32)
    torch.manual_seed(0)
    deviations = 127.5 * Degradation(2, noise=10)(flat).flatten(1).std(1)
    assert float(deviations.max()) < 11
    assert 4 < float(deviations.mean()) < 6


def test_jpeg_loses_more_at_a_lower_quality_and_takes_grey(pictures: Tensor) -> None:
    errors = [float((compressed(pictures[1:], [quality]) - pictures[1:]).square().mean()) for quality in (90, 10)]
    assert 0 < errors[0] < errors[1]
    assert compressed(pictures[:, :1], [50, 50]).shape == (2, 1, 48, 64)
    assert Degradation(2, jpeg=95)(pictures).shape == (2, 3, 24, 32)


def test_draws_follow_torchs_seed(pictures: Tensor) -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(Degradation(2, blur=2, noise=5, jpeg=30)(pictures))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_crops_are_parts_at_places_of_their_own() -> None:
    x = torch.arange(40 * 40.0).view(1, 1, 40, 40).repeat(64, 1, 1, 1)
    torch.manual_seed(0)
    made = cropped(x, 32)
    firsts = made[:, 0, 0, 0]
    assert len(set(firsts.tolist())) > 20, "of 81 places"
    torch.testing.assert_close(made - firsts[:, None, None, None], (x[:, :, :32, :32]))
    assert cropped(x, 40) is x
