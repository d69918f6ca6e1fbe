"""How many images fit into a time: one measures before one promises."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from imaginable.core import distributed, fast
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Grows, Phase
from imaginable.training import checkpoint, health, snapshot
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.state import BadStepError, State

MARGIN = 0.88
"""share of the time that is planned: runs on two threads were up to 9 % slower than their timing"""
_SNAPSHOTS, _CHECKPOINTS = 21, 51
_SHARE_SHOWN, _FEWEST = 0.15, 3
"""of the time for snapshots, at most: where they are slow there are fewer, but a first, a middle and a last one"""
_SECONDS_PER_POINT = 3.0
_MOST_CYCLES = 40
_THIRDS = (1 / 3, 2 / 3)


@dataclass(frozen=True)
class Estimate:
    """images: that fit. speed: images per second while training. overhead: seconds for snapshots and the like.
    snapshots: how many fit, None for as many as usual or as the job says."""

    images: int
    speed: float
    overhead: float
    snapshots: int | None


def estimate(job: Job[Any], dataset: Dataset, seconds: float) -> Estimate:
    """Images that training can see in `seconds`, snapshots and checkpoints included.

    Times whole cycles of the phases on a throw-away copy, in every third of a run, or at every stage of a method that
    grows, and wherever other phases are active.
    """
    fast.tune_process()
    state = State(job, dataset.spec)
    feed = Feed(dataset, job.training.batch, job.training.seed, job.data.flip)
    stages = job.method.stages(dataset.spec) if isinstance(job.method, Grows) else _THIRDS
    timed = parts(state.phases, stages)
    per_image = sum(share * _seconds_per_image(state, feed, middle) for middle, share in timed)
    showing, saving = _seconds_to_show_and_save(state, dataset)
    snapshots = min(_SNAPSHOTS, max(_FEWEST, int(_SHARE_SHOWN * MARGIN * seconds / (showing + saving))))
    fixed = 0.0 if job.training.snapshot_every else snapshots * (showing + saving)
    fixed += 0.0 if job.training.checkpoint_every else _CHECKPOINTS * saving
    each = (showing + saving) / job.training.snapshot_every if job.training.snapshot_every else 0.0
    each += saving / job.training.checkpoint_every if job.training.checkpoint_every else 0.0
    images = (MARGIN * seconds - fixed) / (per_image + each)
    fewer = None if job.training.snapshot_every or snapshots == _SNAPSHOTS else snapshots
    return Estimate(max(job.training.batch, int(images)), 1 / per_image, fixed + each * images, fewer)


def with_images(job: Job[Any], images: int, snapshots: int | None = None) -> Job[Any]:
    """The job for so many images, and so many snapshots where that is given."""
    every = max(job.training.batch, images // (snapshots - 1)) if snapshots else job.training.snapshot_every
    return dataclasses.replace(job, training=dataclasses.replace(job.training, images=images, snapshot_every=every))


def parts(phases: Sequence[Phase[Any]], stages: Sequence[float] = _THIRDS) -> list[tuple[float, float]]:
    """The middles of the parts that a run is timed in, and the share of each; within none a stage or a phase begins."""
    ends = {0.0, *stages, 1.0, *(end for phase in phases for end in (phase.start, phase.stop))}
    return [((first + last) / 2, last - first) for first, last in itertools.pairwise(sorted(ends))]


def _seconds_per_image(state: State, feed: Feed, fraction: float) -> float:
    """At this fraction of the run; enough cycles for every lazy phase to come once."""
    total = 10**9
    lazy = math.lcm(*(phase.every for phase in state.phases))
    state.seen = round(fraction * total)
    _timed(state, feed, total, 1)  # the first one allocates
    cycles = max(
        1, min(_MOST_CYCLES, round(_SECONDS_PER_POINT / distributed.from_first(_timed(state, feed, total, 1))))
    )
    before = state.seen
    return _timed(state, feed, total, math.ceil(cycles / lazy) * lazy) / (state.seen - before)


def _timed(state: State, feed: Feed, total: int, cycles: int) -> float:
    started = time.perf_counter()
    for _ in range(cycles):
        try:
            state.cycle(feed, total)
        except BadStepError:  # a throw-away copy may diverge; its time is the same
            state.load_state_dict(State(state.job, state.spec).state_dict() | {"seen": state.seen + 1})
    if state.device.type == "cuda":
        torch.cuda.synchronize(state.device)
    return time.perf_counter() - started


def _seconds_to_show_and_save(state: State, dataset: Dataset) -> tuple[float, float]:
    """Of one snapshot with its model, and of one checkpoint."""
    with TemporaryDirectory() as folder:
        run = Run(Path(folder) / str(distributed.rank()))
        started = time.perf_counter()
        snapshot.take(state, dataset, run)
        health.examine(state, dataset)
        taken = time.perf_counter()
        checkpoint.save(run.checkpoint, state.state_dict())
        return taken - started, time.perf_counter() - taken
