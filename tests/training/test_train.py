"""What a run refuses to repeat inexactly, and what its snapshots show."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imaginable.core.errors import UserError
from imaginable.data.dataset import Dataset
from imaginable.methods.gan import Gan
from imaginable.training import checkpoint
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.train import train

Maker = Callable[..., Job[Any]]
Data = Callable[[str], Dataset]


def test_another_setup_is_told_and_goes_on_only_when_asked(tiny_job: Maker, tiny_dataset: Data, tmp_path: Path) -> None:
    dataset, job = tiny_dataset("points"), tiny_job(Gan, tmp_path / "run", images=160)
    reports = train(job, dataset=dataset)
    next(reports)
    reports.close()
    path = Run(job.folder).checkpoint
    state = checkpoint.load(path, print)
    state["environment"]["torch"] = "1.0"
    checkpoint.save(path, {key: value for key, value in state.items() if key != "format"})
    with pytest.raises(UserError, match=r"torch was 1\.0.*--inexact"):
        next(train(job, resume=True, dataset=dataset))
    assert list(train(job, resume=True, inexact=True, dataset=dataset))[-1].seen == 160


def test_snapshots_show_the_same_latents_through_time(tiny_job: Maker, tiny_dataset: Data, tmp_path: Path) -> None:
    job = tiny_job(Gan, tmp_path / "run", snapshot_every=16)
    still = replace(job, method=replace(job.method, lr=0.0))
    for _ in train(still, dataset=tiny_dataset("points")):
        pass
    sheets = Run(job.folder).sheets("samples")
    assert len(sheets) == 4
    first, last = (np.asarray(Image.open(path)) for path in (sheets[0], sheets[-1]))
    assert np.array_equal(first, last)
    assert len(np.unique(first)) > 1


def test_what_a_kill_left_is_swept_on_resume(tiny_job: Maker, tiny_dataset: Data, tmp_path: Path) -> None:
    job = tiny_job(Gan, tmp_path / "run", images=160)
    reports = train(job, dataset=tiny_dataset("points"))
    next(reports)
    reports.close()
    leftover = job.folder / "model" / ".model.123.tmp.safetensors"
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_text("half")
    for _ in train(job, resume=True, dataset=tiny_dataset("points")):
        pass
    assert not leftover.exists()
