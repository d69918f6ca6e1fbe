"""The residual translator: the published numbers, sizes, and independence of the items."""

import pytest
import torch

from imaginable.networks.translator import Residual, Translator


def test_the_published_shapes() -> None:
    with torch.device("meta"):
        network = Translator(3, 3, published=True)
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_378_179  # 11.378 M
    assert network(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 3, 256, 256)
    assert sum(isinstance(layer, Residual) for layer in network.layers) == 9


@pytest.mark.parametrize("published", [False, True])
def test_any_multiple_of_four_fits(published: bool) -> None:
    network = Translator(1, 3, width=4, blocks=1, published=published)
    y = network(torch.randn(2, 1, 12, 20))
    assert y.shape == (2, 3, 12, 20)
    assert float(y.detach().abs().max()) <= 1


def test_only_published_layers_have_biases_that_a_norm_takes_out() -> None:
    network = Translator(3, 3, width=4, blocks=1)
    assert [name for name, _ in network.named_parameters() if name.endswith("bias")] == ["layers.16.bias"]


def test_items_do_not_influence_each_other() -> None:
    torch.manual_seed(0)
    network, x = Translator(3, 3, width=4, blocks=2), torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]))
