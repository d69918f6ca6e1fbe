"""Peak signal to noise beside scikit-image's and torchmetrics'."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio as skimage_ratio
from torchmetrics.functional.image import peak_signal_noise_ratio as torchmetrics_ratio

from imaginable.metrics.reconstruction import mean_squared_error, peak_signal_to_noise


def test_peak_signal_to_noise_is_that_of_scikit_image_and_torchmetrics() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 3, 9, 12) * 2 - 1
    rebuilt = (x + torch.tensor([0.01, 0.1, 0.3, 1.0])[:, None, None, None] * torch.randn_like(x)).clamp(-1, 1)
    found = peak_signal_to_noise(mean_squared_error(x, rebuilt))
    first, second = ((1 + pictures.double()) / 2 for pictures in (x, rebuilt))
    expected = [skimage_ratio(a.numpy(), b.numpy(), data_range=1) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    theirs = torchmetrics_ratio(second, first, data_range=1.0, reduction="none", dim=(1, 2, 3))
    np.testing.assert_allclose(found, theirs.numpy(), rtol=1e-6)


def test_black_for_white_is_0_decibels_and_nothing_is_better_than_rounding() -> None:
    black, white = torch.full((1, 1, 4, 4), -1.0), torch.ones(1, 1, 4, 4)
    assert mean_squared_error(black, white).tolist() == [1.0]
    assert peak_signal_to_noise(np.array([1.0])).tolist() == [0.0]
    perfect = peak_signal_to_noise(mean_squared_error(white, white))
    assert perfect[0] == pytest.approx(10 * math.log10(12 * 255**2))
