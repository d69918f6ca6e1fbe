"""Truncated codes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import kstest, truncnorm

from imaginable.latent.truncate import truncated

Z = torch.randn(20_000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("threshold", [0.3, 1.0, 2.0])
def test_codes_follow_the_truncated_normal(threshold: float) -> None:
    found = truncated(Z, threshold)
    assert found.abs().max() <= threshold
    assert kstest(found.numpy(), truncnorm(-threshold, threshold).cdf).pvalue > 0.01
    density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    inside = math.erf(threshold / math.sqrt(2))
    assert float(found.var()) == pytest.approx(1 - 2 * threshold * density / inside, rel=0.03)


def test_ranks_and_the_middle_stay() -> None:
    found = truncated(Z, 0.5)
    assert torch.equal(found.argsort(), Z.argsort())
    assert float(truncated(torch.zeros(1), 0.5)) == pytest.approx(0, abs=1e-7)


def test_a_wide_threshold_changes_nothing_and_far_codes_stay_numbers() -> None:
    torch.testing.assert_close(truncated(Z, 9.0), Z, atol=1e-5, rtol=1e-4)
    far = truncated(torch.tensor([-40.0, 40.0]), 1.5)
    torch.testing.assert_close(far, torch.tensor([-1.5, 1.5]))


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_a_threshold_that_leaves_nothing_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        truncated(Z, threshold)
