"""Crops made different from each other: of the size asked for, in the colours there are."""

import torch

from imaginable.nn.varied import recoloured, zoomed


def test_channels_are_exchanged_and_half_are_negatives() -> None:
    torch.manual_seed(0)
    one = torch.tensor([0.1, 0.2, 0.3])
    x = one[None, :, None, None].expand(400, 3, 2, 2)
    y = recoloured(x)
    assert torch.equal(y, y[:, :, :1, :1].expand_as(y)), "pixels stay where they are"
    values = y[:, :, 0, 0]
    assert torch.equal(values.abs().sort(1).values, one.expand(400, 3))
    negative = values[:, 0] < 0
    assert torch.equal(negative[:, None].expand(-1, 3), values < 0), "a negative is one in all channels"
    assert 120 < int(negative.sum()) < 280
    assert len({tuple(row) for row in values.abs().mul(10).round().int().tolist()}) == 6


def test_crops_are_of_one_size_and_of_several_scales() -> None:
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 64).expand(2, 1, 64, 64).contiguous()
    slopes = set()
    for _ in range(40):
        y = zoomed(x, 32)
        assert y.shape == (2, 1, 32, 32)
        slopes.add(round(float(y[0, 0, 16, 20] - y[0, 0, 16, 12]) / (8 * 2 / 63), 2))
    assert min(slopes) >= 0.6
    assert max(slopes) <= 1.01
    assert len(slopes) > 10
