"""The quick convolution: torch's own numbers, of both orders."""

import pytest
import torch
from torch import Tensor, nn

from imaginable.nn.convolution import Convolution

CASES = [
    (3, 8, {"kernel_size": 3, "padding": 1}),
    (8, 8, {"kernel_size": 3, "padding": 1, "groups": 2}),
    (6, 4, {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False}),
    (4, 6, {"kernel_size": 1}),
    (5, 1, {"kernel_size": 4}),
    (4, 4, {"kernel_size": 4, "stride": 2, "padding": 1, "groups": 4}),
]


def both(before: int, after: int, options: dict[str, int]) -> tuple[Convolution, nn.Conv2d]:
    torch.manual_seed(0)
    ours = Convolution(before, after, **options).double()
    theirs = nn.Conv2d(before, after, **options).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def slopes(layer: nn.Conv2d, x: Tensor) -> list[Tensor]:
    """The output, its gradient at the input, and the gradients of a loss on both at everything."""
    x = x.clone().requires_grad_()
    out = layer(x)
    (slope,) = torch.autograd.grad(out.tanh().sum(), x, create_graph=True)
    (out.square().mean() + slope.square().sum()).backward()
    return [out, slope, *(leaf.grad for leaf in (x, *layer.parameters()) if leaf.grad is not None)]


@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.parametrize(("before", "after", "options"), CASES)
def test_first_and_second_derivatives_are_torchs(before: int, after: int, options: dict[str, int], size: int) -> None:
    ours, theirs = both(before, after, options)
    x = torch.randn(3, before, size, size, dtype=torch.float64)
    for mine, expected in zip(slopes(ours, x), slopes(theirs, x), strict=True):
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize(("before", "after", "options"), CASES)
def test_gradients_are_those_of_differences(before: int, after: int, options: dict[str, int], size: int) -> None:
    layer, _ = both(before, after, options)
    x = torch.randn(2, before, size, size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)


def test_the_gradient_of_the_weight_is_left_out_where_only_that_at_the_input_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, _ = both(*CASES[0])
    monkeypatch.setattr("imaginable.nn.convolution.gradient_of_weight", lambda *_: pytest.fail("not asked for"))
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    torch.autograd.grad(layer(x).sum(), x, create_graph=True)


def test_a_frozen_layer_gets_no_gradient() -> None:
    layer, _ = both(*CASES[0])
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    layer.requires_grad_(False)(x).sum().backward()
    assert layer.weight.grad is None
    assert x.grad is not None


def test_a_second_derivative_it_has_not_is_refused() -> None:
    layer, _ = both(*CASES[0])
    out = layer(torch.randn(2, 3, 8, 8, dtype=torch.float64)).square().sum()
    (gradient,) = torch.autograd.grad(out, layer.weight, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable"):
        gradient.square().sum().backward()


def test_works_in_the_precision_around() -> None:
    layer = Convolution(3, 4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(torch.randn(2, 3, 8, 8))
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32


def test_a_strided_depthwise_gradient_keeps_the_precision_around() -> None:
    layer, x = Convolution(4, 4, 4, 2, 1, groups=4), torch.randn(2, 4, 8, 8, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (found,) = torch.autograd.grad(layer(x).float().square().sum(), x)
    expected = x.detach().float().requires_grad_()
    (slope,) = torch.autograd.grad(layer(expected).square().sum(), expected)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), slope, rtol=0, atol=0.05)
