"""What makes StyleGAN StyleGAN: codes mixed at a crossover, their running average, noise apart from codes, R1."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from imaginable.core import seeds
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._adversarial import Adversaries
from imaginable.methods.stylegan import Stylegan, generator_of, mixed
from imaginable.networks.stylegan1 import Stylegan1Generator
from imaginable.nn.modulated import Noise

NOW = Progress(0, 100, 0)
PICTURES = DataSpec("images", (3, 16, 16))
CLASSES = DataSpec("images", (3, 16, 16), classes=("a", "b", "c"))


def built(spec: DataSpec = PICTURES, **fields: float) -> tuple[Stylegan, Adversaries, Stylegan1Generator]:
    torch.manual_seed(0)
    method = Stylegan(latents=6, styles=10, width=4, most=12, depth=3, **fields)  # type: ignore[arg-type]
    nets = method.networks(spec, {})
    return method, nets, generator_of(nets)


def codes(n: int, layers: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(n, layers, 2), torch.ones(n, layers, 2)


def test_a_mixed_picture_takes_later_layers_from_the_other_code() -> None:
    torch.manual_seed(0)
    found = mixed(*codes(2000, 6), share=1.0)
    assert torch.equal(found[..., 0], found[..., 1]), "a code is taken whole"
    of_the_other = found[..., 0]
    assert bool((of_the_other.diff(dim=1) >= 0).all()), "there is one crossover"
    counts = of_the_other.sum(1).long().bincount(minlength=7)
    assert counts[0] == counts[6] == 0, "both are in it"
    torch.testing.assert_close(counts[1:6] / 2000, torch.full((5,), 0.2), atol=0.04, rtol=0)


def test_only_its_share_of_the_pictures_is_mixed() -> None:
    torch.manual_seed(0)
    for share in (0.0, 0.4, 1.0):
        touched = mixed(*codes(3000, 6), share).amax((1, 2))
        assert float(touched.mean()) == pytest.approx(share, abs=0.03 if 0 < share < 1 else 0)


def test_fakes_are_made_of_mixed_codes_and_random_noise() -> None:
    method, nets, made = built(mixing=1.0)
    seen: list[tuple[Tensor, ...]] = []
    for styling in made.stylings:
        styling.register_forward_pre_hook(lambda _, given: seen.append(given[1:3]))
    method.fakes(nets, Batch(torch.zeros(5, *PICTURES.shape)), NOW)
    assert len(seen) == made.layers
    assert {kind for _, kind in seen} == {"random"}
    assert not torch.isclose(seen[0][0], seen[-1][0]).all(1).any(), "the last layer has the other code"


def test_fakes_are_of_their_partners_class_and_of_any_where_it_is_unknown() -> None:
    method, nets, made = built(CLASSES)
    asked: list[Tensor] = []
    made.mapping.register_forward_pre_hook(lambda _, given: asked.append(given[1]))
    label = torch.tensor([2] * 10 + [-1] * 60)
    method.fakes(nets, Batch(torch.zeros(70, *CLASSES.shape), label=label), NOW)
    one, other = asked
    assert torch.equal(one, other), "both codes are of one class"
    assert one[:10].tolist() == [2] * 10
    assert set(one[10:].tolist()) == {0, 1, 2}


def test_the_average_moves_after_the_generators_step_and_at_no_other_time() -> None:
    method, nets, made = built()
    x = torch.randn(8, *PICTURES.shape)
    batch = Batch(x, drawn=method.fakes(nets, Batch(x), NOW).detach())
    for phase in method.phases():
        phase.loss(nets, batch, NOW)
        assert not made.average.any()
        if phase.after and phase.player == "discriminator":
            phase.after(nets, batch, NOW)
            assert not made.average.any()
    (after,) = (phase.after for phase in method.phases() if phase.player == "generator")
    assert after is not None
    torch.manual_seed(1)
    with torch.no_grad():
        after(nets, batch, NOW)
    torch.manual_seed(1)
    expected = 0.005 * made.mapping(torch.randn(8, 6)).mean(0)
    torch.testing.assert_close(made.average, expected)


def test_the_average_comes_to_the_mean_of_w() -> None:
    method, nets, made = built()
    batch = Batch(torch.zeros(64, *PICTURES.shape))
    with torch.no_grad():
        for _ in range(1500):
            method.move_average(nets, batch, NOW)
        w = made.mapping(torch.randn(20_000, 6))
    error = (method.average(nets) - w.mean(0)).norm()
    assert float(error) < 0.05 * float(w.std(0).norm())


def test_decoding_is_synthesis_of_what_is_mapped() -> None:
    method, nets, made = built(CLASSES)
    for layer in made.modules():
        if isinstance(layer, Noise):
            nn.init.constant_(layer.strength, 0.3)
    z, label = torch.randn(2, 6), torch.tensor([0, 2])
    with torch.no_grad():
        w = method.map(nets, z, label)
        assert w.shape == (2, made.layers, 10)
        assert torch.equal(method.decode(nets, z, label), method.synthesize(nets, w))
        drawn = [method.synthesize(nets, w, seeds.generator(seed)) for seed in (3, 3, 4)]
        assert torch.equal(drawn[0], method.decode(nets, z, label, seeds.generator(3)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert 0 < float((drawn[0] - drawn[2]).abs().mean()) < float(drawn[0].std())


def test_affines_say_how_styles_follow_from_codes() -> None:
    method, nets, made = built()
    found = method.affines(nets)
    assert [tuple(one.shape) for one in found] == [(2 * wide, 10) for wide in (12, 12, 8, 8, 4, 4)]
    step = torch.randn(10)
    for styling, affine in zip(made.stylings, found, strict=True):
        layer = styling.get_submodule("norm.affine")
        torch.testing.assert_close(layer(step[None])[0] - layer(0 * step[None])[0], affine @ step)


def test_the_penalty_is_r1_and_weighs_as_much_as_at_every_step() -> None:
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.tensor([3.0, 4.0]))

        def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
            return x @ self.weights

    method = Stylegan(gamma=0.8, penalty_every=16, lr=1e-3)
    judging, penalty, making = method.phases()
    assert (penalty.every, penalty.gain) == (16, 16)
    assert judging.every == making.every == 1
    loss = penalty.loss(Adversaries(nn.Identity(), Linear()), Batch(torch.randn(5, 2)), NOW)
    assert float(loss.total.detach()) == pytest.approx(0.8 / 2 * 25)
    rules = method.optimizers()
    assert rules["generator"].lr == 1e-3
    assert rules["discriminator"].lr == pytest.approx(1e-3 * 16 / 17)


def test_the_mapping_learns_at_a_hundredth_of_the_rate() -> None:
    """A step moves each of its weights by lr, which are a hundred times as large as the others'."""
    _, _, made = built()
    layer = made.mapping.layers[0]
    assert layer.weight_gain * 6**0.5 == pytest.approx(0.01 * 2**0.5)
    assert float(layer.weight.std()) == pytest.approx(100, rel=0.3)
