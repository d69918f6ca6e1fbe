"""The encoder of a model that has none, trained once and kept with the run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from imaginable import model as models
from imaginable.apps._pictures import Say
from imaginable.apps._progress import Display
from imaginable.core import config
from imaginable.data.dataset import DataOptions
from imaginable.methods import _storage
from imaginable.methods.inversion_encoder import InversionEncoder
from imaginable.model import Model
from imaginable.training import job as jobs
from imaginable.training.given import fingerprint, without_items
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.train import train

IMAGES = 40_000
"""made pictures it learns from"""


class Cancelled(Exception):
    """Training was stopped, and saved: the next call goes on."""


def ready(
    model: Model,
    folder: Path,
    images: int | None,
    say: Say,
    on_progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
) -> Model:
    """The encoder for the model's weights in `folder`, trained first, or on, where it is not finished there."""
    assert model.folder is not None, "models are loaded from folders here"
    run = Run(folder)
    job = _begun(run, fingerprint(model.folder), images)
    if job is None:
        if run.folder.exists():
            say(f"the encoder in {run.folder} is for other weights or of another length: training it anew")
            shutil.rmtree(run.folder)
        job = Job(InversionEncoder(), DataOptions(""), Training(images=images or IMAGES), "")
    # whatever was recorded, the folder may have been moved since
    job = replace(job, run=str(run.folder), given={"generator": str(model.folder)})
    if _seen(run) < job.training.images:
        say(f"{model.name} has no encoder: training one on {job.training.images:,} pictures that it makes itself, once")
        _train(job, say, on_progress, cancelled)
    return models.load(run.folder)


def _begun(run: Run, weights: str, images: int | None) -> Job[Any] | None:
    """The job that is there, if it is for these weights and as long as asked for."""
    if not run.job.exists() or config.load(run.job)["environment"].get("model of the generator") != weights:
        return None
    job = jobs.load(run.job)
    return job if images in (None, job.training.images) else None


def _seen(run: Run) -> int:
    """Images its model has learned from."""
    return int(_storage.about(run.model)["images_seen"]) if (run.model / "model.yaml").exists() else 0


def _train(
    job: Job[Any], say: Say, on_progress: Callable[[int, int], None] | None, cancelled: Callable[[], bool]
) -> None:
    dataset, begun = without_items(job), Run(job.folder).job.exists()
    display = Display(job, dataset, say) if on_progress is None else nullcontext()
    # another machine may go on with it: nobody needs to repeat this run bit for bit
    reports = train(job, resume=begun, inexact=True, dataset=dataset)
    with torch.random.fork_rng(devices=[]), display as shown, closing(reports):
        for report in reports:
            if shown:
                shown.show(report)
            elif on_progress:
                on_progress(report.seen, report.total)
            if report.seen < report.total and cancelled():
                raise Cancelled  # closing the iterator saves
