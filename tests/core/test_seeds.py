"""Draws are pure functions of what they are for."""

import torch

from imaginable.core import seeds


def test_the_same_parts_give_the_same_seed_for_ever() -> None:
    assert seeds.derive(0, "order", 3) == seeds.derive(0, "order", 3) == 8682038268397892103


def test_other_parts_give_other_seeds() -> None:
    parts = [(0,), (1,), (0, 0), (0, "order"), ("ab", "c"), ("a", "bc"), ("abc",), (12, 3), (1, 23), ("",)]
    assert len({seeds.derive(*each) for each in parts}) == len(parts)


def test_a_seed_fits_where_torch_and_numpy_take_it() -> None:
    drawn = [seeds.derive(number) for number in range(2000)]
    assert all(0 <= seed < 2**63 for seed in drawn)
    assert max(drawn) > 2**62, "all bits are used"


def test_generators_repeat_and_leave_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (torch.randn(4, generator=seeds.generator(*p)) for p in [(1, "z"), (1, "z"), (2, "z")])
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
