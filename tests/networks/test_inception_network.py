"""The network against an independent implementation of it, with weights that are made from their names.

inception_reference.npz holds two pictures of 32x32 pixels and the maps, averaged over space, that the other
implementation gave for them in float32.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from imaginable.networks.inception import TAPS, Inception

REFERENCE = np.load(Path(__file__).with_name("inception_reference.npz"))
PICTURES = torch.from_numpy(REFERENCE["images"]) / 127.5 - 1


def weight(name: str, shape: torch.Size) -> Tensor:
    """Random, but the same for the same name, in sizes that keep the maps alive through all layers."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        return 1 + 0.2 * torch.rand(shape, generator=generator)
    normal = torch.randn(shape, generator=generator)
    if name.endswith(("running_mean", "bias")):
        return 0.1 * normal
    return 1 + 0.1 * normal if len(shape) == 1 else normal * math.sqrt(2 / shape[1:].numel())


@pytest.fixture(scope="module")
def network() -> Inception:
    with torch.device("meta"):
        made = Inception()
    shapes = {name: value.shape for name, value in made.state_dict().items() if not name.endswith("tracked")}
    made.load_state_dict({name: weight(name, shape) for name, shape in shapes.items()}, assign=True)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def taps(network: Inception) -> dict[str, Tensor]:
    return network.taps(PICTURES)


@pytest.mark.parametrize("name", TAPS)
def test_maps_agree_with_the_reference_after_every_part(taps: dict[str, Tensor], name: str) -> None:
    expected = REFERENCE[name]
    assert expected.shape == (2, TAPS[name])
    np.testing.assert_allclose(taps[name].numpy(), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_features_and_logits_are_float32_whatever_the_size_and_type(
    network: Inception, taps: dict[str, Tensor]
) -> None:
    features = network(PICTURES.double())
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, taps["Mixed_7c"])
    logits = network.logits(features)
    assert logits.shape == (2, 1008)
    torch.testing.assert_close(logits, features @ network.fc.weight.T + network.fc.bias)
    assert network(PICTURES[:1, :, :7, :20]).shape == (1, 2048)


def test_grey_is_its_threefold_repetition(network: Inception) -> None:
    grey = PICTURES[:1, :1]
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_other_shapes_are_refused(network: Inception) -> None:
    for shape in ((1, 4, 8, 8), (3, 8, 8)):
        with pytest.raises(ValueError, match="1 or 3"):
            network(torch.zeros(shape))


def test_tensors_have_the_names_and_shapes_of_the_public_weights(network: Inception) -> None:
    tensors = {name: tuple(value.shape) for name, value in network.state_dict().items() if "tracked" not in name}
    assert len(tensors) == 472
    assert sum(math.prod(shape) for shape in tensors.values()) == 23_885_392
    expected = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Mixed_5b.branch1x1.bn.running_var": (64,),
        "Mixed_5b.branch_pool.conv.weight": (32, 192, 1, 1),
        "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
        "Mixed_6b.branch7x7dbl_5.conv.weight": (192, 128, 1, 7),
        "Mixed_6e.branch7x7_3.conv.weight": (192, 192, 7, 1),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7b.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "Mixed_7c.branch3x3_2a.conv.weight": (384, 384, 1, 3),
        "fc.weight": (1008, 2048),
        "fc.bias": (1008,),
    }
    assert {name: tensors[name] for name in expected} == expected
