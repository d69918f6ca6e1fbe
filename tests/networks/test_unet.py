"""The U-Net: the published numbers, sizes, and what is the same at every use."""

import pytest
import torch

from imaginable.networks.unet import UNet


def test_the_published_shapes() -> None:
    with torch.device("meta"):
        network = UNet(3, 3, norm="instance")
        x = torch.empty(1, 3, 256, 256)
    assert sum(parameter.numel() for parameter in network.parameters()) == 54_413_955  # 54.414 M
    assert network(x).shape == (1, 3, 256, 256)
    sizes = [x := down(x) for down in network.down]
    assert [tuple(one.shape[1:]) for one in sizes] == [
        (64, 128, 128),
        (128, 64, 64),
        (256, 32, 32),
        (512, 16, 16),
        (512, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
        (512, 1, 1),
    ]


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_any_multiple_of_its_smallest_picture_fits(norm: str) -> None:
    network = UNet(1, 3, width=4, levels=3, norm=norm)  # type: ignore[arg-type]
    y = network(torch.randn(2, 1, 16, 40))
    assert y.shape == (2, 3, 16, 40)
    assert float(y.detach().abs().max()) <= 1


def test_units_are_dropped_in_three_layers_while_it_trains_and_never_at_use() -> None:
    torch.manual_seed(0)
    network, x = UNet(1, 1, width=4, levels=5), torch.randn(2, 1, 32, 32)
    dropping = [any(isinstance(layer, torch.nn.Dropout) for layer in up.children()) for up in network.up]
    assert dropping == [True, True, True, False, False]
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_items_do_not_influence_each_other(norm: str) -> None:
    torch.manual_seed(0)
    network, x = UNet(3, 3, width=8, levels=4, dropout=0.0, norm=norm), torch.randn(3, 3, 16, 16)  # type: ignore[arg-type]
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]))


def test_a_detail_finds_its_way_past_the_bottom() -> None:
    """What a U-Net is for: with nothing coming from below, the output still follows the input."""
    torch.manual_seed(0)
    network = UNet(1, 1, width=4, levels=4).eval()
    for parameter in network.up[0].parameters():
        torch.nn.init.zeros_(parameter)
    one, other = torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)
    other[..., 5, 5] = 1
    assert not torch.allclose(network(one), network(other), atol=1e-6)
