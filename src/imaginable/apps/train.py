"""Training from start to report: one run, or several seeds as one."""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from imaginable import model as models
from imaginable.apps import _few, _priors, _small
from imaginable.apps import report as reports
from imaginable.apps._pictures import Say
from imaginable.apps._progress import Display
from imaginable.core import config, distributed, files
from imaginable.core.errors import UserError, nearest
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._method import Decodes, Encodes, Samples, Scores, Translates, find, name_of
from imaginable.model import Model
from imaginable.training import best, health
from imaginable.training import budget as budgets
from imaginable.training import job as jobs
from imaginable.training.job import Job, Training
from imaginable.training.run import Run, terms
from imaginable.training.train import load_data, resolved
from imaginable.training.train import train as loop


def train(
    method: str,
    data: str = "",
    *,
    run: str | None = None,
    budget: str | float | None = None,
    start_from: str | None = None,
    **fields: Any,
) -> Model:
    """Trains and returns the model: `im.train("vae", "sneakers", images=20_000, latents=32)`.

    fields: any field of the method, of `DataOptions` or of `Training`, and the runs of models that the method needs:
    `im.train("inversion_encoder", generator="runs/shoes")`. Raises UserError for an unknown one.
    """
    needed = find(method).needs
    given = {name: str(fields.pop(name)) for name in needed if name in fields}
    classes = {"method": find(method), "data": DataOptions, "training": Training}
    owner = {field.name: part for part, cls in classes.items() for field in dataclasses.fields(cls)}
    for name in fields:
        if name not in owner or name == "source":
            raise UserError(f"{name}: no field of {method}, its data or its training{nearest(name, owner)}")
    values: dict[str, dict[str, Any]] = {part: {} for part in classes}
    for name, value in {"source": data, **fields}.items():
        values[owner[name]][name] = value
    run = run or str(free_folder(method, data or next(iter(given.values()), "")))
    parts: dict[str, Any] = {part: config.from_mapping(cls, values[part], method) for part, cls in classes.items()}
    job: Job[Any] = Job(**parts, run=run, start_from=start_from, given=given)
    execute(job, budget=seconds_of(str(budget)) if budget is not None else None)
    return models.load(job.folder, type(job.method))


def execute(
    job: Job[Any],
    *,
    budget: float | None = None,
    resume: bool = False,
    inexact: bool = False,
    started: float | None = None,
    say: Say = print,
) -> bool:
    """Runs a job to its end and writes its report. budget: seconds, counted from `started`.

    Ctrl-C saves a checkpoint, says how to go on, and returns True.
    """
    started = started or time.monotonic()
    say = say if distributed.rank() == 0 else _silent
    job.check()
    if not resume and distributed.rank() == 0:
        Run(job.folder).refuse_existing()
    dataset = load_data(job, say)
    say(describe(job, dataset))
    advice = _few.said(job.method, dataset.spec), _small.said(job.method, dataset.spec.shape[-1], dataset.manifest)
    for line in filter(None, advice):
        say(line)
    if budget is not None:
        job = _planned(job, dataset, budget - (time.monotonic() - started), budget, say)
    with stopping_at_sigint() as stopped:
        _play(job, dataset, resume, inexact, stopped, say)
    if stopped.is_set():
        say(f"stopped and saved; go on with: imaginable resume {job.run}")
        return True
    if distributed.rank() == 0:
        _conclude(job, dataset, say)
        reports.write(job.folder, dataset)
        say(f"done: {job.folder}\n  open   {Run(job.folder).report}\n  then   {_next(job)}")
    return False


def execute_seeds(job: Job[Any], count: int, *, budget: float | None = None, say: Say = print) -> bool:
    """The same job with seeds seed, seed + 1, ... as NAME/seed-S; the budget is for all. Finished ones are
    not done again. Writes seeds.json: mean and deviation of every last logged term. True when interrupted."""
    say = say if distributed.rank() == 0 else _silent
    last: dict[int, dict[str, float]] = {}
    for seed in range(job.training.seed, job.training.seed + count):
        training = dataclasses.replace(job.training, seed=seed)
        one = dataclasses.replace(job, training=training, run=str(job.folder / f"seed-{seed}"))
        run = Run(one.folder)
        say(f"seed {seed}: {one.folder}")
        if run.job.exists():
            interrupted = execute(jobs.load(run.job), resume=True, say=say)
        else:
            interrupted = execute(one, budget=budget / count if budget else None, say=say)
        if interrupted:
            return True
        distributed.wait()
        last[seed] = run.lines()[-1]
    summary = {}
    for name in terms(next(iter(last.values()))):
        values = [line[name] for line in last.values()]
        deviation = statistics.stdev(values) if count > 1 else 0.0
        summary[name] = {
            "mean": statistics.mean(values),
            "deviation": deviation,
            "n": count,
            "values": values,
        }
        say(f"{name}: {summary[name]['mean']:.4g} ± {deviation:.2g} (deviation over {count} seeds)")
    if distributed.rank() == 0:
        files.write_text(job.folder / "seeds.json", json.dumps(summary, indent=1))
    return False


def resume(run: Path, *, inexact: bool = False, say: Say = print) -> bool:
    """Goes on with a run exactly where its last checkpoint stands.

    inexact: also with another torch, processor or number of processes than before, no longer bit for bit.
    """
    found = Run(run)
    found.require()
    recorded = config.load(found.job).get("environment", {})
    torch.set_num_threads(int(recorded.get("threads", torch.get_num_threads())))
    # the folder may have been moved or renamed since
    job = dataclasses.replace(jobs.load(found.job), run=str(run))
    with distributed.processes():
        return execute(job, resume=True, inexact=inexact, say=say)


def describe(job: Job[Any], dataset: Dataset) -> str:
    """One line on what is about to be trained on what."""
    spec = dataset.spec
    shape = f"{spec.shape[0]} numbers" if spec.kind == "points" else "x".join(map(str, spec.shape[::-1]))
    if not job.method.consumes:
        codes = math.prod(spec.target_shape or ())
        return f"{name_of(job.method)} for {', '.join(job.given.values())}: {spec.kind} of {shape}, codes of {codes}"
    classes = f", {len(spec.classes)} classes" if spec.classes else ""
    if [name.upper() for name in spec.classes] == ["A", "B"]:
        classes += " (A and B, which methods that translate take for two sides)"
    items = f"{len(dataset.train):,} {spec.kind} of {shape}{classes}, {len(dataset.held_out):,} held out"
    if spec.kind == "domains":
        a, b = (f"{len(one):,}" for one in (dataset.train, dataset.target_train))
        held_out = f"{len(dataset.held_out):,} and {len(dataset.target_held_out):,} held out"
        items = f"{a} images of A and {b} of B, {shape}, {held_out}"
    return f"{name_of(job.method)} on {job.data.source}: {items}"


def free_folder(method: str, data: str) -> Path:
    """runs/METHOD-DATA, with a number behind where that exists."""
    base = Path("runs") / f"{Path(method.partition('.py:')[0]).stem}-{Path(data).stem or 'data'}"
    candidates = [base, *(base.with_name(f"{base.name}-{number}") for number in range(2, 10_000))]
    return next(folder for folder in candidates if not folder.exists())


def seconds_of(text: str) -> float:
    """`90`, `90s`, `10m` or `1.5h` in seconds. Raises UserError for anything else."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"--budget {text}: a time such as 90s, 10m or 1.5h was expected")
    return seconds


def _planned(job: Job[Any], dataset: Dataset, left: float, budget: float, say: Say) -> Job[Any]:
    started = time.monotonic()
    plan = budgets.estimate(resolved(job, dataset.spec), dataset, left)
    spent = time.monotonic() - started
    left_over = plan.images - budgets.MARGIN * spent * plan.speed
    images = int(distributed.from_first(max(job.training.batch, left_over)))
    times = f" ({images / len(dataset.train):.1f} times the data)" if len(dataset.train) else ""
    say(
        f"budget {budget / 60:.3g} min: {images:,} images at {plan.speed:,.0f} images/s{times}, "
        f"{plan.overhead:.0f} s of it for snapshots and checkpoints"
    )
    return budgets.with_images(job, images, plan.snapshots)


def _play(job: Job[Any], dataset: Dataset, resuming: bool, inexact: bool, stopped: threading.Event, say: Say) -> None:
    """Shows the reports; on Ctrl-C closes the iterator, which saves."""
    steps = loop(job, resume=resuming, inexact=inexact, dataset=dataset)
    with Display(job, dataset, say) as display:
        for report in steps:
            display.show(report)
            if distributed.any_rank(stopped.is_set()):
                stopped.set()
                if report.seen < report.total:
                    steps.close()  # saves
                    return
                stopped.clear()


@contextmanager
def stopping_at_sigint() -> Iterator[threading.Event]:
    """The first Ctrl-C (or SIGTERM) sets the event, a second one ends the process at once."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def handle(number: int, frame: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handle) for number in signals]
    try:
        yield stopped
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _conclude(job: Job[Any], dataset: Dataset, say: Say) -> None:
    """Says the last diagnosis and whether an earlier snapshot was better; fits a prior that the codes follow, where
    the method's own is none."""
    diagnoses = health.history(Run(job.folder).lines())
    if not diagnoses:
        return
    _, diagnosis = diagnoses[-1]
    say(str(diagnosis))
    if better := best.said(Run(job.folder), diagnosis.numbers.get("game", {})):
        say(better)
    if not diagnosis.off_prior:
        return
    model = models.load(job.folder, type(job.method))
    if not model.can(Encodes):
        return
    if not _priors.fits(model):
        say("its codes are too long for a fitted prior: `sample` draws from the model's own all the same")
        return
    model = model if model.fitted else _priors.fit(model, dataset, say)
    say(f"`sample` draws from {_priors.describe(model)} (--prior plain for the model's own)")


def _next(job: Job[Any]) -> str:
    if isinstance(job.method, Translates):
        masks = " --masks MASKS" if job.method.task == "inpaint" else ""
        return f"imaginable {job.method.task} {job.run} PICTURES{masks} --out made"
    if isinstance(job.method, Scores):
        return f"imaginable anomalies {job.run} PICTURES"
    if not isinstance(job.method, Decodes):
        return f"imaginable info {job.run}"
    prior = "" if isinstance(job.method, Samples) else " --prior fitted"
    return f"imaginable sample {job.run}{prior}"


def _silent(line: str) -> None:
    """For all ranks but the first."""
