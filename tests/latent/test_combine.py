"""Sums and differences of codes."""

import pytest
import torch

from imaginable.latent.arithmetic import combine


def test_codes_are_added_and_taken_away_in_any_shape() -> None:
    a, b, c = torch.randn(3, 2, 4).unbind()
    torch.testing.assert_close(combine([a, b, c], [1, -1, 1]), a - b + c)
    assert torch.equal(combine([a], [-1]), -a)


def test_a_missing_sign_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 codes and 1 signs"):
        combine([torch.zeros(1), torch.zeros(1)], [1])
