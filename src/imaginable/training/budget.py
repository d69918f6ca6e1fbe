"""How many images fit into a time: one measures before one promises."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from imaginable.core import distributed, fast
from imaginable.data.dataset import Dataset
from imaginable.training import snapshot
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.state import NonFiniteError, State
from imaginable.training.train import save_progress

MARGIN = 0.93
"""share of the time that is planned; the rest is for a machine that gets busier"""
_SNAPSHOTS, _CHECKPOINTS = 20, 50
_SECONDS_PER_POINT = 3.0
_MOST_CYCLES = 40


@dataclass(frozen=True)
class Estimate:
    """images: that fit. speed: images per second while training. overhead: seconds for snapshots and the like."""

    images: int
    speed: float
    overhead: float


def estimate(job: Job[Any], dataset: Dataset, seconds: float) -> Estimate:
    """Images that training can see in `seconds`, snapshots and checkpoints included.

    Times whole cycles of the phases at fractions 0.1, 0.5 and 0.9 of a run, on a throw-away copy.
    """
    fast.tune_process()
    state = State(job, dataset.spec)
    feed = Feed(dataset, job.training.batch, job.training.seed, job.data.flip)
    points = [_seconds_per_image(state, feed, fraction) for fraction in (0.1, 0.5, 0.9)]
    per_image = _agreed(sum(points) / len(points))
    overhead = _agreed(_overhead(state, dataset))
    images = (MARGIN * seconds - overhead) / per_image
    return Estimate(max(job.training.batch, int(images)), 1 / per_image, overhead)


def with_images(job: Job[Any], images: int) -> Job[Any]:
    return dataclasses.replace(job, training=dataclasses.replace(job.training, images=images))


def _seconds_per_image(state: State, feed: Feed, fraction: float) -> float:
    """At this fraction of the run; enough cycles for every lazy phase to come once."""
    total = 10**9
    lazy = math.lcm(*(phase.every for phase in state.phases))
    state.seen = round(fraction * total)
    _timed(state, feed, total, 1)  # the first one allocates
    cycles = max(1, min(_MOST_CYCLES, round(_SECONDS_PER_POINT / _agreed(_timed(state, feed, total, 1)))))
    before = state.seen
    return _timed(state, feed, total, math.ceil(cycles / lazy) * lazy) / (state.seen - before)


def _timed(state: State, feed: Feed, total: int, cycles: int) -> float:
    started = time.perf_counter()
    for _ in range(cycles):
        try:
            state.cycle(feed, total)
        except NonFiniteError:  # a throw-away copy may diverge; its time is the same
            state.load_state_dict(State(state.job, state.spec).state_dict() | {"seen": state.seen + 1})
    if state.device.type == "cuda":
        torch.cuda.synchronize(state.device)
    return time.perf_counter() - started


def _overhead(state: State, dataset: Dataset) -> float:
    """Seconds that all snapshots and checkpoints of a run will take."""
    if distributed.rank() != 0:
        return 0.0
    with TemporaryDirectory() as folder:
        run = Run(Path(folder))
        started = time.perf_counter()
        snapshot.take(state, dataset, run)
        taken = time.perf_counter()
        save_progress(state, run)
        saved = time.perf_counter()
    return (_SNAPSHOTS + 1) * (taken - started) + (_CHECKPOINTS + _SNAPSHOTS) * (saved - taken)


def _agreed(value: float) -> float:
    """The same number on every rank, so that all plan the same run."""
    return float(distributed.average(torch.tensor(value, dtype=torch.float64)))
