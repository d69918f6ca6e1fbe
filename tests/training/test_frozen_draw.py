"""Fakes are made once a cycle and serve both players; the judge's statistics rest in the other's phase."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imaginable.core.types import Batch
from imaginable.data.dataset import Dataset
from imaginable.methods._method import find
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.state import State

Build = Callable[[str], tuple[State, Feed]]
Look = Callable[[str, Batch], None]
both = pytest.mark.parametrize("name", ["gan", "dcgan"])


@pytest.fixture
def build(tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path) -> Build:
    def built(name: str) -> tuple[State, Feed]:
        dataset = tiny_dataset("images")
        return State(tiny_job(find(name), tmp_path), dataset.spec), Feed(dataset, 8, 0, flip=False)

    return built


def looking(state: State, look: Look) -> None:
    """Calls `look(player, batch)` before every loss."""

    def watched(phase: Any) -> Any:
        def loss(nets: Any, batch: Batch, progress: Any) -> Any:
            look(phase.player, batch)
            return phase.loss(nets, batch, progress)

        return dataclasses.replace(phase, loss=loss)

    state.phases = tuple(watched(phase) for phase in state.phases)


@both
def test_the_generator_runs_once_a_cycle(name: str, build: Build) -> None:
    state, feed = build(name)
    runs: list[int] = []
    state.networks.generator.register_forward_hook(lambda *_: runs.append(state.step))  # type: ignore[union-attr]
    for _ in range(3):
        state.cycle(feed, 64)
    assert runs == [0, 1, 2]


@both
def test_both_players_see_the_same_fakes_and_only_the_generator_their_graph(name: str, build: Build) -> None:
    state, feed = build(name)
    seen: dict[str, Tensor] = {}

    def look(player: str, batch: Batch) -> None:
        assert batch.drawn is not None
        seen[player] = batch.drawn

    looking(state, look)
    state.cycle(feed, 64)
    assert torch.equal(seen["discriminator"], seen["generator"])
    assert not seen["discriminator"].requires_grad
    assert seen["generator"].requires_grad


def test_other_fakes_in_every_cycle(build: Build) -> None:
    state, feed = build("gan")
    fakes: list[Tensor] = []
    looking(state, lambda player, batch: fakes.append(batch.drawn))  # type: ignore[arg-type]
    for _ in range(2):
        state.cycle(feed, 64)
    assert not torch.equal(fakes[0], fakes[2])


def test_batch_statistics_move_in_their_own_players_phase_only(build: Build) -> None:
    state, feed = build("dcgan")
    notes: list[dict[str, Tensor]] = []

    def note(*_: Any) -> None:
        notes.append({key: value.clone() for key, value in state.networks.named_buffers()})

    note()
    looking(state, note)
    state.cycle(feed, 64)
    note()
    start, judging, making, end = notes

    def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
        return {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}

    assert moved(start, judging) == {"generator"}, "the draw"
    assert moved(judging, making) == {"discriminator"}
    assert moved(making, end) == set()
    tracked = {key: int(value) for key, value in end.items() if "num_batches" in key}
    assert {value for key, value in tracked.items() if key.startswith("generator")} == {1}
    assert {value for key, value in tracked.items() if key.startswith("discriminator")} == {2}, "real and fake"
