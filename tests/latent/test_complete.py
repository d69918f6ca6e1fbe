"""Completion by codes: the known pixels decide, and come back as they were."""

from __future__ import annotations

import torch
from torch import Tensor

from imaginable.latent.complete import complete, with_means

BASIS = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))


def decode(z: Tensor, label: Tensor | None) -> Tensor:
    """Codes (n, 3) to pictures (n, 2, 8, 8): three patterns, added up."""
    return torch.tanh(torch.einsum("nk,kchw->nchw", z, 0.5 * BASIS))


def holed() -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, the same with another thing in the hole, and the hole."""
    z = 0.5 * torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    hole = torch.zeros(5, 1, 8, 8)
    hole[:, :, 2:6, 3:7] = 1
    x = decode(z, None)
    return x, torch.where(hole > 0, torch.rand(5, 2, 8, 8) - 3, x), hole


def test_the_hole_is_filled_with_what_was_there_before_it() -> None:
    x, spoilt, hole = holed()
    made = complete(decode, spoilt, hole, torch.zeros(1, 5, 3), lr=0.1)
    torch.testing.assert_close(made.items, x, atol=0.02, rtol=0)
    assert float(made.error.max()) < 1e-5


def test_known_pixels_come_back_to_the_last_bit() -> None:
    _, spoilt, hole = holed()
    made = complete(decode, spoilt, hole, torch.randn(2, 5, 3), steps=5)
    known = (hole == 0).expand_as(spoilt)
    assert torch.equal(made.items[known], spoilt[known])
    assert not torch.equal(made.items[~known], spoilt[~known])


def test_what_stands_in_the_hole_does_not_matter() -> None:
    x, spoilt, hole = holed()
    one, two = (complete(decode, of, hole, torch.zeros(1, 5, 3), steps=20) for of in (x, spoilt))
    assert torch.equal(one.codes, two.codes)


def test_a_start_has_the_mean_colour_of_what_is_known() -> None:
    _, spoilt, hole = holed()
    start = with_means(spoilt, hole)
    mean = spoilt[0, 1][hole[0, 0] == 0].mean()
    torch.testing.assert_close(start[0, 1, 3, 4], mean)
    assert torch.equal(start[:, :, 0], spoilt[:, :, 0])
