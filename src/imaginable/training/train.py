"""The one loop: it plays a method's phases, knows no paper, and yields reports."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imaginable.core import distributed, fast
from imaginable.core.errors import RunFailed, UserError
from imaginable.core.types import DataSpec
from imaginable.data.dataset import Dataset
from imaginable.data.prepare import prepare
from imaginable.methods import _storage
from imaginable.methods._method import Trained
from imaginable.training import best, game_health, given, health, snapshot
from imaginable.training import job as jobs
from imaginable.training.feed import Feed
from imaginable.training.health import Diagnosis
from imaginable.training.job import Job, Precision
from imaginable.training.restore import RuinedError, begin_from, environment, go_on, roll_back, save_progress
from imaginable.training.run import Run
from imaginable.training.state import BadStepError, State

LOG_LINES = 200
_SECONDS_BETWEEN_REPORTS = 0.25


@dataclass(frozen=True)
class Report:
    """Where a run stands. seconds: training time of this process. health: anything worth saying, or empty.
    terms: means since the last report. sample: a snapshot just written. diagnosis: made with every snapshot,
    where the method can be watched."""

    seen: int
    total: int
    step: int
    terms: dict[str, float]
    seconds: float
    health: str = ""
    sample: Path | None = None
    diagnosis: Diagnosis | None = None


def load_data(job: Job[Any], say: Callable[[str], None] | None = None) -> Dataset:
    """The job's data, fit for its method; prepared by one process, then found by the others."""
    if not job.method.consumes:
        return given.without_items(job)
    with distributed.first_alone():
        dataset = prepare(job.data, sizes=job.method.sizes.takes, say=say, consumes=job.method.consumes)
    job.method.check(dataset.spec)
    return dataset


def train(
    job: Job[Any], *, resume: bool = False, inexact: bool = False, dataset: Dataset | None = None
) -> Generator[Report, None, None]:
    """Trains to the end of the job, yielding reports several times a second.

    Closing the iterator (`close()`, or leaving it) saves a checkpoint first. Seeds torch's global
    generator. `resume` goes on from the run's last checkpoint, exactly, or refuses; `inexact` allows
    another torch, thread count or number of processes. Raises UserError for a request no run can meet
    and RunFailed for one that diverged again and again.
    """
    fast.tune_process()
    job.check()
    run, training = Run(job.folder), job.training
    if training.batch % distributed.ranks():
        raise UserError(f"--batch {training.batch}: must be a multiple of the {distributed.ranks()} processes")
    dataset = dataset or load_data(job)
    job, notices = resolved(job, dataset.spec), []
    state = State(job, dataset.spec)
    if resume:
        run.require()
        notices = go_on(state, run, inexact)
        if distributed.rank() == 0:
            run.rewind(state.seen)
            run.record(dataset.manifest)
    else:
        begin_from(state)
        if distributed.rank() == 0:
            run.create(jobs.dump(job, environment(state)), dataset.manifest)
    if job.method.couples and distributed.ranks() > 1:
        notices.append(f"every one of the {distributed.ranks()} processes has its own batch statistics")
    feed = Feed(dataset, training.batch, training.seed, job.data.flip)
    total, started, reported = training.images, time.monotonic(), 0.0
    terms: dict[str, list[Tensor]] = defaultdict(list)
    try:
        while state.seen < total:
            before = state.seen
            try:
                for name, value in state.cycle(feed, total).items():
                    terms[name].append(value)
                done = state.seen >= total
                shows = done or _crossed(before, state.seen, training.snapshot_interval)
                saves = done or _crossed(before, state.seen, training.checkpoint_interval)
                if (shows or saves) and distributed.any_rank(not state.is_finite()):
                    raise BadStepError("the weights were no numbers")
                sample, diagnosis, news = _share(state, dataset, run) if shows else (None, None, "")
                ruined = shows and distributed.any_rank(diagnosis is not None and diagnosis.ruined)
                if ruined and training.on_collapse == "rollback":
                    raise RuinedError(f"the generator was lost ({diagnosis})")
            except (BadStepError, RuinedError) as problem:
                notices.append(roll_back(state, run, problem))
                if distributed.rank() == 0:
                    run.rewind(state.seen)
                terms.clear()
                continue
            seconds = time.monotonic() - started
            stops = ruined and training.on_collapse == "stop" and not done
            if saves or stops:
                distributed.broadcast_buffers(state.networks)
                save_progress(state, run.checkpoint)
            logged = done or _crossed(before, state.seen, max(1, total // LOG_LINES))
            # clocks differ between processes, and all must report at the same step
            due = seconds - reported > _SECONDS_BETWEEN_REPORTS and distributed.ranks() == 1
            if logged or shows or notices or due:
                said = "; ".join([*notices, *filter(None, [news])])
                report = Report(state.seen, total, state.step, _means(terms), seconds, said, sample, diagnosis)
                if (logged or notices or diagnosis) and distributed.rank() == 0:
                    run.append(_line(report, notices))
                terms.clear()
                reported, notices = seconds, []
                yield report
            if stops:
                raise RunFailed(f"{run.folder}: {diagnosis} (saved; --on-collapse stop)")
    except GeneratorExit:
        if state.is_finite():
            save_progress(state, run.checkpoint)
        raise


def resolved(job: Job[Any], spec: DataSpec) -> Job[Any]:
    """The job with what the machine decides written down."""
    training = job.training
    if training.precision != "auto":
        return job
    device = fast.choose_device(training.device)
    # points are few numbers that must be exact, and their networks are too small to gain
    chosen = torch.float32 if spec.kind == "points" else fast.choose_precision("auto", device)
    name: Precision = "bfloat16" if chosen == torch.bfloat16 else "float32"
    return dataclasses.replace(job, training=dataclasses.replace(training, precision=name))


def _share(state: State, dataset: Dataset, run: Run) -> tuple[Path | None, Diagnosis | None, str]:
    """Writes the model and its sheets, so that a run can be sampled while it trains, and looks how it is doing.

    Returns a sheet, the diagnosis, and what to say of it: nothing as long as it comes to the same.
    """
    if distributed.rank() != 0:
        return None, None, ""
    trained = Trained(state.job.method, state.averages.networks, state.spec)
    about = {
        "run": run.folder.name,
        "data": state.job.data.source or f"made by {', '.join(state.job.given.values())}",
        "fit": state.job.data.fit,
        "background": state.job.data.background,
        "binarise": state.job.data.binarise,
        "seed": state.job.training.seed,
        "images_seen": state.seen,
        **{name: one.sha256 for name, one in state.given.items()},
        "note": "Pictures made by this model are synthetic.",
    }
    _storage.save(trained, run.model, about)
    diagnosis = health.examine(state, dataset)
    best.keep(trained, run, about, state)
    names = diagnosis.names if diagnosis else ""
    news = str(diagnosis) if names not in ("", state.said) else ""
    state.said = names
    if state.job.training.on_collapse == "rollback" and game_health.sound(state.comparable):
        save_progress(state, run.sound)
    return snapshot.take(state, dataset, run), diagnosis, news


def _crossed(before: int, after: int, interval: int) -> bool:
    return before // interval != after // interval


def _means(terms: dict[str, list[Tensor]]) -> dict[str, float]:
    return {name: float(torch.stack([value.float() for value in values]).mean()) for name, values in terms.items()}


def _line(report: Report, notices: list[str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "seen": report.seen,
        "step": report.step,
        "seconds": round(report.seconds, 2),
        **report.terms,
    }
    if notices:
        line["health"] = "; ".join(notices)
    return line | {"vitals": report.diagnosis.logged()} if report.diagnosis else line
