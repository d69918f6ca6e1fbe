"""Codes of layers: exactly the named ones are exchanged, and what is measured on one layer holds for all."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imaginable.latent import directions
from imaginable.latent.invert import Reach, refine
from imaginable.latent.styles import in_all, mixed, restricted

LAYERS, STYLES = 5, 4


def shared(n: int = 400, seed: int = 0) -> Tensor:
    """Codes (n, layers, styles) that vary differently along every axis, around a middle, the same in all layers."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(n, STYLES, generator=generator) @ torch.randn(STYLES, STYLES, generator=generator) + 3
    return in_all(w, LAYERS)


def test_layers_are_taken_from_the_first_to_the_last_and_no_others() -> None:
    codes, other = torch.zeros(2, LAYERS, STYLES), torch.ones(LAYERS, STYLES)
    assert mixed(codes, other, (2, 4))[..., 0].tolist() == [[0, 1, 1, 1, 0]] * 2
    assert torch.equal(mixed(codes, other, (1, LAYERS)), other.expand_as(codes))
    assert not codes.any(), "what is given stays"


def test_a_vector_in_some_layers_is_nothing_in_the_others() -> None:
    vector = torch.ones(LAYERS, STYLES)
    assert restricted(vector, (5, 5))[:, 0].tolist() == [0, 0, 0, 0, 1]
    assert restricted(vector, None) is vector


@pytest.mark.parametrize("layers", [None, (2, 3)])
def test_a_deviation_of_one_layers_codes_is_one_of_all_layers_and_of_some(layers: tuple[int, int] | None) -> None:
    codes, way = shared(), torch.randn(STYLES, generator=torch.Generator().manual_seed(1))
    of_one = restricted(in_all(directions.in_deviations(way, codes[:, 0]), LAYERS), layers)
    of_all = directions.in_deviations(restricted(in_all(way, LAYERS), layers), codes)
    torch.testing.assert_close(of_one, of_all)
    along = codes[:, 0] @ (way / way.norm())
    torch.testing.assert_close(of_one[1].norm(), along.std(correction=0), msg="so far moves the code of a layer")


def test_components_of_one_layers_codes_are_those_of_all_layers() -> None:
    codes = shared()
    of_one, shares = directions.principal(codes[:, 0], 3)
    of_all, same = directions.principal(codes, 3)
    for one, all_layers in zip(in_all(of_one, LAYERS), of_all, strict=True):
        torch.testing.assert_close(one, all_layers * (one * all_layers).sum().sign(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(shares, same)


# ---- how far codes are plausible


def test_codes_around_a_middle_are_held_near_it_and_not_near_the_origin() -> None:
    middle = torch.full((3,), 10.0)
    draws = middle + torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    around, plain = Reach.of(draws, middle), Reach.of(draws)
    assert around.length < 4 < plain.length
    off = torch.tensor([3.0, 0, 0])
    inside, outside = (middle + off * around.length / 3)[None], (middle + off * around.length)[None]
    assert float(around.excess(inside)) == pytest.approx(0, abs=1e-6)
    assert float(around.excess(outside)) == pytest.approx(4, rel=1e-4), "three lengths away are two beyond"
    assert float(plain.excess(middle[None] * 0)) == 0


def test_without_a_middle_the_reach_is_a_length() -> None:
    z = torch.randn(20, 2, 3, generator=torch.Generator().manual_seed(3))
    reach = Reach.of(z)
    assert reach.length == float(z.flatten(1).norm(dim=1).quantile(0.95))
    expected = (z.flatten(1).norm(dim=1) / reach.length - 1).clamp(min=0).square()
    assert torch.equal(reach.excess(z), expected)


def test_a_descent_is_pulled_back_to_the_middle() -> None:
    """Items that want codes at 20: without a reach they get them, with one around 10 they stay nearer to that."""

    def same(codes: Tensor, label: Tensor | None) -> Tensor:
        return codes

    x, starts = torch.full((1, 3), 20.0), torch.full((1, 1, 3), 9.0)
    free = refine(same, x, starts, steps=60, lr=1.0)
    torch.testing.assert_close(free.codes, x, atol=0.5, rtol=0)
    middle = torch.full((3,), 10.0)
    held = refine(same, x, starts, reach=Reach(0.1, middle), steps=60, lr=1.0)
    assert float((held.codes - middle).norm()) < float((free.codes - middle).norm()) - 1
