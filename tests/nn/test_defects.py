"""Made defects: the truth marks what changed, nothing else changes, and what is drawn follows torch's seed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy import ndimage
from torch import Tensor

from imaginable.nn.defects import blemishes, cut_paste, strangers

Made = tuple[Tensor, Tensor]
VISIBLE = 0.1
"""of a range of 2"""


def all_blemished(x: Tensor) -> Made:
    return blemishes(x, share=1)


every_kind = pytest.mark.parametrize("make", [all_blemished, cut_paste])
every_colour = pytest.mark.parametrize("channels", [1, 3])


def busy(n: int = 64, channels: int = 3, side: int = 48) -> Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def seeded(make: Callable[[Tensor], Made], x: Tensor, seed: int = 0) -> Made:
    torch.manual_seed(seed)
    return make(x)


@every_kind
@every_colour
def test_the_truth_marks_exactly_what_can_be_seen_to_have_changed(
    make: Callable[[Tensor], Made], channels: int
) -> None:
    x = busy(channels=channels)
    made, truth = seeded(make, x)
    assert made.shape == x.shape
    assert truth.shape == (64, 1, 48, 48)
    assert set(truth.unique().tolist()) == {0.0, 1.0}
    difference = (made - x).abs().amax(1, keepdim=True)
    assert torch.equal(truth == 1, difference > VISIBLE)
    assert float(made.abs().max()) <= 1


@every_kind
def test_a_small_part_of_a_picture_is_covered_and_the_rest_is_left_to_the_last_bit(
    make: Callable[[Tensor], Made],
) -> None:
    x = busy(200)
    made, _ = seeded(make, x)
    changed = (made != x).any(1)
    assert 0.001 < float(changed.float().mean()) < 0.1
    assert float(changed.flatten(1).float().mean(1).max()) < 0.35, "the largest is a part, too"


@every_kind
def test_a_defect_is_one_place(make: Callable[[Tensor], Made]) -> None:
    """White pictures whose only other colour is black: what is covered with it hangs together."""
    x = torch.ones(80, 1, 48, 48)
    x[:, :, :, 24:] = -1
    made, _ = seeded(make, x)
    touching = ndimage.generate_binary_structure(2, 2)
    parts = [ndimage.label(one.numpy(), touching)[1] for one in (made != x)[:, 0]]
    assert max(parts) >= 1
    assert sum(count <= 2 for count in parts) > 0.9 * len(parts), "two where it crosses the edge between the colours"


@every_colour
@pytest.mark.parametrize("side", [16, 32, 64])
@every_kind
def test_every_defect_covers_something_however_small_the_picture(
    make: Callable[[Tensor], Made], side: int, channels: int
) -> None:
    x = busy(300, channels, side)
    made, _ = seeded(make, x)
    assert bool((made != x).flatten(1).any(1).all())


def test_every_cut_paste_of_a_busy_picture_can_be_seen() -> None:
    _, truth = seeded(cut_paste, busy(300, side=64))
    assert bool(truth.flatten(1).any(1).all())


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_as_many_pictures_are_blemished_as_asked(share: float) -> None:
    x = busy(400, side=32)
    made, _ = seeded(lambda x: blemishes(x, share), x)
    touched = int((made != x).flatten(1).any(1).sum())
    assert touched == pytest.approx(400 * share, abs=3 * (400 * share * (1 - share)) ** 0.5)


@every_kind
def test_what_covers_comes_from_the_pictures(make: Callable[[Tensor], Made]) -> None:
    """Two greys make a defect of greys between them, and of no others."""
    x = torch.where(busy(40, 1) > 0, 0.5, -0.5)
    made, truth = seeded(make, x)
    covered = made[truth == 1]
    assert float(covered.max()) <= 0.5
    assert float(covered.min()) >= -0.5
    assert float((covered.abs() == 0.5).float().mean()) > 0.2, "not all of them paler"


@every_kind
def test_plain_pictures_stay_plain(make: Callable[[Tensor], Made]) -> None:
    """Nothing stands elsewhere that could be seen, so nothing is marked."""
    x = torch.full((8, 3, 32, 32), 0.3)
    made, truth = seeded(make, x)
    torch.testing.assert_close(made, x)
    assert not truth.any()


@every_kind
def test_defects_follow_torchs_seed(make: Callable[[Tensor], Made]) -> None:
    x = busy(8)
    one, same, other = (seeded(make, x, seed) for seed in (0, 0, 1))
    assert torch.equal(one[0], same[0])
    assert torch.equal(one[1], same[1])
    assert not torch.equal(one[0], other[0])


@every_kind
def test_a_single_picture_will_do(make: Callable[[Tensor], Made]) -> None:
    made, _ = seeded(make, busy(1))
    assert made.shape == (1, 3, 48, 48)
    assert bool((made != busy(1)).any())


@every_kind
def test_defects_lie_anywhere(make: Callable[[Tensor], Made]) -> None:
    where = torch.cat([seeded(make, busy(200, side=32), seed)[1] for seed in range(12)]).mean(0)
    assert float(where.min()) > 0


@every_colour
def test_strangers_are_halves_of_two_pictures_or_turned(channels: int) -> None:
    x = busy(60, channels)
    torch.manual_seed(0)
    made = strangers(x)
    before = torch.roll(x, 1, 0)
    kinds = {
        **{f"turned {quarters}": torch.rot90(x, quarters, (2, 3)) for quarters in (1, 2, 3)},
        "lower": torch.cat([x[:, :, :24], before[:, :, 24:]], 2),
        "right": torch.cat([x[..., :24], before[..., 24:]], 3),
    }
    found = {name: int((made == kind).flatten(1).all(1).sum()) for name, kind in kinds.items()}
    assert sum(found.values()) == 60, "each is one of these"
    assert all(count > 0 for count in found.values())
    assert 15 <= found["lower"] + found["right"] <= 45, "about half"


def test_strangers_follow_the_seed() -> None:
    x = busy(16)
    torch.manual_seed(1)
    made = strangers(x)
    torch.manual_seed(1)
    assert torch.equal(strangers(x), made)
    torch.manual_seed(2)
    assert not torch.equal(strangers(x), made)
