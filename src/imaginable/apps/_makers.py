"""What makes pictures of a class: a model that was told the classes, or a folder of runs, one a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imaginable import model as models
from imaginable.apps import _priors
from imaginable.apps._pictures import Say
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.data import cache
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._method import Encodes, Samples
from imaginable.model import Model, Prior
from imaginable.training import given
from imaginable.training import job as jobs
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.train import load_data

BLOCK = 64
"""pictures drawn at once, always: the same seed gives the same ones however many are asked for"""

TIMES = 20
"""pictures are drawn until enough are kept, or this many times as many are drawn"""


@dataclass(frozen=True)
class Asked:
    """What is wanted of every class. per_class: pictures. truncation, prior: as in `sample`."""

    per_class: int
    seed: int
    truncation: float | None = None
    prior: Prior = "auto"

    @property
    def most_draws(self) -> int:
        return TIMES * self.per_class


@dataclass(frozen=True)
class Maker:
    """Pictures of the classes of a data set, which it was trained on. models, sha256: by class."""

    models: Mapping[str, Model]
    sha256: Mapping[str, str]
    options: DataOptions
    dataset: Dataset

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dataset.spec.classes

    def draw(self, name: str, block: int, asked: Asked) -> np.ndarray:
        """The block-th 64 pictures of a class, uint8 (64, h, w, c)."""
        model = self.models[name]
        label = name if model.classes else None
        seed = seeds.derive(asked.seed, "augment", name, block)
        z = model.latents(BLOCK, seed, asked.prior, label, asked.truncation)
        return model.decode_array(z, label)


def load(path: Path, prior: Prior, say: Say) -> Maker:
    """Raises UserError for what cannot make pictures of a class, with what to do instead."""
    run = Run(path if (path / "job.yaml").exists() or not (path.parent / "job.yaml").exists() else path.parent)
    if run.job.exists() or (path / "model.yaml").exists():
        return _of_run(path, run, prior, say)
    found = [folder for folder in sorted(path.glob("*/")) if (folder / "job.yaml").exists()]
    if not found:
        raise UserError(f"{path}: no run here, and no folder of runs, one a class, either")
    return _of_runs(path, found, prior, say)


def _of_run(path: Path, run: Run, prior: Prior, say: Say) -> Maker:
    """path: the run's folder, or that of one of its models."""
    model = models.load(path)
    _refuse_without_classes(path, model)
    if not run.job.exists():
        raise UserError(f"augment: {path} is a model without its run, so its training data is not known")
    job = jobs.load(run.job)
    dataset = load_data(job, say)
    return of_model(path, drawable(model, dataset, prior, say), job.data, dataset)


def of_model(path: Path, model: Model, options: DataOptions, dataset: Dataset) -> Maker:
    """path: for a person. dataset: what the model was trained on."""
    if dataset.spec.classes != model.classes:
        raise UserError(
            f"{path}: it knows the classes {', '.join(model.classes)}, and {options.source} has "
            f"{', '.join(dataset.spec.classes) or 'none'} now: train it anew"
        )
    sha256 = given.fingerprint(_folder(model))
    by_class = dict.fromkeys(model.classes, model)
    return Maker(by_class, dict.fromkeys(model.classes, sha256), options, dataset)


def drawable(model: Model, dataset: Dataset, prior: Prior, say: Say) -> Model:
    """The model, with a prior fitted to the codes of its data where one is asked for, or it has none of its own."""
    needs = prior == "fitted" or not model.can(Samples)
    return _priors.fit(model, dataset, say) if needs and model.fitted is None and model.can(Encodes) else model


def free_of_data(out: Path, source: str) -> Path:
    """`out`. Raises UserError where it is inside the real data, where pictures would be read as real ones."""
    data = Path(source).expanduser().resolve()
    if data.is_dir() and data in (out.resolve(), *out.resolve().parents) and not any(data.glob("*/job.yaml")):
        raise UserError(f"--out {out}: it is inside the real data, {data}; give a folder of its own")
    return out


def _folder(model: Model) -> Path:
    assert model.folder is not None, "it was loaded"
    return model.folder


def _refuse_without_classes(path: Path, model: Model) -> None:
    if model.trained.spec.kind != "images":
        raise UserError(f"{path}: augment makes pictures, and {model.name} was trained on {model.trained.spec.said}")
    if not model.classes:
        told = "the data had none" if model.method.labels != "none" else f"{model.name} is never told them"
        raise UserError(
            f"{path}: a model without classes ({told}): train conditional_vae or biggan on pictures in folders, or a "
            f"run of each class,\nimaginable train {model.name} DATA/CLASS --run RUNS/CLASS, and then: "
            "imaginable augment RUNS"
        )


def _of_runs(path: Path, folders: list[Path], prior: Prior, say: Say) -> Maker:
    """The folders' names are the classes."""
    jobs_of: dict[str, Job[Any]] = {folder.name: jobs.load(folder / "job.yaml") for folder in folders}
    by_class = {folder.name: models.load(folder) for folder in folders}
    for name, model in by_class.items():
        if model.classes:
            raise UserError(f"{path / name}: it was told the classes itself: imaginable augment {path / name}")
    specs = {name: model.trained.spec for name, model in by_class.items()}
    first = next(iter(specs))
    for name, spec in specs.items():
        if spec.kind != "images" or spec.shape != specs[first].shape:
            raise UserError(f"{path}: {first} makes {specs[first].said}, and {name} {spec.said}: name runs of one kind")
    data = {name: load_data(job, say) for name, job in jobs_of.items()}
    by_class = {name: drawable(model, data[name], prior, say) for name, model in by_class.items()}
    sha256 = {name: given.fingerprint(_folder(model)) for name, model in by_class.items()}
    flip = any(job.data.flip for job in jobs_of.values())
    return Maker(by_class, sha256, replace(jobs_of[first].data, source=str(path), flip=flip), _joined(data))


def _joined(data: Mapping[str, Dataset]) -> Dataset:
    """One data set, whose classes are the names."""
    sets = list(data.values())
    starts = np.cumsum([0, *(len(one.items) for one in sets)])
    train, held_out = (
        np.concatenate([start + index for start, index in zip(starts[:-1], indices, strict=True)])
        for indices in ([one.train for one in sets], [one.held_out for one in sets])
    )
    count = int(starts[-1])
    digest = cache.key(*([name, one.manifest.get("digest")] for name, one in data.items()))
    return Dataset(
        DataSpec("images", sets[0].spec.shape, classes=tuple(data), count=len(train)),
        items=np.concatenate([one.items for one in sets]),
        labels=np.repeat(np.arange(len(sets)), np.diff(starts)),
        factors=np.zeros((count, 0), np.float32),
        names=tuple(f"{name}/{item}" for name, one in data.items() for item in one.names),
        train=train,
        held_out=held_out,
        manifest={"digest": digest},
        binarise=any(one.binarise for one in sets),
    )
