"""The generators of a proof: each is trained anew, on the few real pictures alone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from imaginable import model as models
from imaginable.apps import _augmented, _makers
from imaginable.apps._augmented import Folder
from imaginable.apps._filter import Filter
from imaginable.apps._makers import Asked
from imaginable.apps._pictures import Say
from imaginable.apps._progress import Display
from imaginable.apps.train import stopping_at_sigint
from imaginable.core import seeds
from imaginable.data.dataset import Dataset
from imaginable.model import Model
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.train import train

SNAPSHOTS = 4
"""of a run: nobody watches it"""


def trained(job: Job[Any], real: Dataset, folder: Path, number: int, say: Say) -> Model:
    """The model of a run in `folder`, which is begun, gone on with, or found finished. Ctrl-C saves."""
    training = replace(
        job.training,
        seed=seeds.derive(job.training.seed, "generator", number) % 2**31,
        snapshot_every=max(job.training.batch, job.training.images // SNAPSHOTS),
    )
    run = Run(folder)
    if not _finished(run, training.images):
        _train(replace(job, run=str(folder), training=training), real, run.job.exists(), say)
    return models.load(folder, type(job.method))


def _finished(run: Run, images: int) -> bool:
    lines = run.lines()
    return bool(lines) and lines[-1]["seen"] >= images


def _train(job: Job[Any], real: Dataset, resume: bool, say: Say) -> None:
    steps = train(job, resume=resume, inexact=resume, dataset=real)
    with stopping_at_sigint() as stopped, Display(job, real, say) as display, closing(steps) as reports:
        for report in reports:
            display.show(report)
            if stopped.is_set():
                break  # closing saves
    if stopped.is_set():
        raise KeyboardInterrupt


def pictures(model: Model, job: Job[Any], real: Dataset, rule: Filter, asked: Asked, out: Path, say: Say) -> Folder:
    """The folder of what the model makes and the filter keeps, made if it is not whole yet."""
    folder = Folder(out, real.spec.classes)
    if not folder.is_whole():
        maker = _makers.of_model(out, model, job.data, real)
        _augmented.make(maker, rule, maker.classes, asked, folder, say)
    return folder
