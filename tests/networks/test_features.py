"""Shapes of features and maps, weights that never change, and the turns that a network learns to tell apart."""

import math

import pytest
import torch

from imaginable.networks.features import ClassifierNetwork, FeatureNetwork, RandomFeatures, turned


def test_maps_from_the_pictures_size_down_and_answers_from_the_last() -> None:
    network, x = FeatureNetwork(3, width=4, outputs=6, levels=3), torch.randn(2, 3, 16, 16)
    assert [tuple(each.shape) for each in network.features(x)] == [(2, 4, 16, 16), (2, 8, 8, 8), (2, 16, 4, 4)]
    expected = network.head(network.features(x)[-1].mean((2, 3)))
    torch.testing.assert_close(network(x), expected)


def test_every_picture_is_turned_by_its_own_quarters() -> None:
    x = torch.arange(5 * 8.0).view(5, 2, 2, 2)
    quarters = torch.tensor([3, 0, 1, 2, 1])
    for item, count, result in zip(x, quarters, turned(x, quarters), strict=True):
        for _ in range(int(count)):
            item = torch.stack([torch.stack([plane[:, 1], plane[:, 0]]) for plane in item])  # counter-clockwise
        assert torch.equal(result, item)


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "left"), [(8, 8), (16, 8), (28, 7), (32, 8), (48, 6), (64, 8), (20, 5), (9, 4)])
def test_a_classifier_sees_at_most_8_pixels_on_a_side_whatever_the_pictures_size(
    channels: int, size: int, left: int
) -> None:
    network = ClassifierNetwork((channels, size, size), width=4, outputs=7).eval()
    x = torch.randn(3, channels, size, size)
    features = network.summary(x)
    assert features.shape == (3, 128)
    assert float(features.min()) >= 0
    assert torch.equal(network(x), network.head(features))
    assert network(x).shape == (3, 7)
    (dense,) = (layer for layer in network.body if isinstance(layer, torch.nn.Linear))
    halvings = round(math.log2(size // left))
    assert dense.in_features == (channels if halvings == 0 else 4 if halvings == 1 else 8) * left**2


@torch.no_grad()
def test_a_classifiers_features_know_where_things_are() -> None:
    torch.manual_seed(0)
    network = ClassifierNetwork((1, 16, 16), width=4, outputs=2).eval()
    x = torch.zeros(2, 1, 16, 16)
    x[0, 0, 2:6, 2:6] = x[1, 0, 10:14, 10:14] = 1
    one, other = network.summary(x)
    assert float((one - other).abs().max()) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 48])
def test_random_features_are_means_of_maps_none_negative(channels: int, size: int) -> None:
    x = torch.randn(3, channels, size, size)
    network = RandomFeatures(channels)
    found = network(x)
    assert found.shape == (3, 112)
    assert float(found.min()) >= 0
    first = torch.relu(network.convolutions[0](x)).mean((2, 3))
    torch.testing.assert_close(found[:, :16], first)


def test_random_features_do_not_depend_on_the_callers_randomness_nor_move_it() -> None:
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        networks.append(RandomFeatures(3).state_dict())
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])
    assert not torch.equal(RandomFeatures(1).convolutions[1].bias, RandomFeatures(3).convolutions[1].bias)


@torch.no_grad()
def test_random_features_keep_the_scale_of_what_they_see() -> None:
    torch.manual_seed(0)
    network, x = RandomFeatures(3), torch.randn(16, 3, 32, 32)
    for convolution in network.convolutions:  # He's initialisation: the mean square stays
        x = torch.relu(convolution(x))
        assert 0.5 < float(x.square().mean()) < 2
