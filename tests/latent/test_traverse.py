"""Traversals pass through their start, edits undo themselves, and dimensions come by what they carry."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from imaginable.latent.traverse import dimensions, moved, traversal


def test_a_traversal_is_the_code_plus_so_many_vectors() -> None:
    code, vector = torch.randn(2, 3, 4)
    way = traversal(code, vector, torch.tensor([-1.0, 0, 2]))
    assert way.shape == (3, 3, 4)
    torch.testing.assert_close(way[1], code)
    torch.testing.assert_close(way[2], code + 2 * vector)


@given(st.floats(-10, 10), st.integers(0, 1000))
def test_an_edit_followed_by_its_inverse_gives_the_same_code(amount: float, seed: int) -> None:
    code, vector = torch.randn(2, 16, generator=torch.Generator().manual_seed(seed))
    there = moved(code, [(vector, amount)])
    torch.testing.assert_close(moved(there, [(vector, -amount)]), code, rtol=1e-5, atol=1e-5)
    assert torch.equal(moved(code, [(vector, amount), (vector, -amount)]), code), "in one design even bit for bit"


def test_dimensions_come_strongest_first_in_their_own_deviation() -> None:
    axes, order = dimensions(torch.tensor([0.1, 5, 0, 2]), torch.tensor([1.0, 0.5, 1, 2]), 3)
    assert order.tolist() == [1, 3, 0]
    torch.testing.assert_close(axes, torch.tensor([[0, 0.5, 0, 0], [0, 0, 0, 2], [1.0, 0, 0, 0]]))
