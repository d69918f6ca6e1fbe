"""StyleGAN's networks: statistics that styles set exactly, resampling against what the paper does, noise, codes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.stylegan1 import Doubling, Halving, Stylegan1Discriminator, Stylegan1Generator
from imaginable.nn.equalised import activated
from imaginable.nn.modulated import Noise
from imaginable.nn.normalization import AdaptiveInstanceNorm


def generator(size: int = 16, classes: int = 0, strength: float = 1.0) -> Stylegan1Generator:
    """A small one, whose noise has a strength of about this everywhere."""
    torch.manual_seed(0)
    made = Stylegan1Generator(6, (3, size, size), width=4, most=12, styles=10, depth=3, classes=classes)
    for layer in made.modules():
        if isinstance(layer, Noise):
            nn.init.normal_(layer.strength, std=strength)
    return made


def discriminator(classes: int = 0, group: int = 1) -> Stylegan1Discriminator:
    torch.manual_seed(0)
    return Stylegan1Discriminator((3, 16, 16), width=4, most=12, classes=classes, group=group)


def normalisation(dtype: torch.dtype = torch.float64) -> tuple[AdaptiveInstanceNorm, Tensor, Tensor]:
    torch.manual_seed(0)
    layer = AdaptiveInstanceNorm(4, 5).to(dtype)
    nn.init.normal_(layer.affine.bias)
    x = (3 + 2 * torch.randn(3, 4, 8, 8, dtype=dtype)).contiguous(memory_format=torch.channels_last)
    return layer, x, torch.randn(3, 5, dtype=dtype)


def test_mean_and_deviation_of_every_channel_are_those_of_its_style() -> None:
    layer, x, code = normalisation()
    style = code @ layer.affine.weight.T / math.sqrt(5) + layer.affine.bias
    y = layer(x, code)
    torch.testing.assert_close(y.mean((2, 3)), style[:, 4:])
    torch.testing.assert_close(y.std((2, 3), correction=0), (style[:, :4] + 1).abs())


def test_adaptive_normalisation_is_equation_one_up_to_its_derivatives() -> None:
    layer, x, code = normalisation()

    def explicit(x: Tensor, code: Tensor) -> Tensor:
        scale, shift = layer.affine(code)[..., None, None].chunk(2, dim=1)
        centred = x - x.mean((2, 3), keepdim=True)
        out: Tensor = (scale + 1) * centred / centred.square().mean((2, 3), keepdim=True).sqrt() + shift
        return out

    slope = torch.randn_like(x)
    gradients = []
    for function in (layer, explicit):
        inputs = [x.clone().requires_grad_(), code.clone().requires_grad_()]
        out = function(*inputs)
        gradients.append([out, *torch.autograd.grad(out, [*inputs, *layer.parameters()], slope)])
    for mine, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-5, atol=1e-6)


def test_adaptive_normalisation_keeps_the_order_of_memory_and_the_precision() -> None:
    layer, x, code = normalisation(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        low = layer(x.bfloat16(), code.bfloat16())
    assert low.dtype == torch.bfloat16
    assert low.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(low.float(), layer(x.bfloat16().float(), code.bfloat16().float()), rtol=0.01, atol=0.02)


def test_a_style_starts_by_changing_nothing_for_a_code_of_zero() -> None:
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        y = AdaptiveInstanceNorm(4, 5)(x, torch.zeros(2, 5))
    torch.testing.assert_close(y, F.instance_norm(x), rtol=0, atol=1e-4)


def box(x: Tensor) -> Tensor:
    """Through [1, 2, 1] / 4 in both directions."""
    line = torch.tensor([1.0, 2, 1]) / 4
    return F.conv2d(x, torch.outer(line, line).expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])


def test_doubling_is_nearest_pixel_convolution_and_filter() -> None:
    torch.manual_seed(0)
    layer, x = Doubling(3, 4), torch.randn(2, 3, 8, 8)
    nn.init.normal_(layer.bias)
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    kernel = (layer.weight * math.sqrt(2 / 27)).transpose(0, 1).flip(2, 3)
    expected = box(F.conv2d(large, kernel, padding=1)) + math.sqrt(2) * layer.bias[:, None, None]
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(layer(x)[inside], expected[inside])


def test_halving_is_filter_convolution_and_mean() -> None:
    torch.manual_seed(0)
    layer, x = Halving(3, 4), torch.randn(2, 3, 16, 16)
    hidden = activated(layer.first(x))
    kernel = layer.second.weight * math.sqrt(2 / 27)
    expected = F.leaky_relu(F.avg_pool2d(F.conv2d(box(hidden), kernel, padding=1), 2), 0.2)
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(layer(x)[inside], expected[inside])


def test_all_weights_are_of_size_one_but_for_the_mappings() -> None:
    made = Stylegan1Generator(64, (3, 32, 32), width=32, most=64, styles=64, depth=2)
    for name, weight in [*made.named_parameters(), *discriminator().named_parameters()]:
        if name.endswith("weight") and weight.numel() > 500:
            expected = 100 if name.startswith("mapping") else 1
            assert float(weight.detach().std()) == pytest.approx(expected, rel=0.15), name


def test_there_are_two_layers_a_resolution_with_a_noise_and_a_style_each() -> None:
    made = generator(size=32)
    assert made.layers == 8
    assert [tuple(layer.constant.shape) for layer in made.modules() if isinstance(layer, Noise)] == [
        (side, side) for side in (4, 4, 8, 8, 16, 16, 32, 32)
    ]
    strengths = [len(layer.strength) for layer in made.modules() if isinstance(layer, Noise)]
    assert strengths == [12, 12, 12, 12, 8, 8, 4, 4], "one for each channel"
    assert made(torch.randn(2, 6)).shape == (2, 3, 32, 32)


def test_every_code_reaches_the_picture_and_only_what_follows_it() -> None:
    made, seen = generator(), []
    for styling in made.stylings:
        styling.register_forward_hook(lambda _, given, out: seen.append(out.clone()))
    with torch.no_grad():
        w = made.map(torch.randn(2, 6)).clone()  # of the same strides as what follows, for the same rounding
        plain = made.synthesize(w, "none")
        before = list(seen)
        for layer in range(made.layers):
            other = w.clone()
            other[:, layer] += 1
            seen.clear()
            assert float((made.synthesize(other, "none") - plain).abs().max()) > 1e-3
            same = [torch.equal(one, two) for one, two in zip(before, seen, strict=True)]
            assert same == [number < layer for number in range(made.layers)]


def test_truncation_goes_straight_to_the_average() -> None:
    made, z = generator(), torch.randn(4, 6)
    nn.init.normal_(made.average)
    with torch.no_grad():
        w = made.map(z)
        torch.testing.assert_close(made.map(z, truncation=0.0), made.average.expand_as(w))
        torch.testing.assert_close(made.map(z, truncation=0.3), made.average + 0.3 * (w - made.average))
    assert torch.equal(w[:, 0], w[:, -1])


def test_noise_changes_the_picture_a_little_and_not_its_channels_statistics() -> None:
    made = generator(strength=0.05)
    seen: list[Tensor] = []
    made.stylings[-1].register_forward_hook(lambda _, given, out: seen.append(out))
    with torch.no_grad():
        w = made.map(torch.randn(1, 6))
        quiet, constant, again = (made.synthesize(w, kind) for kind in ("none", "constant", "constant"))
        first, second = (made.synthesize(w, "random", torch.Generator().manual_seed(seed)) for seed in (1, 2))
        repeated = made.synthesize(w, "random", torch.Generator().manual_seed(1))
    assert torch.equal(constant, again)
    assert torch.equal(first, repeated)
    for one, two in ((quiet, constant), (constant, first), (first, second)):
        assert 1e-4 < float((one - two).abs().mean()) < 0.3 * float(quiet.std())
    for out in seen:
        torch.testing.assert_close(out.mean((2, 3)), seen[0].mean((2, 3)), atol=1e-4, rtol=1e-3)


def test_noise_starts_with_no_strength() -> None:
    made = Stylegan1Generator(6, (3, 16, 16), width=4, most=12, styles=10, depth=2)
    w = made.map(torch.randn(2, 6))
    torch.testing.assert_close(made.synthesize(w, "random"), made.synthesize(w, "none"))


def test_the_constant_is_left_as_it_is() -> None:
    """Layers write over what they are given, also for a batch of one."""
    made = Stylegan1Generator(6, (1, 16, 16), width=1, most=1, styles=10, depth=2)
    before = made.constant.clone()
    with torch.no_grad():
        made(torch.randn(1, 6), noise="none")
    assert torch.equal(made.constant, before)


def test_items_do_not_know_each_other() -> None:
    made, judge = generator(classes=2), discriminator(classes=2)
    z, label, x = torch.randn(3, 6), torch.tensor([0, 1, -1]), torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(made(z, label, noise="constant")[1:2], made(z[1:2], label[1:2], noise="constant"))
        torch.testing.assert_close(judge(x, label)[1:2], judge(x[1:2], label[1:2]))
        same = discriminator(group=2)(x[:1].expand(4, -1, -1, -1))
        assert not torch.allclose(same[:1], discriminator(group=2)(torch.cat([x, -x[:1]]))[:1], atol=1e-5)


def test_there_is_a_logit_for_every_class_and_an_unknown_one_has_their_mean() -> None:
    judge, x = discriminator(classes=3), torch.randn(1, 3, 16, 16).expand(4, -1, -1, -1)
    with torch.no_grad():
        logits = judge(x, torch.tensor([0, 1, 2, -1]))
        assert logits[:3].unique().numel() == 3
        torch.testing.assert_close(logits[3], logits[:3].mean())
        torch.testing.assert_close(judge(x), logits[3].expand(4))
        assert discriminator()(x, torch.arange(4)).unique().numel() == 1


def test_the_discriminators_derivatives_are_those_of_differences() -> None:
    judge = discriminator().double().requires_grad_(False)
    x = torch.randn(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)

    def features(x: Tensor) -> Tensor:
        hidden = judge.first(x)
        for block in judge.blocks:
            hidden = block(hidden)
        return hidden

    assert torch.autograd.gradcheck(features, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(features, x, fast_mode=True)


def test_float32_whatever_the_precision_inside() -> None:
    made, judge = generator(classes=2), discriminator(classes=2)
    z = torch.randn(2, 6)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        w = made.map(z)
        x = made.synthesize(w, "constant")
        assert {w.dtype, x.dtype, judge(x).dtype} == {torch.float32}
    with torch.no_grad():
        exact = made(z, noise="constant")
    assert 0 < float((x - exact).abs().max()) < 0.1 * float(exact.abs().max())
