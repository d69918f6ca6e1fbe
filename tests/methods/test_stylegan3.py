"""StyleGAN3: two variants of one generator, averages that move in its turn alone, a blur that fades, R1 through it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import imaginable as im
from imaginable.apps import _equivariance
from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._method import Judges, Moves, Samples, Styles, Trained
from imaginable.methods.stylegan3 import Stylegan3, Stylegan3Networks, newest
from imaginable.networks.stylegan3_layers import ModulatedConvolution
from imaginable.nn.resample import smoothed
from imaginable.objectives.penalties import squared_gradient_norm

SPEC = DataSpec("images", (3, 16, 16), count=64)
CLASSES = DataSpec("images", (3, 16, 16), classes=("a", "b", "c"), count=64)
SMALL = Stylegan3(latents=8, styles=12, width=4, most=8, layers=4)
BLURRED = dataclasses.replace(SMALL, blur=2.0, blur_until=0.5, gamma=3.0)
START, QUARTER, END = (Progress(seen, 1000, seen) for seen in (0, 250, 1000))


def networks(method: Stylegan3 = SMALL, spec: DataSpec = SPEC) -> Stylegan3Networks:
    torch.manual_seed(0)
    return method.networks(spec, {})


def pictures(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(n)) * 2 - 1


def convolutions(nets: Stylegan3Networks) -> list[ModulatedConvolution]:
    return [layer for layer in nets.generator.modules() if isinstance(layer, ModulatedConvolution)]


def test_it_can_what_a_style_based_generator_can() -> None:
    assert all(isinstance(SMALL, capability) for capability in (Samples, Judges, Styles, Moves))


def test_r_has_twice_the_channels_and_kernels_of_one_and_the_same_discriminator() -> None:
    t, r = (networks(dataclasses.replace(SMALL, variant=variant)) for variant in ("T", "R"))
    for narrow, wide in zip(convolutions(t)[:-1], convolutions(r)[:-1], strict=True):
        assert len(wide.weight) == 2 * len(narrow.weight)
        assert (narrow.weight.shape[-1], wide.weight.shape[-1]) == (3, 1)
    shapes = [[tuple(p.shape) for p in nets.discriminator.parameters()] for nets in (t, r)]
    assert shapes[0] == shapes[1]


def test_the_width_is_that_of_the_last_layers_whatever_the_size() -> None:
    for size in (16, 32):
        nets = networks(SMALL, DataSpec("images", (3, size, size)))
        assert convolutions(nets)[-1].weight.shape[1] == SMALL.width
    paper = Stylegan3(**Stylegan3.presets["paper"])
    with torch.device("meta"):
        layers = convolutions(paper.networks(DataSpec("images", (3, 1024, 1024)), {}))
    assert [layer.weight.shape[1] for layer in layers[-3:]] == [51, 32, 32]  # the public network's
    assert layers[0].weight.shape[1] == 512


def test_too_few_layers_are_refused() -> None:
    with pytest.raises(UserError, match="--layers 2: must be at least 3"):
        dataclasses.replace(SMALL, layers=2).networks(SPEC, {})


# ---- running averages


def test_averages_move_in_the_draw_alone() -> None:
    nets, batch = networks(), Batch(pictures())
    before = {name: value.clone() for name, value in nets.generator.named_buffers()}

    def changed() -> set[str]:
        return {name for name, value in nets.generator.named_buffers() if not torch.equal(value, before[name])}

    batch = dataclasses.replace(batch, drawn=SMALL.fakes(nets, batch, START))
    assert changed() == {"average"} | {name for name in before if name.endswith("magnitude_ema")}
    before = {name: value.clone() for name, value in nets.generator.named_buffers()}
    for loss in (SMALL.discriminator_loss, SMALL.penalty, SMALL.generator_loss):
        loss(nets, batch, START)
    SMALL.decode(nets, torch.randn(2, 8))
    assert changed() == set()


def test_the_first_batch_sets_the_averages_and_later_ones_count_for_less() -> None:
    assert newest(32, START) > 0.999
    assert newest(32, Progress(1968, 10**6, 0)) == pytest.approx(1 - 0.5 ** (32 / 100))
    assert newest(32, Progress(10**6, 10**7, 0)) == pytest.approx(1 - 0.5 ** (32 / 20_000)), "the paper's"
    nets, batch = networks(), Batch(pictures(64))
    torch.manual_seed(3)
    SMALL.fakes(nets, batch, START)
    torch.manual_seed(3)
    w = nets.generator.mapping(torch.randn(64, 8)).mean(0)
    torch.testing.assert_close(SMALL.average(nets), w, rtol=1e-3, atol=1e-5)


# ---- the blur


def test_all_that_is_judged_is_blurred_by_less_and_less() -> None:
    batch = Batch(pictures(), drawn=pictures(5), held_out=pictures(6))
    assert [BLURRED.deviation(now) for now in (START, QUARTER, END)] == pytest.approx([2, 1, 0])
    seen = BLURRED.seen(batch, QUARTER)
    for field in ("x", "drawn", "held_out"):
        torch.testing.assert_close(getattr(seen, field), smoothed(getattr(batch, field), 1.0))
    late = BLURRED.seen(batch, END)
    assert all(getattr(late, field) is getattr(batch, field) for field in ("x", "drawn", "held_out"))
    assert SMALL.deviation(START) == 0
    assert dataclasses.replace(BLURRED, blur_until=0.0).deviation(START) == 0


def test_both_players_are_blurred() -> None:
    batch = Batch(pictures(), drawn=pictures(5)[:4])
    for loss in ("discriminator_loss", "generator_loss"):
        early, late, plain = (
            float(getattr(method, loss)(networks(), batch, now).total.detach())
            for method, now in ((BLURRED, START), (BLURRED, END), (SMALL, START))
        )
        assert late == plain != early


def test_r1_is_of_the_slope_at_the_pictures_before_the_blur() -> None:
    nets, x = networks(), pictures()
    loss = BLURRED.penalty(nets, Batch(x), QUARTER)
    expected = squared_gradient_norm(lambda x: nets.discriminator(smoothed(x, 1.0)), x).mean()
    at_blurred = squared_gradient_norm(nets.discriminator, smoothed(x, 1.0)).mean()
    torch.testing.assert_close(loss.total, 3.0 / 2 * expected)
    assert float(at_blurred.detach()) != pytest.approx(float(expected.detach()), rel=0.05)


def test_the_penalty_weighs_as_much_as_one_at_every_step() -> None:
    assert [(phase.every, phase.gain) for phase in SMALL.phases()] == [(1, 1), (16, 16), (1, 1)]
    rules = SMALL.optimizers()
    assert rules["generator"].lr == 2.5e-3
    assert rules["discriminator"].lr == pytest.approx(2e-3 * 16 / 17)
    assert rules["discriminator"].betas == (0.0, pytest.approx(0.99 ** (16 / 17)))  # type: ignore[union-attr]


# ---- codes


def test_codes_of_layers_make_what_z_makes_and_each_layer_has_its_affine() -> None:
    nets = networks().eval()
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        w = SMALL.map(nets, z)
        assert torch.equal(SMALL.synthesize(nets, w), SMALL.decode(nets, z))
        none = torch.zeros(2)
        torch.testing.assert_close(SMALL.moved(nets, w, none, none, none).clamp(-1, 1), SMALL.decode(nets, z))
    assert w.shape == (2, 6, 12) == (2, *Trained(SMALL, nets, SPEC).code_shape)
    affines = SMALL.affines(nets)
    assert [len(one) for one in affines] == [4, *(layer.weight.shape[1] for layer in convolutions(nets))]
    step = torch.randn(12)
    layer = convolutions(nets)[1].affine
    torch.testing.assert_close(layer(step[None])[0] - layer(torch.zeros(1, 12))[0], affines[2] @ step)


def test_the_class_changes_the_picture_and_the_logit_and_an_unknown_one_is_any() -> None:
    nets, z = networks(SMALL, CLASSES), torch.randn(1, 8).expand(3, -1)
    label, x = torch.tensor([0, 1, 1]), pictures()[:1].expand(3, -1, -1, -1)
    with torch.no_grad():
        for items in (SMALL.decode(nets, z, label), SMALL.judge(nets, x, label)):
            torch.testing.assert_close(items[1], items[2])
            assert not torch.allclose(items[0], items[1], atol=1e-4)
    asked: list[Tensor] = []
    nets.generator.mapping.register_forward_pre_hook(lambda _, arguments: asked.append(arguments[1]))
    SMALL.fakes(nets, Batch(pictures(70), label=torch.tensor([2] * 10 + [-1] * 60)), START)
    assert asked[0][:10].tolist() == [2] * 10
    assert set(asked[0][10:].tolist()) == {0, 1, 2}


def test_a_trained_model_is_truncated_to_its_average_and_measured_when_moved(tmp_path: Path) -> None:
    small = {"latents": 8, "styles": 12, "width": 4, "most": 8, "layers": 6}
    im.train("stylegan3", "digits", run=str(tmp_path / "run"), size=32, limit=80, images=64, device="cpu", **small)
    model = im.load(tmp_path / "run")
    codes, near = model.latents(3, seed=4, label="3"), model.latents(3, seed=4, label="3", truncation=0.25)
    assert codes.shape == (3, 8, 12)
    average = model.trained.networks.generator.average  # type: ignore[union-attr]
    torch.testing.assert_close(near, average + 0.25 * (codes - average))  # type: ignore[operator]
    shifts, turns = _equivariance.rows(model, 0, n=8)
    for found in (shifts, turns):
        assert found.score is not None
        assert found.score.n == 8
        assert math.isfinite(found.score.value)
    assert shifts.score.value > 30  # type: ignore[union-attr]
    assert shifts.text.endswith("(n = 8 pictures)")
