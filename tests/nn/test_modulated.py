"""Modulation by scaling activations against weights of every item's own, to the second derivative; noise."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.modulated import ModulatedConvolution, Noise, NoiseKind, demodulation

KINDS = [
    {"kernel": 3},
    {"kernel": 3, "up": True},
    {"kernel": 1, "demodulate": False},
    {"kernel": 1, "gain": 1.5},
    {"kernel": 3, "gain": 1.5},
]


def made(kind: dict[str, int]) -> ModulatedConvolution:
    torch.manual_seed(0)
    layer = ModulatedConvolution(4, 3, styles=5, **kind).double()  # type: ignore[arg-type]
    nn.init.normal_(layer.bias)
    return layer


def inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 4, 4, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    return x, torch.randn(2, 5, dtype=torch.float64, generator=generator, requires_grad=True)


def explicit(layer: ModulatedConvolution, x: Tensor, code: Tensor) -> Tensor:
    """Equations 1 to 3 with a weight for every item, as one convolution in groups of the items."""
    n, (after, before, kernel, _) = len(x), layer.weight.shape
    style = code @ layer.affine.weight.T / math.sqrt(code.shape[1]) + layer.affine.bias  # (n, before)
    weight = layer.weight / math.sqrt(before * kernel**2) * style[:, None, :, None, None]  # (n, after, before, k, k)
    if layer.demodulate:
        weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    x = x.reshape(1, n * before, *x.shape[2:])
    if layer.up:
        apart = x.new_zeros(1, n * before, 2 * x.shape[2], 2 * x.shape[3])
        apart[..., ::2, ::2] = x
        weight = weight.flip(3, 4)  # true convolution
        x = F.pad(apart, (2, 1, 2, 1))  # one more before than after: four taps have no middle
        x = F.conv2d(x, weight.flatten(0, 1), groups=n, padding=1)
        line = torch.tensor([1.0, 3, 3, 1], dtype=x.dtype) / 4
        x = F.conv2d(x, torch.outer(line, line).expand(n * after, 1, 4, 4), groups=n * after)
    else:
        x = F.conv2d(x, weight.flatten(0, 1), groups=n, padding=kernel // 2)
    return layer.gain * (x.view(n, after, *x.shape[2:]) + layer.bias[:, None, None])


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_convolution_with_weights_of_every_items_own(kind: dict[str, int]) -> None:
    layer, (x, code) = made(kind), inputs()
    found = layer(x, code)
    assert found.shape == (2, 3, 8, 8) if layer.up else (2, 3, 4, 4)
    torch.testing.assert_close(found, explicit(layer, x, code))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_a_penalty_on_the_slope_are_the_same(kind: dict[str, int]) -> None:
    """As a penalty on path lengths has them: of the slope at the code, for all parameters."""

    def gradients(function: object) -> tuple[Tensor, ...]:
        layer, (x, code) = made(kind), inputs()
        out = layer(x, code) if function is None else explicit(layer, x, code)
        (slope,) = torch.autograd.grad(out.square().sum(), code, create_graph=True)
        return torch.autograd.grad(slope.square().sum() + out.sum(), [x, code, *layer.parameters()])

    for mine, expected in zip(gradients(None), gradients(explicit), strict=True):
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_second_derivatives_are_those_of_differences(kind: dict[str, int]) -> None:
    layer, (x, code) = made(kind), inputs()
    layer.requires_grad_(False)
    assert torch.autograd.gradcheck(layer, (x, code))
    assert torch.autograd.gradgradcheck(layer, (x, code))


def test_demodulated_outputs_have_the_same_size_whatever_the_style() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, style = torch.randn(6, 4, 3, 3, generator=generator), 10 * torch.randn(5, 4, generator=generator)
    own = style[:, None, :, None, None] * weight * demodulation(weight, style)[..., None, None, None]
    torch.testing.assert_close(own.square().sum((2, 3, 4)), torch.ones(5, 6))


def test_at_the_start_the_size_is_kept() -> None:
    torch.manual_seed(0)
    x, code = torch.randn(8, 64, 16, 16), torch.zeros(8, 5)
    with torch.no_grad():
        for demodulate in (True, False):
            out = ModulatedConvolution(64, 64, 1, 5, demodulate, gain=2.0)(x, code)
            assert float(out.std()) == pytest.approx(2, rel=0.05)


def test_bfloat16_around_it_leaves_styles_and_norms_in_float32() -> None:
    layer = ModulatedConvolution(4, 3, 3, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert all(scale.dtype == torch.float32 for scale in layer._scales(torch.randn(2, 5, dtype=torch.bfloat16)))
        assert layer(torch.randn(2, 4, 4, 4), torch.randn(2, 5)).dtype == torch.float32, "few channels"
        assert ModulatedConvolution(4, 32, 3, 5)(torch.randn(2, 4, 4, 4), torch.randn(2, 5)).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_for_use_it_is_the_same_within_the_precision_of_its_products(kind: dict[str, int]) -> None:
    layer, (x, code) = made(kind).float(), (one.float() for one in inputs())
    quick, expected = layer.for_use(), layer(x, code)
    for precision in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", torch.bfloat16):
            found = quick(x.to(precision).contiguous(memory_format=torch.channels_last), code)
        assert found.dtype == (precision if kind["kernel"] == 1 else torch.float32)
        torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.02 * float(expected.abs().max()))
    assert list(quick.parameters()) == []


def noisy(kind: NoiseKind, generator: torch.Generator | None = None) -> Tensor:
    torch.manual_seed(0)
    layer = Noise(4, gain=2.0)
    nn.init.constant_(layer.strength, 0.5)
    return layer(torch.zeros(3, 2, 4, 4), kind, generator)


def test_noise_is_one_value_a_pixel_for_all_channels() -> None:
    constant, random = noisy("constant"), noisy("random")
    assert torch.equal(noisy("none"), torch.zeros(3, 2, 4, 4))
    for noise in (constant, random):
        assert torch.equal(noise[:, 0], noise[:, 1])
        assert noise[0, 0].unique().numel() == 16
    assert torch.equal(constant[0], constant[1])
    assert not torch.equal(random[0], random[1])
    torch.manual_seed(0)
    torch.testing.assert_close(constant[0, 0], torch.randn(4, 4))  # strength and gain cancel


@pytest.mark.parametrize("kind", ["random", "constant"])
def test_every_channel_can_have_a_strength_of_its_own(kind: NoiseKind) -> None:
    layer, x = Noise(4, gain=2.0, channels=3), torch.randn(5, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        layer.strength.copy_(torch.tensor([0.0, 1.0, -0.5]))
    torch.manual_seed(0)
    added = layer(x, kind) - x
    torch.manual_seed(0)
    noise = torch.randn(5, 1, 4, 4) if kind == "random" else layer.constant.expand(5, 1, 4, 4)
    torch.testing.assert_close(added, noise * torch.tensor([0.0, 2.0, -1.0])[:, None, None], atol=1e-6, rtol=1e-5)
    assert layer(x, kind).is_contiguous(memory_format=torch.channels_last)


def test_noise_is_drawn_from_the_given_generator() -> None:
    first, second = (noisy("random", torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, noisy("random"))


def test_noise_starts_with_no_strength() -> None:
    x = torch.randn(1, 2, 4, 4)
    assert torch.equal(Noise(4)(x, "random"), x)
