"""DCGAN's networks: shapes, size, and the recipe's constants."""

import math

import pytest
import torch
from torch import nn

from imaginable.networks.dcgan import DcganDiscriminator, DcganGenerator


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes_and_range(size: int, channels: int) -> None:
    shape = (channels, size, size)
    with torch.no_grad():
        fake = DcganGenerator(10, shape, width=4)(100 * torch.randn(2, 10))
        logits = DcganDiscriminator(shape, width=4)(fake)
    assert fake.shape == (2, *shape)
    assert float(fake.abs().max()) <= 1
    assert logits.shape == (2,)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts_at_64_pixels_are_the_papers_architecture() -> None:
    convolutions = 16 * (512 * 256 + 256 * 128 + 128 * 64)  # 4 x 4 kernels, without bias
    with torch.device("meta"):
        generator, discriminator = DcganGenerator(100, (3, 64, 64), 64), DcganDiscriminator((3, 64, 64), 64)
    normalised = 2 * (512 + 256 + 128 + 64)
    assert parameters(generator) == 16 * 100 * 512 + convolutions + (16 * 64 * 3 + 3) + normalised
    normalised = 2 * (512 + 256 + 128)  # none on the first layer
    assert parameters(discriminator) == (16 * 3 * 64 + 64) + convolutions + (16 * 512 + 1) + normalised


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_batch_norm_and_initial_weights_are_the_recipes(player: str) -> None:
    torch.manual_seed(0)
    shape = (3, 64, 64)
    network = DcganGenerator(8, shape, 16) if player == "generator" else DcganDiscriminator(shape, 16)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms
    assert {layer.eps for layer in norms} == {1e-5}
    scales = torch.cat([layer.weight.detach() for layer in norms])
    assert abs(float(scales.mean()) - 1) < 5 * 0.02 / math.sqrt(len(scales))
    convolutions = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    for layer in convolutions:
        n = layer.weight.numel()
        assert float(layer.weight.detach().std()) == pytest.approx(
            0.02, rel=5 / math.sqrt(2 * n)
        )  # five standard errors


def test_logits_are_float32_whatever_the_precision_inside() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        fake = DcganGenerator(4, (1, 32, 32), 4)(torch.randn(2, 4))
        assert fake.dtype == torch.float32
        assert DcganDiscriminator((1, 32, 32), 4)(fake).dtype == torch.float32


@pytest.mark.parametrize("size", [32, 64, 128])
def test_features_are_the_layers_down_to_8_x_8_and_the_rest_judges_them(size: int) -> None:
    discriminator = DcganDiscriminator((3, size, size), width=4).eval()
    x = torch.randn(2, 3, size, size)
    with torch.no_grad():
        features = discriminator.features(x)
        whole = discriminator.layers(x).flatten()
        assert features.shape == (2, 4 * size // 16, 8, 8)
        assert torch.equal(discriminator.judge(features), whole)
        assert torch.equal(discriminator(x), whole)


def test_with_one_layer_judging_the_features_are_all_before_the_last_convolution() -> None:
    discriminator = DcganDiscriminator((3, 64, 64), width=4, judging=1).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features = discriminator.features(x)
        last = discriminator.layers[-1]
        assert features.shape == (2, 32, 4, 4)
        assert float(features.min()) < 0 < float(features.max()), "after the leaky ReLU"
        torch.testing.assert_close(discriminator(x), (features * last.weight).sum((1, 2, 3)) + last.bias)


def test_a_critic_without_normalisation_judges_every_item_by_itself_and_keeps_the_signals_size() -> None:
    torch.manual_seed(0)
    critic = DcganDiscriminator((3, 64, 64), width=16, normalise=False, bias=False)  # in training mode
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in critic.modules())
    x = torch.randn(6, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(critic(x)[:1], critic(x[:1]))
        assert 0.2 < float(critic.features(x).square().mean().sqrt()) < 5
    last = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d)][-1]
    assert last.bias is None
