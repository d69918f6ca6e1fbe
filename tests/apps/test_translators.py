"""Models that make pictures of pictures: what their runs show, what they do in Python, which verbs refuse them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from imaginable import model as models
from imaginable.apps import train as trains
from imaginable.apps.directions import directions
from imaginable.apps.encode import encode
from imaginable.apps.info import info
from imaginable.apps.invert import invert
from imaginable.apps.reconstruct import reconstruct
from imaginable.apps.report import write
from imaginable.apps.sample import sample
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.methods.cyclegan import CycleGan
from imaginable.methods.inpainting import Inpainting
from imaginable.methods.pix2pix import Pix2Pix
from imaginable.methods.vae import Vae
from imaginable.model import Model
from imaginable.studio.runs import Runs
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.train import train

METHODS = {"pix2pix": (Pix2Pix, "pairs"), "cyclegan": (CycleGan, "domains")}


@pytest.fixture(scope="module", params=METHODS)
def trained(
    request: pytest.FixtureRequest,
    tiny_dataset: Callable[[str], Dataset],
    tiny_job: Callable[..., Job[Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Job[Any], Dataset]:
    """A run of two steps."""
    method, kind = METHODS[request.param]
    job = tiny_job(method, tmp_path_factory.mktemp("run") / request.param, images=16)
    list(train(job, dataset=tiny_dataset(kind)))
    return job, tiny_dataset(kind)


def test_a_sheet_shows_held_out_pictures_above_what_becomes_of_them(trained: tuple[Job[Any], Dataset]) -> None:
    job, dataset = trained
    sheets = Run(job.folder).sheets("translations")
    assert sheets
    model, batch = models.load(job.folder), dataset.batch(dataset.held_out)
    there = model.translate_tensor(batch.x)
    rows = [batch.x, there, batch.y if batch.y is not None else model.translate_tensor(there, to="a")]
    expected = images.stacked([images.to_uint8(row) for row in rows])
    shown = np.asarray(Image.open(sheets[-1]))
    if dataset.spec.kind == "domains":
        assert len(shown) == 2 * len(expected)
    assert int(np.abs(shown[: len(expected)].astype(int) - expected).max()) <= 1


def test_domains_of_which_more_is_held_out_of_one_share_a_sheet(
    tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path
) -> None:
    data = replace(tiny_dataset("domains"), target_held_out=np.arange(36, 39))
    job = tiny_job(CycleGan, tmp_path / "run", images=8)
    list(train(job, dataset=data))
    with Image.open(Run(job.folder).sheets("translations")[-1]) as shown:
        rows = images.sheet(data.items[data.held_out[:3]], 8, 1)
        assert shown.width == rows.shape[1], "as many of A as of B"
        assert shown.height == 2 * (3 * len(rows) + 4)


def test_a_run_says_what_it_learns_from_and_what_to_do_next(trained: tuple[Job[Any], Dataset]) -> None:
    job, dataset = trained
    told = {
        "pairs": "40 pairs of 32x32x3, 8 held out",
        "domains": "40 images of A and 36 of B, 32x32x3, 8 and 8 held out",
    }
    assert trains.describe(job, dataset).endswith(told[dataset.spec.kind])
    assert trains._next(job).startswith(f"imaginable translate {job.run} ")
    lines: list[str] = []
    info(job.folder, say=lines.append)
    assert "can: translate" in lines


def test_who_fills_is_told_of_masks_and_sides_taken_for_classes_are_named(
    tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path
) -> None:
    assert "PICTURES --masks MASKS --out" in trains._next(tiny_job(Inpainting, tmp_path))
    data = tiny_dataset("images")
    assert "two sides" not in trains.describe(tiny_job(Vae, tmp_path), data)
    sides = replace(data, spec=replace(data.spec, classes=("A", "B")))
    assert "2 classes (A and B, which methods that translate" in trains.describe(tiny_job(Vae, tmp_path), sides)


def test_the_report_has_the_sheet(trained: tuple[Job[Any], Dataset]) -> None:
    page = write(trained[0].folder, trained[1]).read_text()
    assert "each above what the model makes of it" in page


def test_python_translates_pictures_and_tensors(trained: tuple[Job[Any], Dataset]) -> None:
    job, dataset = trained
    model, x = models.load(job.folder), dataset.batch(dataset.held_out).x
    tensor = model.translate_tensor(x)
    pictures = model.translate(dataset.items[dataset.held_out])
    difference = np.stack([np.asarray(one) for one in pictures]).astype(int) - images.to_uint8(tensor)
    assert np.abs(difference).max() <= 1  # bytes become numbers in two ways that round differently
    assert model.translate_tensor(torch.zeros(1, 3, 32, 64)).shape == (1, 3, 32, 64)


def test_verbs_of_codes_refuse_it(trained: tuple[Job[Any], Dataset], tmp_path: Path) -> None:
    job, dataset = trained
    run, picture = job.folder, tmp_path / "one.png"
    images.save(picture, dataset.items[0], None)
    refused: dict[str, Callable[[], Any]] = {
        "sample": lambda: sample(run, out=tmp_path / "out"),
        "reconstruct": lambda: reconstruct(run, str(picture), out=tmp_path / "out"),
        "encode": lambda: encode(run, str(picture), out=tmp_path / "out.npz"),
        "invert": lambda: invert(run, str(picture)),
        "directions": lambda: directions(run),
    }
    for verb in refused.values():
        with pytest.raises(UserError, match="makes pictures of pictures"):
            verb()
    runs = Runs([run])
    with pytest.raises(UserError, match="has no codes"):
        runs.get(runs.about()[0]["id"])


def test_a_model_of_codes_does_not_translate(tiny_generator: Path) -> None:
    model: Model = models.load(tiny_generator)
    with pytest.raises(UserError, match="dcgan makes no pictures of pictures"):
        model.translate_tensor(torch.zeros(1, 3, 32, 32))
