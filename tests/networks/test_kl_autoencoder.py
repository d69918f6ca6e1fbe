"""Our autoencoder and diffusers' are one: the same names, the same numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from imaginable.networks.autoencoder_kl import Attention, Downsample, KlAutoencoder
from imaginable.objectives.variational import kl_to_standard_normal

CONFIGS: list[dict[str, Any]] = [
    {"block_out_channels": (8, 16), "layers_per_block": 1, "latent_channels": 3, "norm_num_groups": 4},
    {"block_out_channels": (8, 8, 24), "layers_per_block": 2, "latent_channels": 4, "norm_num_groups": 8},
]
every_config = pytest.mark.parametrize("config", CONFIGS)


def theirs(channels: int, config: dict[str, Any]) -> Any:
    diffusers = pytest.importorskip("diffusers")
    levels = len(config["block_out_channels"])
    return diffusers.AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        **config,
    ).eval()


def randomise(model: torch.nn.Module) -> None:
    """No weight may be 0 or 1 as at the start."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn_like(parameter))


@every_config
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ours_first", [True, False])
def test_weights_moved_either_way_give_the_same_codes_pictures_and_divergence(
    channels: int, config: dict[str, Any], ours_first: bool
) -> None:
    ours, other = KlAutoencoder(channels, **config), theirs(channels, config)
    source, target = (ours, other) if ours_first else (other, ours)
    randomise(source)
    target.load_state_dict(source.state_dict())  # strict: no name is missing and none is left over
    x = torch.rand(2, channels, 16, 16) * 2 - 1
    with torch.no_grad():
        mean, log_variance = ours.encode(x)
        expected = other.encode(x).latent_dist
        assert log_variance.std().item() > 0.05
        torch.testing.assert_close(mean, expected.mean, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(log_variance, expected.logvar, rtol=1e-5, atol=1e-5)
        kl = kl_to_standard_normal(mean, log_variance).sum((1, 2, 3))
        torch.testing.assert_close(kl, expected.kl(), rtol=1e-5, atol=1e-5)
        z = torch.randn_like(mean)
        torch.testing.assert_close(ours.decode(z), other.decode(z).sample, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("far", "limit"), [(1000.0, 20.0), (-1000.0, -30.0)])
def test_log_variances_have_the_same_limits(far: float, limit: float) -> None:
    ours, other = KlAutoencoder(3, **CONFIGS[0]), theirs(3, CONFIGS[0])
    with torch.no_grad():
        ours.quant_conv.bias[3:] = far  # type: ignore[index]
        other.load_state_dict(ours.state_dict())
        x = torch.rand(2, 3, 16, 16)
        assert (ours.encode(x)[1] == limit).all()
        assert (other.encode(x).latent_dist.logvar == limit).all()


def test_the_size_falls_by_two_between_levels() -> None:
    model = KlAutoencoder(3, (8, 8, 8), 1, 5, 4)
    mean, log_variance = model.encode(torch.randn(2, 3, 32, 24))
    assert mean.shape == log_variance.shape == (2, 5, 8, 6)
    assert model.decode(mean).shape == (2, 3, 32, 24)


def test_attention_mixes_all_places_and_keeps_the_layout() -> None:
    """With q = k = 0 every place gets the mean of all, here of the group norm's output."""
    layer = Attention(4, 2)
    with torch.no_grad():
        for linear in (layer.to_q, layer.to_k):
            linear.weight.zero_()
            linear.bias.zero_()
        for linear in (layer.to_v, layer.to_out[0]):
            linear.weight.copy_(torch.eye(4))  # type: ignore[operator, union-attr, arg-type]
            linear.bias.zero_()  # type: ignore[operator, union-attr]
    x = torch.randn(2, 4, 3, 5)
    expected = x + layer.group_norm(x).mean((2, 3), keepdim=True)
    torch.testing.assert_close(layer(x), expected)


def test_the_padding_before_halving_is_right_and_below() -> None:
    layer = Downsample(1)
    with torch.no_grad():
        layer.conv.weight.fill_(1.0)
        layer.conv.bias.zero_()  # type: ignore[union-attr]
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert layer(x)[0, 0].tolist() == [[x[..., :3, :3].sum(), x[..., :3, 2:].sum()], [x[..., 2:, :3].sum(), 50.0]]
