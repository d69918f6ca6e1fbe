"""What makes StyleGAN StyleGAN: codes mixed at a crossover, their running average, noise apart from codes, R1."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from imaginable.core import seeds
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._method import Styles, Trained
from imaginable.methods.stylegan import Stylegan, StyleganNetworks
from imaginable.nn.augment import Augment
from imaginable.nn.modulated import Noise

NOW = Progress(0, 100, 0)
PICTURES = DataSpec("images", (3, 16, 16))
CLASSES = DataSpec("images", (3, 16, 16), classes=("a", "b", "c"))


def built(spec: DataSpec = PICTURES, **fields: float) -> tuple[Stylegan, StyleganNetworks]:
    torch.manual_seed(0)
    method = Stylegan(latents=6, styles=10, width=4, most=12, depth=3, **fields)  # type: ignore[arg-type]
    return method, method.networks(spec, {})


def watched(nets: StyleganNetworks) -> list[tuple[Tensor, str]]:
    """Gets the code of every layer, and the kind of its noise, when a picture is nets.generator."""
    seen: list[tuple[Tensor, str]] = []
    for styling in nets.generator.stylings:
        styling.register_forward_pre_hook(lambda _, given: seen.append(given[1:3]))
    return seen


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_only_their_share_of_the_fakes_has_two_codes(share: float) -> None:
    method, nets = built(mixing=share)
    seen = watched(nets)
    torch.manual_seed(0)
    method.fakes(nets, Batch(torch.zeros(400, *PICTURES.shape)), NOW)
    changes = sum((one != other).any(1).long() for (one, _), (other, _) in itertools.pairwise(seen))
    assert set(changes.tolist()) <= {0, 1}, "there is one crossover"
    assert float(changes.float().mean()) == pytest.approx(share, abs=0.1 if share == 0.5 else 0)


def test_fakes_have_random_noise_in_every_layer() -> None:
    method, nets = built()
    seen = watched(nets)
    method.fakes(nets, Batch(torch.zeros(5, *PICTURES.shape)), NOW)
    assert len(seen) == nets.generator.layers
    assert {kind for _, kind in seen} == {"random"}


def test_fakes_are_of_their_partners_class_and_of_any_where_it_is_unknown() -> None:
    method, nets = built(CLASSES)
    asked: list[Tensor] = []
    nets.generator.mapping.register_forward_pre_hook(lambda _, given: asked.append(given[1]))
    label = torch.tensor([2] * 10 + [-1] * 60)
    method.fakes(nets, Batch(torch.zeros(70, *CLASSES.shape), label=label), NOW)
    one, other = asked
    assert torch.equal(one, other), "both codes are of one class"
    assert one[:10].tolist() == [2] * 10
    assert set(one[10:].tolist()) == {0, 1, 2}


def test_the_average_moves_with_the_generators_draw_and_at_no_other_time() -> None:
    method, nets = built(mixing=0.0)
    x, average = torch.randn(8, *PICTURES.shape), nets.generator.average
    w: list[Tensor] = []
    nets.generator.mapping.register_forward_hook(lambda _, given, out: w.append(out.detach()))
    (phase,) = (phase for phase in method.phases() if phase.draw)
    assert phase.player == "generator"
    batch = Batch(x, drawn=method.fakes(nets, Batch(x), NOW).detach())
    torch.testing.assert_close(average, 0.005 * w[0].mean(0))
    before = average.clone()
    for phase in method.phases():
        phase.loss(nets, batch, NOW)
        if phase.after:
            phase.after(nets, batch, NOW)
    method.decode(nets, torch.randn(2, 6))
    assert torch.equal(average, before)


def test_decoding_is_synthesis_of_what_is_mapped() -> None:
    method, nets = built(CLASSES)
    for layer in nets.generator.modules():
        if isinstance(layer, Noise):
            nn.init.constant_(layer.strength, 0.3)
    assert isinstance(method, Styles)
    z, label = torch.randn(2, 6), torch.tensor([0, 2])
    with torch.no_grad():
        w = method.map(nets, z, label)
        assert w.shape == (2, 6, 10) == (2, *Trained(method, nets, CLASSES).code_shape)
        assert torch.equal(method.decode(nets, z, label), method.synthesize(nets, w))
        drawn = [method.synthesize(nets, w, seeds.generator(seed)) for seed in (3, 3, 4)]
        assert torch.equal(drawn[0], method.decode(nets, z, label, seeds.generator(3)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert 0 < float((drawn[0] - drawn[2]).abs().mean()) < float(drawn[0].std())


def test_affines_say_how_styles_follow_from_codes() -> None:
    method, nets = built()
    found = method.affines(nets)
    assert [tuple(one.shape) for one in found] == [(2 * wide, 10) for wide in (12, 12, 8, 8, 4, 4)]
    step = torch.randn(10)
    for styling, affine in zip(nets.generator.stylings, found, strict=True):
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
    nets = StyleganNetworks(nn.Identity(), Linear(), Augment("none"), classes=0)
    loss = penalty.loss(nets, Batch(torch.randn(5, 2)), NOW)
    assert float(loss.total.detach()) == pytest.approx(0.8 / 2 * 25)
    rules = method.optimizers()
    assert rules["generator"].lr == 1e-3
    assert rules["discriminator"].lr == pytest.approx(1e-3 * 16 / 17)


def test_the_mapping_learns_at_a_hundredth_of_the_rate() -> None:
    """A step moves each of its weights by lr, which are a hundred times as large as the others'."""
    _, nets = built()
    layer = nets.generator.mapping.layers[0]
    assert layer.weight_gain * 6**0.5 == pytest.approx(0.01 * 2**0.5)
    assert float(layer.weight.detach().std()) == pytest.approx(100, rel=0.3)
