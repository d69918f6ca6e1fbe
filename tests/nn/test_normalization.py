"""Every class has a scale and a shift of its own, on the statistics of all; every picture its own statistics."""

import pytest
import torch
from torch import nn

from imaginable.nn.freeze import Players
from imaginable.nn.normalization import ClassVectors, ConditionalBatchNorm2d, GroupNorm, InstanceNorm


def different() -> ConditionalBatchNorm2d:
    torch.manual_seed(0)
    norm = ConditionalBatchNorm2d(4, classes=3)
    with torch.no_grad():
        norm.scale.weight.normal_()
        norm.shift.weight.normal_()
    return norm


def test_each_item_is_scaled_and_shifted_by_its_class() -> None:
    norm, label = different(), torch.tensor([2, 0, 0, 1, 2])
    x = 3 + 2 * torch.randn(5, 4, 6, 6)
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    out = norm(x, label)
    for item, own, of_class in zip(x, out, label, strict=True):
        normalised = (item - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        expected = norm.scale.weight[of_class][:, None, None] * normalised
        torch.testing.assert_close(own, expected + norm.shift.weight[of_class][:, None, None], atol=1e-5, rtol=1e-4)


def test_at_first_all_classes_are_plain_batch_norm() -> None:
    x = torch.randn(4, 5, 3, 3)
    expected = torch.nn.BatchNorm2d(5)(x)
    torch.testing.assert_close(ConditionalBatchNorm2d(5, 2)(x, torch.tensor([0, 1, 1, -1])), expected)


def test_an_unknown_class_is_the_mean_of_all_and_the_same_as_no_label() -> None:
    vectors = ClassVectors(torch.tensor([[1.0, 0.0], [3.0, 6.0]]))
    assert vectors(torch.tensor([1, -1, 0]), 3).tolist() == [[3.0, 6.0], [2.0, 3.0], [1.0, 0.0]]
    assert torch.equal(vectors(None, 2), vectors(torch.tensor([-1, -1]), 2))


def test_a_frozen_players_statistics_stay() -> None:
    one, two = different(), different()
    Players({"one": one, "two": two}).free_only("two")
    for norm in (one, two):
        norm(5 + torch.randn(4, 4, 3, 3), torch.tensor([0, 1, 2, -1]))
    assert float(one.statistics.running_mean.abs().max()) == 0  # type: ignore[union-attr]
    assert float(two.statistics.running_mean.abs().min()) > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm_is_torchs_own_and_keeps_the_order_in_memory(affine: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = InstanceNorm(4, affine), torch.nn.InstanceNorm2d(4, affine=affine)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        one.data.normal_()
        other.data.copy_(one)
    start = (3 + 2 * torch.randn(3, 4, 5, 6)).contiguous(memory_format=torch.channels_last)
    weights = torch.randn(3, 4, 5, 6)
    found = []
    for norm in (ours, theirs):
        x = start.clone().requires_grad_()
        y = norm(x)
        (y * weights).sum().backward()
        assert x.grad is not None
        found.append((y.detach(), x.grad, [value.grad for value in norm.parameters()]))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-4)
    assert found[0][0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [8, 32])
@pytest.mark.parametrize("channels", [8, 16])
def test_group_norm_is_that_of_torch_in_either_order_of_memory(channels: int, size: int) -> None:
    ours, plain = GroupNorm(8, channels), nn.GroupNorm(8, channels)
    for layer in (ours, plain):
        layer.weight.data, layer.bias.data = torch.linspace(0.5, 2, channels), torch.linspace(-1, 1, channels)
    x = (torch.randn(2, channels, size, size) + 0.5).to(torch.bfloat16)
    slope = torch.randn_like(x)
    seen = x.to(memory_format=torch.channels_last).requires_grad_(True)
    made = ours(seen)
    assert "_GroupNorm" in str(made.grad_fn), "the quick way is what is tested here"
    assert made.is_contiguous(memory_format=torch.channels_last)
    made.backward(slope)
    truth = x.float().requires_grad_(True)  # in float32, of the same numbers
    wanted = plain(truth)
    wanted.backward(slope.float())
    assert seen.grad is not None
    for one, other in ((made, wanted), (seen.grad, truth.grad)):
        torch.testing.assert_close(one.float(), other, atol=0.02, rtol=0.01)
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=0.02, rtol=1e-3)
    contiguous = x.float()
    assert torch.equal(ours(contiguous), plain(contiguous)), "elsewhere it is torch's own"


def test_group_norm_of_a_frozen_layer_passes_gradients_on() -> None:
    layer = GroupNorm(8, 8).requires_grad_(False)
    x = torch.randn(2, 8, 8, 8).to(torch.bfloat16, memory_format=torch.channels_last).requires_grad_(True)
    layer(x).square().sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is None
