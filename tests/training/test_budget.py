"""How many snapshots are planned where they are slow, with the times given."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imaginable.core.types import DataSpec
from imaginable.data.dataset import Dataset
from imaginable.methods.gan import Gan
from imaginable.methods.progan import Progan
from imaginable.methods.srgan import Srgan
from imaginable.training import budget
from imaginable.training.job import Job


@pytest.mark.parametrize(("showing", "snapshots", "overhead"), [(0.1, None, 2.1), (2.0, 6, 12.0), (20.0, 3, 60.0)])
def test_slow_snapshots_take_a_seventh_of_the_time_and_are_three_at_least(
    monkeypatch: pytest.MonkeyPatch,
    tiny_dataset: Callable[[str], Dataset],
    tiny_job: Callable[..., Job[Any]],
    showing: float,
    snapshots: int | None,
    overhead: float,
) -> None:
    monkeypatch.setattr(budget, "_seconds_to_show_and_save", lambda *_: (showing, 0.0))
    monkeypatch.setattr(budget, "_seconds_per_image", lambda *_: 0.01)
    job = tiny_job(Gan, Path("nowhere"), snapshot_every=None, checkpoint_every=None)
    plan = budget.estimate(job, tiny_dataset("points"), 100.0)
    assert (plan.snapshots, plan.overhead) == (snapshots, pytest.approx(overhead))
    planned = budget.with_images(job, plan.images, plan.snapshots)
    taken = planned.training.images // planned.training.snapshot_every if planned.training.snapshot_every else 20
    assert taken == (snapshots or 21) - 1


def test_a_run_is_timed_in_every_part_by_its_share() -> None:
    plain = budget.parts(Gan().phases())
    assert [middle for middle, _ in plain] == pytest.approx([1 / 6, 1 / 2, 5 / 6])
    parts = budget.parts(Srgan(pixel_share=0.8, features_until=0.1).phases())
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert sum(share for middle, share in parts if middle > 0.8) == pytest.approx(0.2)
    assert sum(share for middle, share in parts if middle < 0.1) == pytest.approx(0.1)
    assert all(middle - share / 2 >= 0.8 or middle + share / 2 <= 0.8 + 1e-9 for middle, share in parts)


def test_a_method_that_grows_is_timed_at_every_size() -> None:
    method, spec = Progan(growing=0.6, fade=0.5), DataSpec("images", (3, 32, 32))
    timed = budget.parts(method.phases(), method.stages(spec))
    assert [share for _, share in timed] == pytest.approx([0.1, 0.2, 0.2, 0.5])
    for number, (middle, share) in enumerate(timed):
        for fraction in (middle - share / 2 + 1e-6, middle, middle + share / 2 - 1e-6):
            assert math.ceil(method.level_at(fraction, 3)) == number, "of one cost from its beginning to its end"
    sudden = replace(method, growing=0.0)
    assert budget.parts(sudden.phases(), sudden.stages(spec)) == [(0.5, 1.0)]


def test_the_estimate_of_a_method_that_grows_is_the_mean_over_its_sizes(
    monkeypatch: pytest.MonkeyPatch, tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]]
) -> None:
    monkeypatch.setattr(budget, "_seconds_to_show_and_save", lambda *_: (0.1, 0.0))
    job = replace(tiny_job(Progan, Path("nowhere")), method=Progan(latents=8, width=4, most=8))

    def seconds(_state: Any, _feed: Any, fraction: float) -> float:
        return 4.0 ** math.ceil(job.method.level_at(fraction, 3))  # by its pixels

    monkeypatch.setattr(budget, "_seconds_per_image", seconds)
    expected = 0.1 * 1 + 0.2 * 4 + 0.2 * 16 + 0.5 * 64
    assert budget.estimate(job, tiny_dataset("images"), 1e4).speed == pytest.approx(1 / expected)
