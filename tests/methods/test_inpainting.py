"""Holes are filled and nothing else is touched; the losses count in the hole; given masks are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import imaginable as im
from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Translates
from imaginable.methods.inpainting import Inpainting, InpaintingNetworks, error_in
from imaginable.nn.holes import drawn_holes, smoothly_filled
from imaginable.training.job import Job
from imaginable.training.train import train

TINY = Inpainting(width=8, dilations=1, judge_width=4, lr=3e-3, adversarial=0.02)
SPEC = DataSpec("images", (3, 32, 32), count=40)
EARLY, LATE = Progress(0, 10, 0), Progress(9, 10, 0)


def networks(method: Inpainting = TINY) -> InpaintingNetworks:
    torch.manual_seed(0)
    return method.networks(SPEC, {})


def holed(n: int = 4) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(n, 3, 32, 32) * 2 - 1, drawn_holes(n, 32, 32, "both", torch.device("cpu"))


@pytest.mark.parametrize("refine", [False, True])
def test_pixels_outside_the_hole_come_back_to_the_last_bit(refine: bool) -> None:
    method = replace(TINY, refine=refine)
    nets, (x, hole) = networks(method).eval(), holed()
    assert isinstance(method, Translates)
    with torch.no_grad():
        made = method.translate(nets, x, hole)
    known = (hole == 0).expand_as(x)
    assert torch.equal(made[known], x[known])
    assert not bool((made[~known] == x[~known]).any())
    assert float(made.abs().max()) <= 1
    assert torch.equal(method.translate(nets, x, torch.zeros_like(hole)), x)


def test_what_to_fill_must_be_said() -> None:
    with pytest.raises(UserError, match="white = fill"):
        TINY.translate(networks(), holed()[0])


def test_other_sizes_than_that_of_training_are_filled() -> None:
    x, hole = torch.rand(2, 3, 20, 48), torch.ones(2, 1, 20, 48)
    with torch.no_grad():
        assert TINY.translate(networks().eval(), x, hole).shape == x.shape


def test_the_error_is_that_of_a_number_in_the_hole() -> None:
    x, made = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    hole = torch.zeros(2, 1, 4, 4)
    hole[0, 0, 0, :2] = 1
    made[0, 0, 0, 0] = 5
    made[0, :, 3] = 100
    assert error_in(hole, x, made).tolist() == pytest.approx([10 / 6, 0])


@pytest.mark.parametrize("refine", [False, True])
def test_both_players_losses_are_those_of_the_docstring(refine: bool) -> None:
    method = replace(TINY, refine=refine)
    nets, (x, hole) = networks(method).eval(), holed()
    drawn = method.fillings(nets, Batch(x, hole=hole), LATE)
    batch = Batch(x, drawn=drawn)
    *made, last = drawn[:, :-1].split(3, 1)
    assert len(made) == int(refine)
    shown = torch.where(hole > 0, last, x)
    errors = sum(error_in(hole, x, one).mean() for one in (*made, last))
    real, fake = nets.critic(x, hole), nets.critic(shown, hole)
    torch.testing.assert_close(method.generator_loss(nets, batch, EARLY).total, errors)
    torch.testing.assert_close(method.generator_loss(nets, batch, LATE).total, errors - 0.02 * mean_touched(fake, hole))
    wanted = mean_touched(0.5 * (1 - real).clamp(min=0) + 0.5 * (1 + fake).clamp(min=0), hole)
    torch.testing.assert_close(method.critic_loss(nets, batch, LATE).total, wanted)


def mean_touched(terms: Tensor, hole: Tensor) -> Tensor:
    """Over items, of features and places in whose 4 x 4 pixels there is some of the hole."""
    means = []
    for one, own in zip(terms, hole[:, 0], strict=True):
        places = [(row, column) for row in range(8) for column in range(8)]
        touched = [at for at in places if own[4 * at[0] : 4 * at[0] + 4, 4 * at[1] : 4 * at[1] + 4].any()]
        means.append(torch.stack([one[:, row, column].mean() for row, column in touched]).mean())
    return torch.stack(means).mean()


def test_holes_of_the_data_are_used_and_others_drawn_from_the_seed() -> None:
    nets, (x, hole) = networks(), holed()
    assert torch.equal(TINY.fillings(nets, Batch(x, hole=hole), LATE)[:, -1:], hole)
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(TINY.fillings(nets, Batch(x), LATE)[:, -1:])
    torch.manual_seed(3)
    assert torch.equal(drawn[0], drawn_holes(4, 32, 32, "both", x.device))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_without_weight_the_critic_does_not_play() -> None:
    assert [phase.player for phase in replace(TINY, adversarial=0.0).phases()] == ["generator"]


def test_senseless_dilations_are_refused() -> None:
    with pytest.raises(UserError, match="--dilations 5"):
        replace(TINY, dilations=5).networks(SPEC, {})


def test_a_trained_model_fills_better_than_the_smooth_fill_it_begins_with(
    tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path
) -> None:
    job = tiny_job(Inpainting, tmp_path / "run", images=640, half_life=100)
    job = replace(job, method=replace(TINY, adversarial=0.0))
    dataset = tiny_dataset("images")
    list(train(job, dataset=dataset))
    model = im.load(job.folder)
    method, x = model.method, dataset.batch(dataset.held_out).x
    assert isinstance(method, Inpainting)
    torch.manual_seed(0)
    hole = drawn_holes(len(x), 32, 32, "rectangles", x.device)
    ours, smooth = method.translate(model.trained.networks, x, hole), smoothly_filled(x, hole)
    assert float(error_in(hole, x, ours).mean()) < 0.95 * float(error_in(hole, x, smooth).mean())
