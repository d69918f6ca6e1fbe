"""StyleGAN2's networks against the authors' implementation, where its values are at hand, and what must hold anyway.

Those values are too many to be part of the repository. stylegan2_reference.npz is: what `reference` gave when the
networks agreed with the authors'.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from imaginable.networks.stylegan2 import (
    Halving,
    Mapping,
    Stylegan2Discriminator,
    Stylegan2Generator,
    from_public,
)
from imaginable.nn.modulated import Noise

ORACLES = Path(__file__).parents[3] / "shared" / "oracles"
with_oracles = pytest.mark.skipif(not ORACLES.is_dir(), reason="the authors' values lie beside the repository")
TOLERANCE = 1e-5
"""of the largest reference value"""


def generator(size: int = 16, channels: int = 3, classes: int = 0) -> Stylegan2Generator:
    """A small one whose noise is not left out by a strength of 0."""
    torch.manual_seed(0)
    network = Stylegan2Generator(6, (channels, size, size), width=4, most=12, styles=10, depth=3, classes=classes)
    for layer in network.modules():
        if isinstance(layer, Noise):
            torch.nn.init.normal_(layer.strength)
    return network


def discriminator(size: int = 16, channels: int = 3, classes: int = 0, group: int = 1) -> Stylegan2Discriminator:
    torch.manual_seed(0)
    return Stylegan2Discriminator((channels, size, size), width=4, most=12, classes=classes, group=group, depth=2)


def filled(network: torch.nn.Module, oracle: dict[str, Tensor]) -> torch.nn.Module:
    """The network with the authors' weights."""
    theirs = {name.removeprefix("state."): value for name, value in oracle.items() if name.startswith("state.")}
    network.load_state_dict(from_public(theirs))
    return network


def assert_agrees(mine: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(mine, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@with_oracles
def test_the_generator_agrees_with_the_authors() -> None:
    oracle = load_file(ORACLES / "stylegan2.safetensors")
    network = Stylegan2Generator(32, (3, 32, 32), width=16, most=16, styles=32, depth=4, classes=3)
    filled(network, oracle)
    z, label = oracle["in.z"], oracle["in.c"].argmax(1)
    assert_agrees(network.map(z, label), oracle["out.w"])
    w = network.map(z, label, truncation=0.7)
    assert_agrees(w, oracle["out.w_truncated_0.7"])
    assert_agrees(network.synthesize(w, noise="constant"), oracle["out.image"])


@with_oracles
def test_the_discriminator_agrees_with_the_authors_up_to_its_penalty() -> None:
    oracle = load_file(ORACLES / "stylegan2_discriminator.safetensors")
    network = filled(Stylegan2Discriminator((3, 32, 32), width=16, most=16, classes=3, group=2), oracle)
    x = oracle["in.image"].requires_grad_()
    logits = network(x, oracle["in.c"].argmax(1))
    assert_agrees(logits, oracle["out.logits"].flatten())
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    assert_agrees(slope, oracle["out.grad_image"])
    assert_agrees(slope.square().sum((1, 2, 3)), oracle["out.r1_per_image"])


def drawn(network: torch.nn.Module, seed: int = 7) -> torch.nn.Module:
    """The network with weights that are made from their names: the same everywhere, and none of them zero."""
    for name, value in network.state_dict().items():
        source = torch.Generator().manual_seed(zlib.crc32(name.encode()) + seed)
        size = 100 if "mapping.layers" in name and name.endswith("weight") else 0.1 if "bias" in name else 1
        value.copy_(size * torch.randn(value.shape, generator=source) + (1 if "affine.bias" in name else 0))
    return network


def reference() -> dict[str, Tensor]:
    """What the networks give now, with weights and inputs that are made anew each time."""
    source = torch.Generator().manual_seed(0)
    z, label = torch.randn(2, 6, generator=source), torch.tensor([2, 0])
    made = drawn(generator(classes=3))
    w = made.map(z, label, truncation=0.7)
    x = made.synthesize(w, "constant").detach().requires_grad_()
    logits = drawn(discriminator(classes=3, group=2))(x, label)
    (slope,) = torch.autograd.grad(logits.sum(), x)
    return {"w": w[:, 0], "picture": x, "logits": logits, "slope": slope}


def test_the_networks_give_what_they_gave_when_they_agreed() -> None:
    stored = np.load(Path(__file__).with_name("stylegan2_reference.npz"))
    found = reference()
    assert set(stored) == set(found)
    for name, value in found.items():
        assert_agrees(value.detach(), torch.from_numpy(stored[name]))


def test_at_1024_pixels_there_are_as_many_weights_as_the_authors_program_prints() -> None:
    with torch.device("meta"):
        networks = (
            Stylegan2Generator(512, (3, 1024, 1024), width=32, depth=2),
            Stylegan2Discriminator((3, 1024, 1024), width=32),
        )
    assert [sum(one.numel() for one in net.parameters()) for net in networks] == [28_794_124, 29_012_513]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_shapes(size: int, channels: int) -> None:
    made, judge, label = generator(size, channels, 2), discriminator(size, channels, 2), torch.tensor([0, -1])
    with torch.no_grad():
        w = made.map(torch.randn(2, 6), label)
        x = made.synthesize(w)
        logits = judge(x, label)
    assert w.shape == (2, 2 * size.bit_length() - 4, 10)
    assert x.shape == (2, channels, size, size)
    assert logits.shape == (2,)


def test_items_of_a_batch_are_independent_but_for_their_deviation() -> None:
    made, z = generator(), torch.randn(4, 6)
    with torch.no_grad():
        x = made(z, noise="constant")
        torch.testing.assert_close(made(z[1:2], noise="constant"), x[1:2], rtol=1e-4, atol=1e-5)
        alone, grouped = discriminator(), discriminator(group=4)
        torch.testing.assert_close(alone(x[1:2]), alone(x)[1:2], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(grouped(x[1:2]), grouped(x)[1:2], rtol=1e-4, atol=1e-5)


def test_random_noise_is_another_for_every_item_and_repeats_with_its_generator() -> None:
    made, z = generator(), torch.randn(1, 6).expand(2, -1)
    with torch.no_grad():
        first, again = (made(z, generator=torch.Generator().manual_seed(1)) for _ in range(2))
        assert torch.equal(first, again)
        assert not torch.allclose(first[0], first[1], atol=1e-2)
        plain = made(z, noise="none")
    torch.testing.assert_close(plain[0], plain[1])


def test_truncation_goes_from_the_average_to_the_code() -> None:
    made, z = generator(), torch.randn(2, 6)
    made.average.normal_()
    with torch.no_grad():
        full, half, none = (made.map(z, truncation=psi) for psi in (1.0, 0.5, 0.0))
    torch.testing.assert_close(none, made.average.expand_as(none))
    torch.testing.assert_close(half, (full + made.average) / 2)


def test_every_layer_has_a_code_of_its_own() -> None:
    """The last sets only how maps become a picture; each other one changes what the later ones see."""
    made = generator()
    with torch.no_grad():
        w, other = made.map(torch.randn(2, 6)).unbind(0)
        codes = w.repeat(made.layers + 1, 1, 1)
        codes[torch.arange(made.layers), torch.arange(made.layers)] = other[0]
        *changed, same = made.synthesize(codes, noise="constant")
    assert all(not torch.allclose(one, same, atol=1e-3) for one in changed)


def test_latents_are_normalised_and_so_are_the_vectors_of_classes() -> None:
    mapping, z = Mapping(6, 10, 2, classes=3), torch.randn(3, 6)
    label = torch.tensor([0, 2, -1])
    assert mapping.classes is not None
    with torch.no_grad():
        before = mapping(z, label)
        mapping.classes.weight *= 5
        torch.testing.assert_close(mapping(3 * z, label), before)
        assert not torch.allclose(mapping(z, label.flip(0))[0], before[0])
        torch.testing.assert_close(mapping(z)[2], before[2])  # no labels: all are unknown


def test_the_class_changes_the_logit() -> None:
    judge, x = discriminator(classes=3), torch.randn(1, 3, 16, 16).expand(3, -1, -1, -1)
    with torch.no_grad():
        assert judge(x, torch.arange(3)).unique().numel() == 3
        assert discriminator()(x, torch.arange(3)).unique().numel() == 1


def test_at_the_start_pictures_and_maps_are_of_the_order_of_one() -> None:
    torch.manual_seed(0)
    made, halve = Stylegan2Generator(64, (3, 32, 32), width=32, most=64, styles=64), Halving(64, 64)
    with torch.no_grad():
        assert 1 < float(made(torch.randn(32, 64)).std()) < 4  # the sum of four pictures
        coarse = torch.randn(8, 64, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)  # survives the filters
        assert 0.5 < float(halve(coarse).std()) < 1.5


def test_a_penalty_on_path_lengths_reaches_all_that_codes_go_through() -> None:
    made = generator()
    w = made.map(torch.randn(2, 6))
    x = made.synthesize(w)
    (slope,) = torch.autograd.grad((x * torch.randn_like(x)).sum(), w, create_graph=True)
    slope.square().sum((1, 2)).sqrt().mean().backward()
    moved = {name for name, value in made.named_parameters() if value.grad is not None and bool(value.grad.any())}
    last = [f"pictures.{level}.bias" for level in range(3)]  # added at the end, and so without influence on slopes
    assert moved == {name for name, _ in made.named_parameters()} - set(last)


def test_the_discriminators_derivatives_are_those_of_differences() -> None:
    judge = discriminator(channels=1, classes=2).double().requires_grad_(False)
    x = torch.randn(2, 1, 16, 16, dtype=torch.float64, requires_grad=True)

    def logits(x: Tensor) -> Tensor:
        features = judge.first(x)
        for block in judge.blocks:
            features = block(features)
        out: Tensor = features.square().mean((1, 2, 3))
        return out

    assert torch.autograd.gradcheck(logits, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(logits, x, fast_mode=True)


def test_float32_whatever_the_precision_inside() -> None:
    made, judge = generator(classes=2), discriminator(classes=2)
    z = torch.randn(2, 6)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        w = made.map(z)
        x = made.synthesize(w, noise="constant")
        assert {w.dtype, x.dtype, judge(x).dtype} == {torch.float32}
    with torch.no_grad():
        exact = made(z, noise="constant")
    torch.testing.assert_close(made.map(z), w)
    assert 0 < float((x - exact).abs().max()) < 0.05 * float(exact.abs().max())
