"""Shapes of the feature maps, and the turns that the network learns to tell apart."""

import torch

from imaginable.networks.features import FeatureNetwork, turned


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
