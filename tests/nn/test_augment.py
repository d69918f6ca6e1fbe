"""What each change does to a picture, how often it is made, and how the strength moves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from imaginable.nn.augment import Augment, Mode, cut, placed, recoloured

CHANNELS = pytest.mark.parametrize("channels", [1, 3])
CHANGING: list[Mode] = ["diff", "adaptive"]


def pictures(n: int = 8, channels: int = 3, size: int = 16, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, channels, size, size, dtype=dtype, generator=torch.Generator().manual_seed(0)) * 2 - 1


def strong(mode: Mode, strength: float = 0.5) -> Augment:
    augment = Augment(mode)
    if mode == "adaptive":
        augment.strength.fill_(strength)
    torch.manual_seed(1)
    return augment


def ones(n: int, value: float = 1.0) -> Tensor:
    return torch.full((n,), value)


# ---- the changes, one at a time


@CHANNELS
def test_brightness_is_added(channels: int) -> None:
    x, b = pictures(channels=channels), torch.linspace(-0.5, 0.5, 8)
    torch.testing.assert_close(recoloured(x, b, ones(8), ones(8)), x + b[:, None, None, None])


@CHANNELS
def test_contrast_keeps_the_mean_and_stretches_what_differs_from_it(channels: int) -> None:
    x, c = pictures(channels=channels), torch.linspace(0.5, 1.5, 8)
    y = recoloured(x, ones(8, 0), ones(8), c)
    torch.testing.assert_close(y.mean((1, 2, 3)), x.mean((1, 2, 3)))
    torch.testing.assert_close(y.std((1, 2, 3)), c * x.std((1, 2, 3)))


def test_saturation_keeps_each_pixels_grey_and_at_zero_leaves_nothing_else() -> None:
    x = pictures()
    grey = x.mean(1, keepdim=True)
    y = recoloured(x, ones(8, 0), ones(8, 1.7), ones(8))
    torch.testing.assert_close(y - grey, 1.7 * (x - grey))
    torch.testing.assert_close(recoloured(x, ones(8, 0), ones(8, 0), ones(8)), grey.expand_as(x))


def test_grey_pictures_have_no_saturation() -> None:
    x = pictures(channels=1)
    torch.testing.assert_close(recoloured(x, ones(8, 0), ones(8, 0.3), ones(8)), x)


def test_colours_change_in_the_order_brightness_saturation_contrast() -> None:
    x, b, s, c = pictures(), 0.3, 1.5, 0.6
    y = x + b
    y = y.mean(1, keepdim=True) + s * (y - y.mean(1, keepdim=True))
    mean = y.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(recoloured(x, ones(8, b), ones(8, s), ones(8, c)), mean + c * (y - mean))


@pytest.mark.parametrize("size", [15, 16])
def test_a_shift_by_whole_pixels_moves_them_and_shows_nothing_beyond_the_edge(size: int) -> None:
    x, expected = pictures(1, size=size), torch.zeros(1, 3, size, size)
    expected[:, :, :-3, 2:] = x[:, :, 3:, :-2]  # right by 2, up by 3
    y = placed(x, torch.tensor([[2.0, -3.0]]), ones(1), ones(1, 0), "zeros")
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=0)


def test_reflected_the_edge_shows_the_picture_again() -> None:
    x = pictures(1)
    y = placed(x, torch.tensor([[2.0, 0.0]]), ones(1), ones(1, 0), "reflection")
    torch.testing.assert_close(y[..., 2:], x[..., :-2])
    torch.testing.assert_close(y[..., :2], x[..., :2].flip(-1))


@pytest.mark.parametrize("quarters", [-1, 0, 1, 2])
def test_a_turn_by_quarters_is_exact_and_counter_clockwise(quarters: int) -> None:
    x = pictures()
    y = placed(x, torch.zeros(8, 2), ones(8), ones(8, quarters * math.pi / 2), "reflection")
    torch.testing.assert_close(y, torch.rot90(x, quarters, (2, 3)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("zoom", [0.5, 1.5, 2.0])
def test_a_zoom_flattens_a_slope_about_the_centre(zoom: float) -> None:
    slope = (torch.arange(16) - 7.5).expand(1, 1, 16, 16)
    y = placed(slope, torch.zeros(1, 2), ones(1, zoom), ones(1, 0), "zeros")
    torch.testing.assert_close(y[..., 4:12, 5:11], slope[..., 4:12, 5:11] / zoom)


def test_the_turn_comes_before_the_shift() -> None:
    x, shift, angle = pictures(1), torch.tensor([[3.0, 1.0]]), ones(1, math.pi / 2)
    turned = placed(x, torch.zeros(1, 2), ones(1), angle, "zeros")
    expected = placed(turned, shift, ones(1), ones(1, 0), "zeros")
    torch.testing.assert_close(placed(x, shift, ones(1), angle, "zeros"), expected, atol=1e-5, rtol=0)


def test_a_box_of_half_the_sides_is_cut_where_it_is_said() -> None:
    x = ones(2)[:, None, None, None].expand(2, 3, 16, 16)
    y = cut(x, torch.tensor([[8.0, 5.0], [0.0, 15.0]]))
    hole = y == 0
    assert hole[0, :, 1:9, 4:12].all()  # rows about 5, columns about 8
    assert hole[0].sum() == 3 * 8 * 8
    assert hole[1, :, 11:, :4].all(), "cut off at the edge"
    assert hole[1].sum() == 3 * 5 * 4


def test_no_box_is_cut_about_nowhere() -> None:
    x = pictures()
    assert torch.equal(cut(x, torch.full((8, 2), -math.inf)), x)


# ---- the whole


def test_none_is_nothing() -> None:
    augment, x = Augment("none"), pictures()
    assert augment(x) is x
    assert not augment.state_dict()


@pytest.mark.parametrize("mode", CHANGING)
def test_points_pass(mode: Mode) -> None:
    x = torch.randn(5, 2)
    assert strong(mode)(x) is x


def test_at_strength_zero_pictures_pass_and_nothing_is_drawn() -> None:
    augment, x = strong("adaptive", 0), pictures()
    before = torch.get_rng_state()
    assert augment(x) is x
    assert torch.equal(torch.get_rng_state(), before)


@CHANNELS
@pytest.mark.parametrize("mode", CHANGING)
def test_every_item_has_its_own_draws_from_the_global_generator(mode: Mode, channels: int) -> None:
    augment, x = strong(mode), pictures(1, channels).expand(6, -1, -1, -1)
    y = augment(x)
    assert y.shape == x.shape
    assert len({tuple(one.flatten().tolist()) for one in y}) == 6
    torch.manual_seed(1)
    assert torch.equal(augment(x), y)


@pytest.mark.parametrize("mode", CHANGING)
def test_items_do_not_influence_each_other(mode: Mode) -> None:
    augment, x = strong(mode), pictures()
    first = augment(x)
    x[3:] = 0.1
    torch.manual_seed(1)
    torch.testing.assert_close(augment(x)[:3], first[:3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mode", CHANGING)
def test_the_precision_is_the_pictures_own_under_autocast_too(mode: Mode, dtype: torch.dtype) -> None:
    augment, x = strong(mode), pictures(dtype=dtype)
    y = augment(x)
    assert y.dtype == dtype
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augment(x), y)


@CHANNELS
@pytest.mark.parametrize("mode", CHANGING)
def test_gradients_reach_the_picture(mode: Mode, channels: int) -> None:
    """Against finite differences, and the gradient's own, which penalties need: the change is affine in x."""
    augment, x = strong(mode), pictures(2, channels, 6, torch.float64).requires_grad_()

    def changed(x: Tensor) -> Tensor:
        torch.manual_seed(4)
        return augment(x)

    assert torch.autograd.gradcheck(changed, x)
    assert torch.autograd.gradgradcheck(lambda x: changed(x).square(), x)


@pytest.mark.parametrize("padding", ["zeros", "reflection"])
def test_resampling_is_differentiable_as_often_as_wished(padding: str) -> None:
    x = pictures(2, 1, 5, torch.float64).requires_grad_()
    arguments = torch.tensor([[1.0, 0.0], [0.3, -1.2]]).double(), torch.tensor([1.2, 0.8]).double()

    def moved(x: Tensor) -> Tensor:
        return placed(x, *arguments, torch.tensor([0.2, -0.4]).double(), padding)  # type: ignore[arg-type]

    assert torch.autograd.gradcheck(moved, x)
    assert torch.autograd.gradgradcheck(lambda x: moved(x).pow(3), x)


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_each_change_is_made_with_the_probability(strength: float) -> None:
    """A picture stays as it was if none of seven is made; the cutout's share can be seen by itself."""
    n = 4000
    augment, x = strong("adaptive", strength), pictures(1).expand(n, -1, -1, -1)
    y = augment(x)
    same = ((y - x).abs().amax((1, 2, 3)) < 1e-4).float().mean()
    holed = ((y == 0).all(1).sum((1, 2)) >= 16).float().mean()
    for share, expected in ((same, (1 - strength) ** 7), (holed, strength)):
        assert float(share) == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / n) + 1e-3)


def test_diff_shifts_by_an_eighth_at_most_and_always_cuts() -> None:
    x = torch.zeros(2000, 1, 16, 16)
    x[:, :, 8, 8] = 1000.0  # one bright pixel, far above what brightness adds
    y = strong("diff")(x)
    lit = (y[:, 0] > 100).nonzero()[:, 1:]
    assert 0.2 < 1 - len(lit) / 2000 < 0.35, "hidden by the box: about a half by a half"
    assert lit.min() == 6
    assert lit.max() == 10
    assert len(lit.unique(dim=0)) == 25


# ---- the strength


LONG = 10_000_000
"""images of a run whose length does not matter"""


def moved_by(augment: Augment, held_out: float, phases: int = 1, made: float = -1.0) -> float:
    """Ten training items judged 1; the mean logits of ten held-out and ten made ones are given."""
    before = float(augment.strength)
    for _ in range(phases):
        augment.note(ones(10), ones(10, held_out), ones(10, made))
        augment.adjust(LONG)
    return float(augment.strength) - before


def test_the_strength_rises_at_its_rate_while_held_out_items_pass_for_made_and_falls_when_they_do_not() -> None:
    augment = Augment("adaptive", adjust_images=1000)
    assert augment.strength.dtype == torch.float32
    moved_by(augment, -1.0, phases=20)
    assert moved_by(augment, -1.0, phases=5) == pytest.approx(5 * 10 / 1000)
    moved_by(augment, 1.0, phases=40)  # the running means have forgotten by now
    augment.strength.fill_(0.5)
    assert moved_by(augment, 1.0, phases=2) == pytest.approx(-2 * 10 / 1000)


@pytest.mark.parametrize("offset", [-7.0, 0.0, 7.0])
@pytest.mark.parametrize(("held_out", "direction"), [(-0.02, 1), (0.02, -1)])
def test_half_of_the_way_to_made_items_is_the_target(held_out: float, direction: int, offset: float) -> None:
    """Between 1 and -1 that is 0; a game that moves all logits moves the strength alike."""
    augment = Augment("adaptive", adjust_images=100_000)
    augment.strength.fill_(0.4)
    logits = [ones(100, mean) + offset + torch.linspace(-9, 9, 100) for mean in (1.0, held_out, -1.0)]
    augment.note(*logits)
    augment.adjust(LONG)
    assert float(augment.overfitting) == pytest.approx((1 - held_out) / 2, rel=1e-4)
    assert float(augment.strength) == pytest.approx(0.4 + direction * 1e-3, rel=1e-4)


def test_a_discriminator_that_knows_nothing_overfits_nothing() -> None:
    """Not even where by chance it takes made items for better ones than those of the data."""
    augment = Augment("adaptive", adjust_images=100)
    augment.strength.fill_(0.4)
    assert moved_by(augment, 0.5, made=2.0) < 0
    assert float(augment.overfitting) == 0


def test_without_held_out_items_the_strength_falls_on_or_follows_what_was_known() -> None:
    augment = Augment("adaptive", adjust_images=1000)
    augment.note(ones(10), None, -ones(10))
    augment.adjust(LONG)
    assert float(augment.strength) == 0
    moved_by(augment, -1.0)
    augment.note(ones(10), None, -ones(10))
    augment.adjust(LONG)
    assert float(augment.strength) == pytest.approx(20 / 1000)


@pytest.mark.parametrize(("total", "images"), [(20_000, 4_000), (500_000, 100_000), (LONG, 100_000)])
def test_in_a_short_run_a_fifth_of_it_takes_the_strength_from_none_to_all(total: int, images: int) -> None:
    augment = Augment("adaptive")
    augment.strength.fill_(0.4)
    augment.gaps.fill_(1.0)
    augment.note(ones(10), None, ones(10))
    augment.adjust(total)
    assert float(augment.strength) == pytest.approx(0.4 + 10 / images, rel=1e-6)


def test_what_is_judged_is_a_mean_over_the_last_measurements() -> None:
    augment = Augment("adaptive")
    moved_by(augment, 0.0)
    assert augment.gaps.tolist() == pytest.approx([1 / 16, 2 / 16])
    moved_by(augment, 1.0)
    assert augment.gaps.tolist() == pytest.approx([15 / 16 / 16, 2 / 16 * 15 / 16 + 2 / 16])


def test_the_strength_keeps_its_bounds() -> None:
    augment = Augment("adaptive", adjust_images=10)
    assert moved_by(augment, 1.0) == 0
    assert moved_by(augment, -1.0, phases=9) == pytest.approx(0.8)


def test_a_batch_noted_in_parts_is_the_whole_batch() -> None:
    whole, parts = Augment("adaptive"), Augment("adaptive")
    kinds = ones(10), torch.linspace(-2, 1, 10), -ones(10)
    for _ in range(8):
        whole.note(*kinds)
        for real, held_out, made in zip(*(kind.split(4) for kind in kinds), strict=True):
            parts.note(real, held_out, made)
        whole.adjust(LONG)
        parts.adjust(LONG)
    assert whole.strength > 0
    assert torch.equal(whole.strength, parts.strength)
    torch.testing.assert_close(whole.gaps, parts.gaps)


def test_images_of_all_processes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has judged as many items, all of them 0."""
    augment = Augment("adaptive", adjust_images=1000)
    augment.strength.fill_(0.5)
    other = torch.tensor([0.0, 10.0] * 3 + [10.0])
    monkeypatch.setattr("imaginable.core.distributed.ranks", lambda: 2)
    monkeypatch.setattr("imaginable.core.distributed.average", lambda own: (own + other) / 2)
    assert moved_by(augment, 1.0) == pytest.approx(-20 / 1000)
    assert augment.gaps.tolist() == pytest.approx([0, 1 / 16])


def test_its_state_holds_the_strength() -> None:
    one, two = strong("adaptive", 0.3), Augment("adaptive")
    moved_by(one, -1.0)
    two.load_state_dict(one.state_dict())
    assert torch.equal(two.strength, one.strength)
    assert torch.equal(two.overfitting, one.overfitting)
    assert not list(one.parameters())
