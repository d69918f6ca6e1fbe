"""DRAEM's networks: sizes, what can pass from the picture to the answer, and that items stay apart."""

from __future__ import annotations

import pytest
import torch

from imaginable.networks.draem import Restorer, Segmenter


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [16, 48])
def test_a_picture_comes_back_in_its_size_and_an_answer_for_every_pixel(channels: int, side: int) -> None:
    restored = Restorer(channels, 8, 4)(torch.randn(2, channels, side, side))
    assert restored.shape == (2, channels, side, side)
    assert Segmenter(channels, 4, 4)(torch.randn(2, 2 * channels, side, side)).shape == (2, 1, side, side)


def test_the_restorer_is_narrow_in_the_middle_and_nothing_is_led_past_it() -> None:
    torch.manual_seed(0)
    restorer = Restorer(3, 8, 4).eval()
    x = torch.randn(1, 3, 64, 64)
    assert restorer.down(x).shape == (1, 64, 4, 4), "widths double: 8, 16, 32, 64"
    middles: list[torch.Tensor] = []
    handle = restorer.down.register_forward_hook(
        lambda module, given, out: middles.append(out) or torch.zeros_like(out)
    )
    with torch.no_grad():
        one, other = restorer(x), restorer(-x)
    handle.remove()
    assert not torch.equal(middles[0], middles[1])
    assert torch.equal(one, other), "with the middle silenced the picture has no way through"


def test_the_segmenter_leads_what_is_fine_past_the_middle() -> None:
    torch.manual_seed(0)
    segmenter = Segmenter(1, 4, 3)
    segmenter.down[-1].register_forward_hook(lambda module, given, out: torch.zeros_like(out))
    with torch.no_grad():
        assert not torch.equal(segmenter(torch.ones(1, 2, 16, 16)), segmenter(torch.randn(1, 2, 16, 16)))


def test_both_halves_of_what_the_segmenter_sees_count() -> None:
    torch.manual_seed(0)
    segmenter, both = Segmenter(3, 4, 2), torch.randn(1, 6, 16, 16, requires_grad=True)
    segmenter(both).square().sum().backward()
    assert both.grad is not None
    assert float(both.grad[:, :3].abs().sum()) > 0
    assert float(both.grad[:, 3:].abs().sum()) > 0


def test_parameter_counts_are_those_worked_out_by_hand() -> None:
    def layer(before: int, after: int) -> int:
        return 9 * before * after + 2 * after  # no bias, but a norm's scale and shift

    with torch.device("meta"):
        restorer, segmenter = Restorer(3, 8, 2), Segmenter(3, 4, 2)
    down = layer(3, 8) + layer(8, 8) + layer(8, 16) + layer(16, 16)
    up = layer(16, 8) + layer(8, 8)
    assert sum(one.numel() for one in restorer.parameters()) == down + up + 9 * 8 * 3 + 3
    down = layer(6, 4) + layer(4, 4) + layer(4, 8) + layer(8, 8) + layer(8, 16) + layer(16, 16)
    up = layer(16 + 8, 8) + layer(8 + 4, 4)
    assert sum(one.numel() for one in segmenter.parameters()) == down + up + 9 * 4 + 1


@pytest.mark.parametrize("network", [Restorer(2, 8, 3), Segmenter(1, 8, 3)])
def test_items_do_not_influence_each_other(network: torch.nn.Module) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 2, 16, 16)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]))
