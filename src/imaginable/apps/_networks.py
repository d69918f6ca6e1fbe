"""Small networks that are trained once for a set of data, by the loop that trains everything else, and kept."""

from __future__ import annotations

import dataclasses
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from imaginable.apps._pictures import Say
from imaginable.apps._progress import Display
from imaginable.core import fast, files
from imaginable.data.dataset import Dataset
from imaginable.training.job import Job
from imaginable.training.train import train


def train_once(job: Job[Any], dataset: Dataset, folder: Path, say: Say) -> None:
    """The job's model into `folder` once it is whole: of an interrupted training nothing is left."""
    fast.tune_process()
    with files.explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary, torch.random.fork_rng(devices=[]):
        run = Path(temporary) / folder.name
        job = dataclasses.replace(job, run=str(run))
        with Display(job, dataset, say) as display, closing(train(job, dataset=dataset)) as reports:
            for report in reports:
                display.show(report)
        if not folder.exists():  # else another process was faster
            (run / "model").replace(folder)
