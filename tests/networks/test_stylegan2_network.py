"""StyleGAN2's networks against the authors' implementation, where its values are at hand, and what must hold anyway."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from imaginable.networks.stylegan2 import Stylegan2Discriminator, Stylegan2Generator
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


def ours(name: str) -> str:
    """The authors' name of a generator's or discriminator's tensor -> ours."""

    def level(match: re.Match[str]) -> int:
        return int(match[1]).bit_length() - 3  # 4 -> 0, 8 -> 1

    rules = [
        (r"mapping\.fc(\d+)", r"mapping.layers.\1"),
        (r"mapping\.w_avg", "average"),
        (r"synthesis\.b4\.const", "constant"),
        (r"synthesis\.b(\d+)\.conv0", lambda match: f"up.{level(match) - 1}.convolution"),
        (r"synthesis\.b(\d+)\.conv1", lambda match: f"same.{level(match)}.convolution"),
        (r"synthesis\.b(\d+)\.torgb", lambda match: f"pictures.{level(match)}"),
        (r"convolution\.noise_const", "noise.constant"),
        (r"convolution\.noise_strength", "noise.strength"),
        (r"b\d+\.fromrgb", "first"),
        (r"b4\.conv\.", "last."),
        (r"b4\.fc", "hidden"),
        (r"b4\.out", "features"),
        (r"b(\d+)\.conv0", lambda match: f"blocks.{3 - level(match)}.first"),
        (r"b(\d+)\.conv1", lambda match: f"blocks.{3 - level(match)}.second"),
        (r"b(\d+)\.skip", lambda match: f"blocks.{3 - level(match)}.shortcut"),
    ]
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def filled(network: torch.nn.Module, oracle: dict[str, Tensor]) -> torch.nn.Module:
    """The network with the authors' weights. Their embedding is a linear layer on one-hot classes."""
    theirs = {name.removeprefix("state."): value for name, value in oracle.items() if name.startswith("state.")}
    weight, bias = (theirs.pop(f"mapping.embed.{part}") for part in ("weight", "bias"))
    state = {ours(name): value for name, value in theirs.items() if not name.endswith("resample_filter")}
    state["mapping.classes.weight"] = weight.T / weight.shape[1] ** 0.5 + bias
    network.load_state_dict(state)
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
