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


def moved_by(logits: Tensor, augment: Augment, phases: int = 1) -> float:
    before = float(augment.strength)
    for _ in range(phases):
        augment.note(logits)
        augment.adjust(LONG)
    return float(augment.strength) - before


def test_the_strength_rises_at_its_rate_while_real_items_are_told_and_falls_when_they_are_not() -> None:
    augment = Augment("adaptive", adjust_images=1000)
    assert augment.strength.dtype == torch.float32
    moved_by(torch.full((10,), 2.0), augment, phases=10)  # the running mean is above its target by now
    assert moved_by(torch.full((10,), 2.0), augment, phases=5) == pytest.approx(5 * 10 / 1000)
    moved_by(torch.full((10,), -2.0), augment, phases=3)
    assert moved_by(torch.full((10,), -2.0), augment, phases=2) == pytest.approx(-2 * 10 / 1000)


@pytest.mark.parametrize(("right", "direction"), [(79, -1), (81, 1)])
def test_four_in_five_judged_real_is_the_target(right: int, direction: int) -> None:
    """E sign D = 0.8 - 0.2 = 0.6; how confidently does not matter."""
    augment = Augment("adaptive", adjust_images=100_000)
    augment.strength.fill_(0.4)
    logits = torch.cat([ones(right, 0.01), ones(100 - right, -50.0)])
    moved_by(logits, augment, phases=20)
    assert moved_by(logits, augment) == pytest.approx(direction * 1e-3, rel=1e-3)


@pytest.mark.parametrize(("total", "images"), [(20_000, 4_000), (500_000, 100_000), (LONG, 100_000)])
def test_in_a_short_run_a_fifth_of_it_takes_the_strength_from_none_to_all(total: int, images: int) -> None:
    augment = Augment("adaptive")
    augment.strength.fill_(0.4)
    augment.sign.fill_(1.0)
    augment.note(ones(10))
    augment.adjust(total)
    assert float(augment.strength) == pytest.approx(0.4 + 10 / images, rel=1e-6)


def test_the_sign_is_a_mean_over_the_last_few_phases() -> None:
    augment = Augment("adaptive")
    moved_by(ones(10), augment)
    assert float(augment.sign) == pytest.approx(0.25)
    moved_by(-ones(10), augment)
    assert float(augment.sign) == pytest.approx(0.75 * 0.25 - 0.25)


def test_the_strength_keeps_its_bounds() -> None:
    augment = Augment("adaptive", adjust_images=10)
    assert moved_by(-ones(10), augment) == 0
    assert moved_by(ones(10), augment, phases=9) == pytest.approx(0.8)


def test_a_batch_noted_in_parts_is_the_whole_batch() -> None:
    whole, parts = Augment("adaptive"), Augment("adaptive")
    logits = torch.cat([ones(9), -ones(1)])
    for _ in range(8):
        whole.note(logits)
        for part in logits.split(4):
            parts.note(part)
        whole.adjust(LONG)
        parts.adjust(LONG)
    assert whole.strength > 0
    assert torch.equal(whole.strength, parts.strength)
    assert torch.equal(whole.sign, parts.sign)


def test_images_of_all_processes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process, whose items were all judged made, halves the mean of the sums; there are twice the images."""
    augment = Augment("adaptive", adjust_images=1000)
    augment.strength.fill_(0.5)
    monkeypatch.setattr("imaginable.core.distributed.ranks", lambda: 2)
    monkeypatch.setattr("imaginable.core.distributed.average", lambda newest: newest * torch.tensor([0.0, 1.0]))
    assert moved_by(ones(10), augment) == pytest.approx(-20 / 1000)
    assert float(augment.sign) == 0


def test_its_state_holds_the_strength() -> None:
    one, two = strong("adaptive", 0.3), Augment("adaptive")
    moved_by(ones(10), one)
    two.load_state_dict(one.state_dict())
    assert torch.equal(two.strength, one.strength)
    assert torch.equal(two.sign, one.sign)
    assert not list(one.parameters())
