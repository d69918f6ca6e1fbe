"""Fully connected networks: any shape in, any shape out."""

import pytest
import torch
from torch import nn

from imaginable.networks.mlp import Mlp


@pytest.mark.parametrize("out_shape", [(1,), (3, 4, 4), (2,)])
def test_shapes(out_shape: tuple[int, ...]) -> None:
    assert Mlp([12, 8, 8], out_shape)(torch.zeros(5, 3, 2, 2)).shape == (5, *out_shape)


def test_layers_are_as_stated_with_the_activation_between() -> None:
    layers = [type(layer) for layer in Mlp([12, 8, 6], (2,), nn.Tanh).layers]
    assert layers == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert sum(parameter.numel() for parameter in Mlp([12, 8, 6], (2,)).parameters()) == 13 * 8 + 9 * 6 + 7 * 2


def test_the_output_is_float32_whatever_the_precision_inside() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert Mlp([2, 4], (2,))(torch.zeros(1, 2)).dtype == torch.float32
