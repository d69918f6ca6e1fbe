"""Minibatch standard deviation against loops over items, and on batches whose deviation is known."""

from __future__ import annotations

import pytest
import torch

from imaginable.nn.minibatch import MinibatchDeviation, minibatch_deviation


@pytest.mark.parametrize(("n", "group", "size"), [(8, 4, 4), (6, 4, 3), (5, 4, 1), (3, 4, 3), (8, 8, 8)])
def test_it_is_the_mean_deviation_over_the_items_of_a_group(n: int, group: int, size: int) -> None:
    x = torch.randn(n, 6, 3, 2, generator=torch.Generator().manual_seed(n))
    found = minibatch_deviation(x, group, features=2)
    assert found.shape == (n, 2, 1, 1)
    for item in range(n):
        members = [other for other in range(n) if other % (n // size) == item % (n // size)]
        assert len(members) == size
        for feature in range(2):
            part = x[members][:, 3 * feature : 3 * feature + 3]
            expected = ((part - part.mean(0)).square().mean(0) + 1e-8).sqrt().mean()
            torch.testing.assert_close(found[item, feature, 0, 0], expected)


def test_items_that_are_all_the_same_vary_by_nothing_and_their_slope_is_a_number() -> None:
    x = torch.ones(4, 2, 3, 3, requires_grad=True)
    found = minibatch_deviation(x)
    assert float(found.detach().max()) <= 1.01e-4
    found.sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


def test_twice_the_contrast_is_twice_the_deviation() -> None:
    x = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(minibatch_deviation(2 * x), 2 * minibatch_deviation(x))


def test_the_layer_appends_constant_maps() -> None:
    x = torch.randn(4, 3, 5, 6, dtype=torch.bfloat16)
    y = MinibatchDeviation(group=2)(x)
    assert y.shape == (4, 4, 5, 6)
    assert y.dtype == torch.bfloat16
    assert bool((y[:, :3] == x).all())
    assert bool((y[:, 3] == y[:, 3, :1, :1]).all())


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 channels cannot be cut into 2"):
        minibatch_deviation(torch.zeros(2, 3, 4, 4), features=2)
