"""The ordinary form of StyleGAN2: eager float32, NCHW, weights of every item's own in one convolution of as many groups
as there are items, low-pass filters as depthwise convolutions, torch's own derivatives. As ports to PyTorch have it
that need no CUDA kernels: fakes are made anew for each player, and real and made items judged in two passes.

Many of them filter every channel as an item of its own, which on a CPU takes four times as long; that is not held
against the ordinary form here.
"""

import copy
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.methods._styles import crossings, mixed
from imaginable.networks.stylegan2 import Halving, Stylegan2Generator
from imaginable.nn.equalised import SLOPE, EqualisedConvolution
from imaginable.nn.modulated import ModulatedConvolution
from imaginable.objectives.penalties import path_lengths, squared_gradient_norm
from ordinary_gans import Step

LENGTHS_AVERAGED = 0.01


def check_same(networks: Any, latents: int, real: Tensor) -> None:
    """Raises AssertionError where the ordinary form makes or judges otherwise than ours."""
    ordinary: Any = ordinary_styles(copy.deepcopy(networks))
    with torch.no_grad():
        w = networks.generator.map(torch.randn(2, latents))
        torch.testing.assert_close(
            ordinary.generator.synthesize(w, "constant"),
            networks.generator.synthesize(w, "constant"),
            rtol=0,
            atol=1e-4,
        )
        torch.testing.assert_close(ordinary.discriminator(real), networks.discriminator(real), rtol=0, atol=1e-4)


def ordinary_styles(networks: nn.Module) -> nn.Module:
    """The networks, whose layers now compute the same in the ordinary way."""
    for layer in networks.modules():
        if isinstance(layer, ModulatedConvolution):
            layer.forward = partial(_modulated, layer)
        elif isinstance(layer, EqualisedConvolution):
            layer.forward = partial(_equalised, layer)
        elif isinstance(layer, Halving):
            layer.forward = partial(_halving, layer)
        elif isinstance(layer, Stylegan2Generator):
            layer.synthesize = partial(_synthesis, layer)
    return networks


def _modulated(layer: Any, x: Tensor, code: Tensor) -> Tensor:
    n, (after, before, kernel, _) = len(x), layer.weight.shape
    style = layer.affine(code)
    weight = layer.weight_gain * layer.weight * style[:, None, :, None, None]  # (n, after, before, k, k)
    if layer.demodulate:
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4)) + 1e-8)[..., None, None, None]
    x = x.reshape(1, n * before, *x.shape[2:])
    if layer.up:
        weight = weight.transpose(1, 2).reshape(n * before, after, kernel, kernel)
        x = F.conv_transpose2d(x, weight, stride=2, groups=n)
        x = _filtered(x.view(n, after, *x.shape[2:]), 1, 4.0)
    else:
        x = F.conv2d(x, weight.view(n * after, before, kernel, kernel), padding=kernel // 2, groups=n)
    return layer.gain * (x.view(n, after, *x.shape[2:]) + layer.bias[:, None, None])


def _equalised(layer: Any, x: Tensor) -> Tensor:
    bias = None if layer.bias is None else layer.bias * layer.bias_gain
    weight = layer.weight * layer.weight_gain
    return F.conv2d(x.contiguous(), weight.contiguous(), bias, layer.geometry.stride, layer.geometry.padding)


def _halving(layer: Any, x: Tensor) -> Tensor:
    hidden = layer.second(_filtered(F.leaky_relu(layer.first(x), SLOPE), 2, 1.0))
    return layer.shortcut(_filtered(x, 1, 1.0)[:, :, ::2, ::2]) + F.leaky_relu(hidden, SLOPE)


def _synthesis(generator: Any, w: Tensor, kind: Any = "random", source: torch.Generator | None = None) -> Tensor:
    codes = w.unbind(1)
    x = generator.same[0](generator.constant.expand(len(w), -1, -1, -1), codes[0], kind, source)
    picture = generator.pictures[0](x, codes[1])
    for level, (up, same) in enumerate(zip(generator.up, generator.same[1:], strict=True)):
        x = same(up(x, codes[2 * level + 1], kind, source), codes[2 * level + 2], kind, source)
        apart = picture.new_zeros(*picture.shape[:2], *(2 * side for side in picture.shape[2:]))
        apart[:, :, ::2, ::2] = picture
        picture = _filtered(F.pad(apart, (1, 0, 1, 0)), 1, 4.0) + generator.pictures[level + 1](x, codes[2 * level + 3])
    return picture


def _filtered(x: Tensor, padding: int, gain: float) -> Tensor:
    line = x.new_tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = (gain * torch.outer(line, line)).expand(x.shape[1], 1, -1, -1)
    return F.conv2d(x, kernel, padding=padding, groups=x.shape[1])


def styles_step(method: Any, nets: Any, real: Tensor) -> Step:
    """One cycle, with the lazy penalties where they fall."""
    check_same(nets, method.latents, real)
    ordinary_styles(nets)
    generator, discriminator = nets.generator, nets.discriminator
    generating, judging = (_adam(method, nets, player) for player in ("generator", "discriminator"))
    length, cycle, n = torch.zeros(()), 0, len(real)

    def codes(n: int) -> Tensor:
        first, other = (generator.map(torch.randn(n, method.latents)) for _ in range(2))
        generator.average.lerp_(first[:, 0].detach().mean(0), 0.005)
        return mixed(first, other, crossings(n, first.shape[1], method.mixing))

    def descend(adam: torch.optim.Optimizer, loss: Tensor) -> None:
        adam.zero_grad()
        loss.backward()
        adam.step()

    def step() -> None:
        nonlocal cycle
        with torch.no_grad():
            fake = generator.synthesize(codes(n))
        entropy = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()
        descend(judging, entropy)
        if cycle % method.penalty_every == 0:
            r1 = squared_gradient_norm(discriminator, real).mean()
            descend(judging, method.penalty_every * method.gamma / 2 * r1)
        discriminator.requires_grad_(False)
        descend(generating, F.softplus(-discriminator(generator.synthesize(codes(n)))).mean())
        discriminator.requires_grad_(True)
        if cycle % method.path_every == 0:
            lengths = path_lengths(generator.synthesize, codes(max(1, n // 2)))
            length.lerp_(lengths.detach().mean(), LENGTHS_AVERAGED)
            descend(generating, method.path_every * method.path * (lengths - length).square().mean())
        cycle += 1

    return step


def _adam(method: Any, nets: Any, player: str) -> torch.optim.Optimizer:
    rule = method.optimizers()[player]
    return torch.optim.Adam(nets.get_submodule(player).parameters(), rule.lr, rule.betas, rule.eps)
