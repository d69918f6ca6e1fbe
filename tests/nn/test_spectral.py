"""The weight in use has a largest singular value of 1; its vectors move when they may and only then."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from imaginable.nn.normalization import ClassVectors
from imaginable.nn.spectral import SpectralNormalisation, spectrally_normalised

ITERATIONS = 100


def layers() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "linear": nn.Linear(20, 12),
        "convolution": nn.Conv2d(6, 16, 3),
        "embedding": nn.Embedding(7, 10),
        "classes": ClassVectors(torch.randn(4, 10)),
    }


every_layer = pytest.mark.parametrize("kind", layers())


def largest(weight: Tensor) -> float:
    return float(torch.linalg.svdvals(weight.detach().double().flatten(1))[0])


def vectors(layer: nn.Module) -> list[Tensor]:
    found = [buffer.clone() for name, buffer in layer.named_buffers() if name.endswith((".u", ".v"))]
    assert len(found) == 2
    return found


def original(layer: nn.Module) -> nn.Parameter:
    (weight,) = [value for name, value in layer.named_parameters() if name.endswith("original")]
    return weight


@every_layer
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_after_a_hundred_iterations_it_is_the_weight_over_its_largest_singular_value(
    kind: str, memory: torch.memory_format
) -> None:
    layer = layers()[kind]
    weight = layer.weight.detach().clone()  # type: ignore[operator,union-attr]
    spectrally_normalised(layer).to(memory_format=memory)  # type: ignore[call-overload]
    for _ in range(ITERATIONS):
        used = layer.weight
    torch.testing.assert_close(used, weight / largest(weight), atol=1e-5, rtol=1e-3)
    assert largest(used) == pytest.approx(1.0, rel=1e-3)  # type: ignore[arg-type]


@every_layer
def test_frozen_or_in_use_the_vectors_stay_and_learning_they_move(kind: str) -> None:
    layer = spectrally_normalised(layers()[kind])
    with torch.no_grad():
        original(layer).add_(torch.randn_like(original(layer)))
    before = vectors(layer)
    for training, learns in ((True, False), (False, True), (False, False)):
        layer.train(training).requires_grad_(learns)
        once, again = layer.weight, layer.weight
        assert torch.equal(once, again)  # type: ignore[arg-type]
        assert all(torch.equal(*pair) for pair in zip(before, vectors(layer), strict=True))
    layer.train().requires_grad_(True)
    assert layer.weight is not None
    assert not any(torch.equal(*pair) for pair in zip(before, vectors(layer), strict=True))


def test_one_use_is_one_iteration() -> None:
    layer = spectrally_normalised(layers()["linear"])
    weight, u = original(layer).detach(), vectors(layer)[0]
    layer(torch.randn(2, 20))
    v = weight.T @ u
    expected = weight @ (v / v.norm())
    torch.testing.assert_close(vectors(layer)[0], expected / expected.norm())


def test_the_gradient_is_that_with_both_vectors_held_still() -> None:
    layer = spectrally_normalised(layers()["convolution"]).eval()
    weight, (u, v) = original(layer), vectors(layer)
    pull = torch.randn_like(weight)
    (pull * layer.weight).sum().backward()
    rows = weight.detach().movedim(1, -1).flatten(1)
    sigma = torch.dot(u, rows @ v)
    direction = torch.outer(u, v).unflatten(1, (3, 3, 6)).movedim(-1, 1)
    # d <G, W / σ> = (G - <G, W / σ> u vᵀ) / σ
    expected = (pull - (pull * weight.detach() / sigma).sum() * direction) / sigma
    torch.testing.assert_close(weight.grad, expected, atol=1e-5, rtol=1e-4)


def test_finite_differences_agree_where_the_vectors_are_exact() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 4, dtype=torch.float64)
    normalisation = SpectralNormalisation(weight.float()).eval()
    left, _, right = torch.linalg.svd(weight)
    normalisation.u.copy_(left[:, 0])
    normalisation.v.copy_(right[0])

    def exact(w: Tensor) -> Tensor:
        return w / torch.linalg.svdvals(w)[0]

    pull, step = torch.randn_like(weight), torch.randn_like(weight)
    free = weight.float().requires_grad_()
    (normalisation(free) * pull).sum().backward()
    assert free.grad is not None
    slope = ((exact(weight + 1e-6 * step) - exact(weight - 1e-6 * step)) * pull).sum() / 2e-6
    assert float((free.grad * step).sum()) == pytest.approx(float(slope), rel=1e-3)


def test_two_uses_before_one_backward_pass_do_not_disturb_each_other() -> None:
    layer = spectrally_normalised(layers()["linear"])
    real, fake = layer(torch.randn(3, 20)), layer(torch.randn(3, 20))
    (real - fake).sum().backward()
    assert torch.isfinite(original(layer).grad).all()  # type: ignore[arg-type]


def test_in_bfloat16_the_weight_is_normalised_in_float32() -> None:
    layer = spectrally_normalised(layers()["linear"]).eval()
    with torch.autocast("cpu", torch.bfloat16):
        used = layer.weight
    assert used.dtype == torch.float32
    assert torch.equal(used, layer.weight)


def test_copies_and_saved_states_carry_the_vectors() -> None:
    layer = spectrally_normalised(layers()["linear"])
    layer(torch.randn(2, 20))
    twin = spectrally_normalised(nn.Linear(20, 12))
    twin.load_state_dict(layer.state_dict())
    for other in (twin, copy.deepcopy(layer)):
        assert torch.equal(other.eval().weight, layer.eval().weight)
