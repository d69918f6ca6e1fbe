"""The residual encoder and decoder take any size from 16, grey or colour, and start as the identity."""

import pytest
import torch

from imaginable.networks.residual import Block, ResidualDecoder, ResidualEncoder, levels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [*range(16, 69, 4), 128])
def test_shapes(size: int, channels: int) -> None:
    shape = (channels, size, size)
    with torch.no_grad():
        code = ResidualEncoder(shape, outputs=6, width=8, blocks=1)(torch.zeros(2, *shape))
        picture = ResidualDecoder(6, shape, width=8, blocks=1)(code)
    assert code.shape == (2, 6)
    assert picture.shape == (2, *shape)


def test_sizes_on_the_way_down() -> None:
    assert levels(28) == [28, 14, 7, 4]
    assert levels(64) == [64, 32, 16, 8, 4]
    assert levels(68) == [68, 34, 17, 9, 5, 3]


def test_a_block_starts_as_the_identity_and_can_leave_it() -> None:
    block, x = Block(8), torch.randn(2, 8, 5, 5)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.second.weight.grad is not None
    assert float(block.second.weight.grad.abs().sum()) > 0


def test_outputs_are_float32_whatever_the_precision_inside() -> None:
    encoder, decoder = ResidualEncoder((1, 16, 16), 4, 8, 1), ResidualDecoder(4, (1, 16, 16), 8, 1)
    with torch.autocast("cpu", torch.bfloat16):
        code = encoder(torch.randn(2, 1, 16, 16))
        assert code.dtype == torch.float32
        assert decoder(code).dtype == torch.float32


def test_items_of_a_batch_are_independent() -> None:
    torch.manual_seed(0)
    encoder, x = ResidualEncoder((1, 16, 16), 4, 8, 1), torch.randn(3, 1, 16, 16)
    torch.testing.assert_close(encoder(x)[1:2], encoder(x[1:2]))
