"""The filtered leaky ReLU against its definition: zeros between, filter, non-linearity, filter, every few kept."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.nn import blocks
from imaginable.nn.filtered import Band, FilteredLeakyReLU
from imaginable.nn.low_pass import low_pass, radial_low_pass

COARSE, FINE = Band(36, 16, 2.0, 6.5), Band(52, 32, 8.0, 8.0)
SMALL, LARGE = Band(4, 4, 1.0, 1.0), Band(6, 8, 2.0, 2.0)
every_kind = pytest.mark.parametrize("radial", [False, True])
every_change = pytest.mark.parametrize(("before", "after"), [(COARSE, COARSE), (COARSE, FINE), (FINE, COARSE)])


def convolved(x: Tensor, kernel: Tensor) -> Tensor:
    return F.conv2d(x.flatten(0, 1)[:, None], kernel.flip(0, 1)[None, None]).unflatten(0, x.shape[:2])[:, :, 0]


def step_by_step(x: Tensor, before: Band, after: Band, radial: bool) -> Tensor:
    rate = 2 * max(before.rate, after.rate)
    up, down, (n, c, size, _) = rate // before.rate, rate // after.rate, x.shape
    line = torch.from_numpy(low_pass(6 * up, before.cutoff, before.half_width, rate)).to(x)
    design = radial_low_pass if radial else low_pass
    second = torch.from_numpy(design(6 * down, after.cutoff, after.half_width, rate)).to(x)
    sparse = x.new_zeros(n, c, size * up, size * up)
    sparse[:, :, ::up, ::up] = x
    total = (after.size - 1) * down + 1 - size * up + 6 * up + 6 * down - 2
    low = (total + up) // 2
    fine = convolved(F.pad(sparse, [low, total - low] * 2), up**2 * torch.outer(line, line))
    fine = math.sqrt(2) * F.leaky_relu(fine, 0.2)
    kernel = second if radial else torch.outer(second, second)
    return convolved(fine, kernel)[:, :, ::down, ::down]


def layer(before: Band, after: Band, radial: bool) -> FilteredLeakyReLU:
    return FilteredLeakyReLU(before.size + 2, before, after, radial)


def dense(module: FilteredLeakyReLU, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """What it does elsewhere than on a CPU, and when it is exported."""
    with monkeypatch.context() as patch:
        patch.setattr(torch.compiler, "is_compiling", lambda: True)
        out: Tensor = module(x)
    return out


@every_change
@every_kind
def test_products_are_the_steps(before: Band, after: Band, radial: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module, x = layer(before, after, radial), torch.randn(2, 3, before.size + 2, before.size + 2)
    expected = step_by_step(x.double(), before, after, radial)
    assert expected.shape == (2, 3, after.size, after.size)
    for made in (module(x), dense(module, x, monkeypatch)):
        assert made.dtype == torch.float32
        assert (made - expected).abs().max() < 4e-6 * expected.abs().max()


@every_kind
def test_it_differentiates_twice(radial: bool) -> None:
    torch.manual_seed(0)
    module = FilteredLeakyReLU(5, SMALL, LARGE, radial).double()
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (x,))
    assert torch.autograd.gradgradcheck(module, (x,))


@every_kind
def test_blocks_have_the_derivatives_of_whole_products(radial: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module = layer(COARSE, FINE, radial).double()
    x = torch.randn(2, 3, 38, 38, dtype=torch.float64, requires_grad=True)

    def derivatives(y: Tensor) -> tuple[Tensor, Tensor]:
        (first,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x)
        return first, second

    for blocked, whole in zip(derivatives(module(x)), derivatives(dense(module, x, monkeypatch)), strict=True):
        assert (blocked - whole).abs().max() < 1e-12 * whole.abs().max()


def test_chunks_of_any_length_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module, x = layer(COARSE, FINE, False), torch.randn(3, 5, 38, 38, requires_grad=True)
    made = module(x)
    (slope,) = torch.autograd.grad(made.square().sum(), x)
    monkeypatch.setattr(blocks, "_CACHED", 0)
    monkeypatch.setattr(blocks, "_PLANES", 4)
    torch.testing.assert_close(module(x), made, rtol=0, atol=1e-6)
    torch.testing.assert_close(torch.autograd.grad(module(x).square().sum(), x)[0], slope, rtol=0, atol=1e-4)


def test_a_block_where_nothing_lies_gives_zeros() -> None:
    matrix = np.zeros((70, 9), np.float32)
    matrix[:10] = 1
    zeros = torch.from_numpy(matrix)
    made = blocks._resized(zeros, zeros, blocks._blocks(matrix), torch.full((9, 2, 9), 1.0))
    torch.testing.assert_close(made, (zeros @ torch.ones(9, 9) @ zeros.T)[:, None].expand(-1, 2, -1).contiguous())


def test_matrices_are_not_saved_and_float32_whatever_the_precision_around() -> None:
    module = layer(COARSE, FINE, False)
    assert module.state_dict() == {}
    x = torch.randn(1, 2, 38, 38).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        made = module(x)
    torch.testing.assert_close(made, module(x.to(torch.float32)))


def test_frequencies_that_pixels_cannot_hold_are_removed() -> None:
    """A wave at the coarse grid's Nyquist frequency, whose square wave a plain leaky ReLU would fold to a constant."""
    band = dataclasses.replace(COARSE, cutoff=6.0, half_width=2.0)
    wave = torch.cos(math.pi / 2 * torch.arange(38)).expand(1, 1, 38, 38)  # a quarter of the rate
    made = layer(band, band, False)(wave)[0, 0, 18, 8:28]
    spectrum = torch.fft.rfft(made).abs() / 20
    assert spectrum[5] > 0.3
    assert spectrum[6:].max() < 0.01


def test_exported_it_is_products_of_matrices() -> None:
    module = layer(COARSE, FINE, True)
    x = torch.randn(1, 2, 38, 38)
    program = torch.export.export(module, (x,))
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert "aten.matmul.default" in called
    assert not {name for name in called if "conv" in name or "Filtered" in name}
    torch.testing.assert_close(program.module()(x), module(x), rtol=0, atol=1e-5)
