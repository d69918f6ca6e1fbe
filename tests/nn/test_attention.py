"""Self-attention is the sum it stands for."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from imaginable.nn.attention import SelfAttention


def as_it_is(layer: nn.Conv2d) -> nn.Conv2d:
    return layer


def attention(channels: int = 16, gamma: float = 0.7) -> SelfAttention:
    torch.manual_seed(0)
    block = SelfAttention(channels, as_it_is)
    nn.init.constant_(block.gamma, gamma)
    return block


@torch.no_grad()
def test_it_is_the_explicit_softmax() -> None:
    block, x = attention(), 2 * torch.randn(2, 16, 4, 6)

    def matrix(layer: nn.Conv2d) -> torch.Tensor:
        return layer.weight[:, :, 0, 0]

    for item, out in zip(x, block(x), strict=True):
        expected = item.clone()
        keys = F.max_pool2d(torch.einsum("oc,chw->ohw", matrix(block.keys), item), 2).flatten(1)
        values = F.max_pool2d(torch.einsum("oc,chw->ohw", matrix(block.values), item), 2).flatten(1)
        for row in range(4):
            for column in range(6):
                query = matrix(block.queries) @ item[:, row, column]
                weights = torch.softmax(torch.stack([query @ key for key in keys.T]), dim=0)
                attended = sum(weight * value for weight, value in zip(weights, values.T, strict=True))
                expected[:, row, column] += 0.7 * matrix(block.last) @ attended
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)


def test_at_first_it_changes_nothing_and_only_gamma_learns() -> None:
    block, x = SelfAttention(8, as_it_is), torch.randn(2, 8, 4, 4)
    out = block(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert float(block.gamma.grad.abs()) > 0  # type: ignore[union-attr]
    assert float(block.queries.weight.grad.abs().max()) == 0  # type: ignore[union-attr]


def test_far_positions_see_each_other() -> None:
    block, x = attention(), torch.randn(1, 16, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(block(x)[0, :, 0, 0].sum(), x)
    assert float(gradient[0, :, 6:, 6:].abs().max()) > 0


@pytest.mark.parametrize("channels", [2, 8, 64])
def test_channels_of_its_layers_are_the_authors(channels: int) -> None:
    block = attention(channels)
    shapes = [layer.out_channels for layer in (block.queries, block.keys, block.values, block.last)]
    assert shapes == [max(1, channels // 8), max(1, channels // 8), channels // 2, channels]
    assert block(torch.randn(1, channels, 4, 4)).shape == (1, channels, 4, 4)
