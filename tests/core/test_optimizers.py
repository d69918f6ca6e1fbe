"""Schedules, lazy regularisation, and optimisers built as stated."""

import itertools
import math

import pytest
import torch
from torch import nn

from imaginable.core.optimizers import Adam, Decay, RMSprop, Schedule

DECAYS: list[Decay] = ["constant", "cosine", "linear"]


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("warmup", [0.0, 0.05, 1.0])
def test_the_first_step_is_never_lost(decay: Decay, warmup: float) -> None:
    first = Schedule(decay, warmup=warmup).factor(0.0)
    assert 0 < first <= 1
    assert first < 0.01 or not warmup


def test_constant_stays() -> None:
    assert {Schedule().factor(at / 100) for at in range(101)} == {1.0}


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_decay_begins_where_stated_and_ends_at_zero(decay: Decay) -> None:
    schedule = Schedule(decay, decay_from=0.4)
    factors = [schedule.factor(at / 100) for at in range(101)]
    assert set(factors[:41]) == {1.0}
    assert all(after < before for before, after in itertools.pairwise(factors[40:]))
    assert factors[70] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0, abs=1e-12)


def test_cosine_and_linear_are_what_they_are_called() -> None:
    assert Schedule("cosine").factor(0.25) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert Schedule("linear").factor(0.25) == pytest.approx(0.75)


def test_warmup_rises_in_a_line() -> None:
    schedule = Schedule(warmup=0.1)
    assert schedule.factor(0.05) == pytest.approx(0.5, abs=0.002)
    assert schedule.factor(0.1) == schedule.factor(0.9) == 1.0


def test_a_part_of_the_run_has_the_whole_schedule() -> None:
    whole = Schedule("cosine", decay_from=0.5, warmup=0.1)
    part = Schedule("cosine", decay_from=0.5, warmup=0.1, start=0.6, stop=0.8)
    for at in (0.0, 0.05, 0.3, 0.7, 1.0):
        assert part.factor(0.6 + 0.2 * at) == pytest.approx(whole.factor(at), abs=1e-6)
    assert part.factor(0.0) == part.factor(0.6)
    assert part.factor(1.0) == pytest.approx(0, abs=1e-12)


def test_lazy_regularisation_scales_rate_and_betas() -> None:
    lazy = Adam(2e-3, betas=(0.5, 0.99), eps=1e-6).lazy(16)
    assert lazy.lr == pytest.approx(2e-3 * 16 / 17)
    assert lazy.betas == pytest.approx((0.5 ** (16 / 17), 0.99 ** (16 / 17)))
    assert lazy.eps == 1e-6


def one_step(rule: Adam | RMSprop, gradient: float) -> float:
    parameter = nn.Parameter(torch.tensor([1.0]))
    parameter.grad = torch.tensor([gradient])
    rule.build([parameter]).step()
    return float(parameter.detach())


def test_adams_step_is_the_papers() -> None:
    # after one step both moments are unbiased: the step is lr g / (|g| + eps)
    assert one_step(Adam(0.01, eps=1.0), 3.0) == pytest.approx(1 - 0.01 * 3 / 4)
    # decoupled decay: lr · decay · parameter on top
    assert one_step(Adam(0.01, eps=1.0, weight_decay=0.1), 3.0) == pytest.approx(1 - 0.001 - 0.01 * 3 / 4)


def test_rmsprops_step_is_tieleman_and_hintons() -> None:
    assert one_step(RMSprop(0.01, alpha=0.75), 3.0) == pytest.approx(1 - 0.01 * 3 / (0.5 * 3), rel=1e-5)


def test_stated_values_reach_the_optimiser() -> None:
    built = Adam(0.01, betas=(0.5, 0.9), eps=1e-4).build([nn.Parameter(torch.zeros(1))])
    group = built.param_groups[0]
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (0.01, (0.5, 0.9), 1e-4, 0.0)


def test_a_schedule_of_two_stages_begins_anew() -> None:
    one = Schedule("cosine", decay_from=0.5, warmup=0.1)
    two = Schedule("cosine", decay_from=0.5, warmup=0.1, again=0.6)
    for share in (0.0, 0.05, 0.3, 0.7, 0.99):
        assert two.factor(0.6 * share) == pytest.approx(one.factor(share))
        assert two.factor(0.6 + 0.4 * share) == pytest.approx(one.factor(share))
    assert two.factor(0.6) > 0, "the first step of the second stage is a small one, not a lost one"
