"""StyleGAN3's generator against an independent implementation of it, with weights that are made anew.

stylegan3_reference.npz holds what the other implementation gave, in float32, for six layers at 32 pixels: every third
pixel of two pictures from truncated w, and both w.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.stylegan3 import Stylegan3Generator, from_public
from imaginable.networks.stylegan3_layers import ModulatedConvolution, Waves, stages
from imaginable.nn.transform import transforms

REFERENCE = np.load(Path(__file__).with_name("stylegan3_reference.npz"))
CHANNELS = {"t": 16, "r": 32}
SIZES = (36, 36, 52, 52, 52, 32, 32)
"""of the layers' outputs"""
every_kind = pytest.mark.parametrize("kind", CHANNELS)


def network(kind: str) -> Stylegan3Generator:
    made = Stylegan3Generator(32, (3, 32, 32), 32, 2, 6, 32 * CHANNELS[kind], CHANNELS[kind], rotates=kind == "r")
    return made.eval().requires_grad_(False)


def weights(kind: str) -> dict[str, Tensor]:
    """The reference's weights, drawn in its order: those of the network, then what is added to biases."""
    torch.manual_seed(11)
    channels, kernel, state = CHANNELS[kind], 1 if kind == "r" else 3, {}
    raw = torch.randn(channels, 2)
    length = raw.square().sum(1, keepdim=True).sqrt()
    state["synthesis.input.freqs"] = raw / (length * length.square().exp().pow(0.25)) * 2
    state["synthesis.input.phases"] = torch.rand(channels) - 0.5
    state["synthesis.input.transform"] = torch.eye(3)
    state["synthesis.input.weight"] = torch.randn(channels, channels)
    state["synthesis.input.affine.weight"] = torch.randn(4, 32) * 0
    state["synthesis.input.affine.bias"] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    for index, size in enumerate(SIZES):
        last = index == len(SIZES) - 1
        after, side = (3, 1) if last else (channels, kernel)
        name = f"synthesis.L{index}_{size}_{after}"
        state[f"{name}.affine.weight"] = torch.randn(channels, 32)
        state[f"{name}.weight"] = torch.randn(after, channels, side, side)
        state |= {f"{name}.bias": torch.zeros(after), f"{name}.affine.bias": torch.ones(channels)}
        state[f"{name}.magnitude_ema"] = torch.ones(())
    for index in range(2):
        state[f"mapping.fc{index}.weight"] = torch.randn(32, 32) / 0.01
        state[f"mapping.fc{index}.bias"] = torch.zeros(32)
    generator = torch.Generator().manual_seed(3)
    for name in [name for name in state if name.endswith("bias")]:
        state[name] = state[name] + 0.1 * torch.randn(state[name].shape, generator=generator)
    state["mapping.w_avg"] = 0.5 * torch.randn(32, generator=generator)
    return state


@every_kind
def test_w_truncated_w_and_pictures_are_the_references(kind: str) -> None:
    made = network(kind)
    made.load_state_dict(from_public(weights(kind)))
    torch.manual_seed(1)
    z = torch.randn(2, 32)
    w, truncated = made.map(z), made.map(z, truncation=0.7)
    assert w.shape == truncated.shape == (2, 8, 32)
    pictures = made.synthesis(truncated)
    assert pictures.shape == (2, 3, 32, 32)
    for name, value in {"w": w[:, 3], "truncated": truncated[:, 7], "pictures": pictures[:, :, ::3, ::3]}.items():
        expected = REFERENCE[f"{kind}_{name}"]
        np.testing.assert_allclose(value.numpy(), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    torch.testing.assert_close(made(z, truncation=0.7), pictures)


def test_the_layers_at_256_pixels_are_those_of_the_public_network() -> None:
    made = stages(256, 14, 16384, 512)
    assert [(stage.size, stage.channels) for stage in made] == [
        *[(36, 512)] * 3,
        *[(52, 512)] * 2,
        *[(84, 512)] * 2,
        *[(148, 512)] * 2,
        *[(148, 362), (276, 256), (276, 181), (276, 128), (256, 128)],
    ]
    assert all(stage.size == stage.rate + 20 for stage in made[:-1])
    assert made[0].cutoff == 2
    assert [stage.cutoff for stage in made[-2:]] == [128, 128]
    assert [stage.critical for stage in made] == [False] * 12 + [True] * 2
    assert [stage.cutoff + stage.half_width for stage in made[-2:]] == pytest.approx([128 * 2**0.3] * 2)


@pytest.fixture(scope="module")
def shifting() -> Stylegan3Generator:
    torch.manual_seed(0)
    return Stylegan3Generator(8, (3, 64, 64), 8, 1, 8, 256, 16).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def rotating() -> Stylegan3Generator:
    torch.manual_seed(0)
    return Stylegan3Generator(8, (3, 64, 64), 8, 1, 8, 256, 16, rotates=True).eval().requires_grad_(False)


def moved(made: Stylegan3Generator, *rows: list[float]) -> Tensor:
    """The picture of the same w, with the waves moved by the rows of a matrix."""
    torch.manual_seed(1)
    made.synthesis.input.transform.copy_(torch.tensor([*rows, [0.0, 0.0, 1.0]]))
    out: Tensor = made.synthesis(made.map(torch.randn(1, 8)))
    return out


def decibel(one: Tensor, other: Tensor) -> float:
    """The pictures' variance over their mean squared difference."""
    return 10 * math.log10(other.var().item() / (one - other).square().mean().item())


def test_pictures_follow_a_shift(shifting: Stylegan3Generator, rotating: Stylegan3Generator) -> None:
    """By five pixels down and three to the right; a pixel of the first layers is four."""
    for made in (shifting, rotating):
        still, there = moved(made, [1, 0, 0], [0, 1, 0]), moved(made, [1, 0, -3 / 64], [0, 1, -5 / 64])
        assert decibel(there[:, :, 5:, 3:], still[:, :, :-5, :-3]) > 50
        assert decibel(there, still) < 15


def test_pictures_of_r_follow_a_turn(shifting: Stylegan3Generator, rotating: Stylegan3Generator) -> None:
    def follows(made: Stylegan3Generator) -> float:
        still, there = moved(made, [1, 0, 0], [0, 1, 0]), moved(made, [0, -1, 0], [1, 0, 0])
        return decibel(there, still.rot90(1, (2, 3)))

    assert follows(rotating) > 100
    assert follows(shifting) < 15


def test_w_moves_the_waves_as_the_transform_does() -> None:
    torch.manual_seed(0)
    waves, w = Waves(4, stages(32, 6, 64, 8)[0]), torch.randn(2, 4)
    with torch.no_grad():
        waves.affine.bias.copy_(torch.tensor([0.0, 2.0, 0.4, -0.2]))  # a quarter turn; a shift by half of what is said
        of_w = waves(w)
        waves.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        waves.transform.copy_(torch.tensor([[0, -1, -0.1], [1, 0, -0.2], [0, 0, 1]]))
        torch.testing.assert_close(of_w, waves(w), rtol=0, atol=1e-5)
        waves.transform.copy_(torch.eye(3) * 5)
        assert waves(w).abs().max() < 0.5 * of_w.abs().max(), "what is beyond the pixels fades"


def test_activations_are_scaled_as_weights_would_be() -> None:
    torch.manual_seed(0)
    layer = ModulatedConvolution(5, 4, 3, 6, True)
    layer.magnitude_ema.fill_(4)
    nn.init.normal_(layer.bias)
    x, w = torch.randn(3, 5, 7, 7), torch.randn(3, 6)
    made = layer(x, w, track=0.0)
    for item, style in enumerate(layer.affine(w)):
        weight = layer.weight * style[:, None, None]
        weight = weight / weight.square().sum((1, 2, 3), keepdim=True).sqrt()
        expected = F.conv2d(x[item] / 2, weight, layer.bias, padding=2)
        torch.testing.assert_close(made[item], expected, rtol=1e-4, atol=1e-5)


def test_averages_move_only_when_told() -> None:
    torch.manual_seed(0)
    made = Stylegan3Generator(4, (1, 32, 32), 8, 2, 4, 64, 8)
    buffers = {name: value.clone() for name, value in made.named_buffers()}
    z = torch.randn(16, 4)
    made(z)
    assert all(torch.equal(value, buffers[name]) for name, value in made.named_buffers())
    made(z, track=0.1).sum().backward()
    changed = {name for name, value in made.named_buffers() if not torch.equal(value, buffers[name])}
    magnitudes = {f"synthesis.layers.{index}.convolution.magnitude_ema" for index in range(4)}
    assert changed == {"average", "synthesis.colours.magnitude_ema"} | magnitudes
    torch.testing.assert_close(made.average, 0.1 * made.mapping(z).mean(0), rtol=1e-4, atol=1e-7)
    waves = made.synthesis.input(made.map(z)[:, 0]).square().mean()
    expected = 1 + 0.1 * (waves - 1)
    torch.testing.assert_close(made.synthesis.layers[0].convolution.magnitude_ema, expected)  # type: ignore[union-attr]


def test_the_vector_of_a_public_class_is_its_column_and_the_bias() -> None:
    torch.manual_seed(0)
    state = weights("t")
    weight, bias = torch.randn(32, 3), torch.randn(32)
    classes = torch.eye(3)
    expected = classes @ weight.T / math.sqrt(3) + bias  # a layer of equalised weights on one-hot classes
    made = from_public(state | {"mapping.embed.weight": weight, "mapping.embed.bias": bias})
    torch.testing.assert_close(made["mapping.classes.weight"], expected)
    assert not any("embed" in name for name in made)
    assert made.keys() - {"mapping.classes.weight"} == from_public(state).keys()


def test_items_are_moved_each_by_its_own(shifting: Stylegan3Generator) -> None:
    torch.manual_seed(1)
    w = shifting.map(torch.randn(1, 8)).expand(2, -1, -1)
    transform = transforms(torch.tensor([0.0, 3 / 64]), torch.tensor([0.0, 5 / 64]), torch.tensor([0.0, 0.0]))
    still, there = shifting.synthesis(w, transform=transform).split(1)
    torch.testing.assert_close(still, moved(shifting, [1, 0, 0], [0, 1, 0]))
    torch.testing.assert_close(there, moved(shifting, [1, 0, -3 / 64], [0, 1, -5 / 64]))


def test_what_is_turned_and_shifted_is_turned_about_the_centre_first(rotating: Stylegan3Generator) -> None:
    torch.manual_seed(1)
    w = rotating.map(torch.randn(1, 8)).expand(2, -1, -1)
    quarter = math.pi / 2
    transform = transforms(torch.tensor([0.0, 0.25]), torch.zeros(2), torch.tensor([quarter, quarter]))
    turned, both = rotating.synthesis(w, transform=transform).split(1)
    assert decibel(both[..., 16:], turned[..., :-16]) > 45
    assert decibel(turned, moved(rotating, [1, 0, 0], [0, 1, 0]).rot90(1, (2, 3))) > 100


def test_places_keep_their_precision_under_autocast() -> None:
    torch.manual_seed(0)
    waves, w = Waves(4, stages(64, 6, 64, 8)[0]), torch.randn(1, 4)
    waves.weight.data = torch.eye(8) * math.sqrt(8)  # one wave a channel, only rounded at the end
    transform = transforms(torch.tensor([0.3]), torch.tensor([0.1]), torch.tensor([0.7]))
    expected = waves(w, transform)
    with torch.autocast("cpu", torch.bfloat16):
        found = waves(w, transform).float()
    torch.testing.assert_close(found, expected, rtol=0, atol=0.005)


def test_float32_whatever_the_precision_inside_and_every_parameter_learns() -> None:
    torch.manual_seed(0)
    made = Stylegan3Generator(4, (3, 32, 32), 8, 2, 4, 64, 8, classes=2)
    with torch.autocast("cpu", torch.bfloat16):
        pictures = made(torch.randn(2, 4), torch.tensor([0, 1]))
    assert pictures.dtype == torch.float32
    pictures.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in made.parameters())
