"""StyleGAN2: styles are mixed, the average follows, penalties are the paper's, and w makes what z makes."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import imaginable as im
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._method import Styles, Trained
from imaginable.methods._styles import crossings, mixed
from imaginable.methods.stylegan2 import Stylegan2, Stylegan2Networks
from imaginable.objectives.penalties import path_lengths

SPEC = DataSpec("images", (3, 16, 16), count=64)
SMALL = Stylegan2(latents=8, styles=12, width=4, most=8, depth=2)
START = Progress(0, 1000, 0)


def networks(method: Stylegan2 = SMALL, spec: DataSpec = SPEC) -> Stylegan2Networks:
    torch.manual_seed(0)
    return method.networks(spec, {})


def test_items_take_the_second_code_from_their_own_layer_on() -> None:
    w, other = torch.zeros(3, 4, 2), torch.ones(3, 4, 2)
    assert mixed(w, other, torch.tensor([1, 3, 4]))[..., 0].tolist() == [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_as_many_items_are_mixed_as_asked_and_at_every_layer() -> None:
    torch.manual_seed(0)
    drawn = crossings(9_000, 6, 0.75)
    share = float((drawn < 6).float().mean())
    assert abs(share - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 9_000)
    assert sorted(set(drawn.tolist())) == [1, 2, 3, 4, 5, 6]
    assert (crossings(100, 6, 0.0) == 6).all()


def test_path_lengths_of_a_linear_map_are_known() -> None:
    """x = A w of the sum over layers: J_wᵀ y = Aᵀ y in every layer, and E ‖Aᵀ y‖² = ‖A‖² / pixels."""
    matrix = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
    w = torch.zeros(20_000, 3, 5, requires_grad=True)
    torch.manual_seed(1)
    lengths = path_lengths(lambda w: (w.sum(1) @ matrix.T).view(-1, 1, 4, 4), w)
    expected = float(matrix.square().sum()) / 16
    assert float(lengths.square().mean()) == pytest.approx(expected, rel=0.02)


def test_the_penalty_is_of_the_distance_to_a_running_mean_that_moves_a_hundredth() -> None:
    nets, batch = networks(), Batch(torch.zeros(8, 3, 16, 16))
    torch.manual_seed(3)
    loss = SMALL.path_penalty(nets, batch, START)
    assert float(nets.length) == pytest.approx(0.01 * float(loss.terms["length"]))
    torch.manual_seed(3)
    fresh = networks()
    torch.manual_seed(3)
    lengths = path_lengths(fresh.generator.synthesize, SMALL.codes(fresh, batch.part(0, 4)))
    expected = 2 * (lengths - 0.01 * lengths.mean()).square().mean()
    assert float(loss.total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_the_penalty_reaches_the_generator() -> None:
    nets = networks()
    SMALL.path_penalty(nets, Batch(torch.zeros(4, 3, 16, 16)), START).total.backward()
    assert all(p.grad is not None for p in nets.generator.mapping.parameters())


def test_the_average_follows_the_codes_that_are_drawn() -> None:
    nets, batch = networks(dataclasses.replace(SMALL, mixing=0.0)), Batch(torch.zeros(64, 3, 16, 16))
    torch.manual_seed(5)
    w = dataclasses.replace(SMALL, mixing=0.0).codes(nets, batch)
    torch.testing.assert_close(nets.generator.average, 0.005 * w[:, 0].detach().mean(0))


def test_lazy_penalties_weigh_as_much_as_constant_ones() -> None:
    for phase in SMALL.phases():
        assert phase.gain == phase.every
    assert [phase.every for phase in SMALL.phases()] == [1, 16, 1, 4]
    assert [phase.every for phase in dataclasses.replace(SMALL, path=0.0).phases()] == [1, 16, 1]
    rates = {name: rule.lr for name, rule in SMALL.optimizers().items()}
    assert rates == {"generator": pytest.approx(2e-3 * 4 / 5), "discriminator": pytest.approx(2e-3 * 16 / 17)}


def test_codes_of_layers_make_what_z_makes_and_each_layer_has_its_affine() -> None:
    nets = networks().eval()
    assert isinstance(SMALL, Styles)
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        w = SMALL.map(nets, z)
        assert torch.equal(SMALL.synthesize(nets, w), SMALL.decode(nets, z))
    assert w.shape == (2, 6, 12) == (2, *Trained(SMALL, nets, SPEC).code_shape)
    affines = SMALL.affines(nets)
    assert [tuple(one.shape) for one in affines] == [(8, 12), (16, 12), (8, 12), (16, 12), (4, 12), (4, 12)]


def test_an_affine_is_what_a_change_of_its_layers_code_does_to_the_styles() -> None:
    nets = networks().eval()
    caught: list[Tensor] = []
    layer = nets.generator.same[1].convolution.affine  # type: ignore[union-attr]
    layer.register_forward_hook(lambda *given: caught.append(given[-1]))  # type: ignore[union-attr, operator]
    w, step = torch.zeros(1, 6, 12), torch.randn(12)
    moved = w.clone()
    moved[0, 2] = step
    with torch.no_grad():
        SMALL.synthesize(nets, w)
        SMALL.synthesize(nets, moved)
    torch.testing.assert_close((caught[1] - caught[0])[0], SMALL.affines(nets)[2] @ step)


def test_a_models_codes_are_styles(tmp_path: Path) -> None:
    small = {"latents": 8, "styles": 12, "width": 4, "most": 8, "depth": 2}
    im.train("stylegan2", "digits", run=str(tmp_path / "run"), size=16, limit=80, images=64, device="cpu", **small)
    model = im.load(tmp_path / "run")
    codes = model.latents(3, seed=4, label="3")
    assert codes.shape == (3, *model.code_shape) == (3, 6, 12)
    assert torch.equal(codes[:, 0], codes[:, 5])
    average = model.trained.networks.generator.average  # type: ignore[union-attr]
    near = model.latents(3, seed=4, label="3", truncation=0.25)
    torch.testing.assert_close(near, average + 0.25 * (codes - average))  # type: ignore[operator]
    half_way = model.path(codes[:2], 3)[1]
    torch.testing.assert_close(half_way, (codes[0] + codes[1]) / 2)
