"""Shapes over all sizes, and the DCGAN's parameter count."""

import itertools

import pytest
import torch

from imaginable.networks.dcgan import DcganDiscriminator, DcganGenerator
from imaginable.networks.mlp import Mlp
from imaginable.networks.residual import ResidualDecoder, ResidualEncoder, levels


@pytest.mark.parametrize("size", [*range(16, 69, 4), 100, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_residual_network_takes_every_multiple_of_four(size: int, channels: int) -> None:
    shape = (channels, size, size)
    x = torch.randn(2, *shape)
    z = ResidualEncoder(shape, 5, width=4, blocks=1)(x)
    assert z.shape == (2, 5)
    out = ResidualDecoder(5, shape, width=4, blocks=1)(z)
    assert out.shape == x.shape
    assert out.dtype == torch.float32


def test_levels_end_at_four_or_below() -> None:
    assert levels(28) == [28, 14, 7, 4]
    assert levels(64) == [64, 32, 16, 8, 4]


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_shapes_and_range(size: int, channels: int) -> None:
    shape = (channels, size, size)
    x = DcganGenerator(6, shape, 4)(torch.randn(3, 6))
    assert x.shape == (3, *shape)
    assert x.abs().max().item() <= 1.0
    assert DcganDiscriminator(shape, 4)(x).shape == (3,)


def test_dcgan_has_the_papers_layers() -> None:
    """At 64 px, width 128 and 100 latents: 4x4 kernels, 1024-512-256-128 channels."""
    generator = DcganGenerator(100, (3, 64, 64), 128)
    wides = [100, 1024, 512, 256, 128]
    kernels = sum(16 * before * after for before, after in itertools.pairwise(wides))
    norms = sum(2 * wide for wide in wides[1:])
    expected = kernels + norms + 16 * 128 * 3 + 3
    assert sum(parameter.numel() for parameter in generator.parameters()) == expected
    norm = next(layer for layer in generator.modules() if isinstance(layer, torch.nn.BatchNorm2d))
    assert norm.eps == 1e-5
    discriminator = list(DcganDiscriminator((3, 64, 64), 128).layers)
    assert not isinstance(discriminator[1], torch.nn.BatchNorm2d)


def test_an_mlp_takes_any_shape() -> None:
    assert Mlp([12, 8], (2, 5))(torch.randn(4, 3, 4)).shape == (4, 2, 5)
