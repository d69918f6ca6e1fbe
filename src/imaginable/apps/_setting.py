"""What a proof is made of: what is wanted of it, the method and its settings, the real pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imaginable.apps import _subsets
from imaginable.apps._filter import refuse_unusable
from imaginable.apps._makers import Asked
from imaginable.apps._pictures import Say
from imaginable.apps._subsets import Real
from imaginable.core import config
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.data.propose import mirror_ratio, propose_flip
from imaginable.methods._method import name_of
from imaginable.training import job as jobs
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.train import load_data

_LOOKED_AT = 400
"""pictures that say whether mirroring does harm"""


@dataclass(frozen=True)
class Wanted:
    """amounts: of real pictures of each class. seeds: classifiers of each arm. generators: trained for each amount, on
    so many images, None for as many as the run. seen: images that every classifier sees. asked: synthetic pictures."""

    amounts: Sequence[int]
    seeds: int
    generators: int
    images: int | None
    seen: int
    asked: Asked

    def check(self) -> None:
        """Raises UserError for what proves nothing."""
        if not self.amounts or min(self.amounts) < 2:
            raise UserError("--amounts: numbers of real pictures of each class from 2 were expected, such as 10 30 100")
        for flag, value, least in (("--seeds", self.seeds, 2), ("--generators", self.generators, 1)):
            if value < least:
                raise UserError(f"{flag} {value}: must be at least {least}")
        for name, count in (("--images", self.images), ("--classifier-images", self.seen)):
            if count is not None and count < 1:
                raise UserError(f"{name} {count}: must be at least 1")


@dataclass(frozen=True)
class Setting:
    """job: that of the generators, but for data and folder. flip: whether crops are mirrored; why: and why."""

    job: Job[Any]
    real: Real
    flip: bool
    why: str

    def plan(self, wanted: Wanted) -> dict[str, Any]:
        """All that decides a trial, beside amount, arm, generator and seed."""
        asked, training = wanted.asked, self.job.training
        return {
            "method": name_of(self.job.method),
            "fields": config.to_mapping(self.job.method),
            "data": self.real.dataset.manifest["digest"],
            "size": self.real.dataset.spec.shape[-1],
            "images": training.images,
            "batch": training.batch,
            "flip": [self.job.data.flip, self.flip],
            "per-class": asked.per_class,
            "seed": asked.seed,
            "prior": asked.prior,
            "truncation": asked.truncation,
            "classifier-images": wanted.seen,
        }

    def facts(self, wanted: Wanted) -> list[str]:
        """The same for a person, a sentence each, and what the figures do not say."""
        spec, job, n = self.real.dataset.spec, self.job, len(self.real.test)
        mirrored = "mirrored" if self.flip else "not mirrored"
        classes, shape = len(spec.classes), "x".join(map(str, spec.shape))
        return [
            f"{job.data.source}: {classes} classes, {shape}; accuracy on {n:,} pictures nobody trains on, the same "
            f"ones for all: on others, figures would differ by about {50 / n**0.5:.1f} points more",
            f"generators: {name_of(job.method)}, {wanted.generators} for each number of real pictures, each trained on "
            f"those alone ({job.training.images:,} images); {wanted.asked.per_class} pictures of each class are kept",
            f"classifiers: {wanted.seeds} seeds, {wanted.seen:,} images each, at least half of them real in every arm; "
            f"as many crops as synthetic pictures, moved by up to an eighth, {mirrored} ({self.why})",
            f"the real pictures are one choice (--seed {wanted.asked.seed}); ± is the standard error over classifiers "
            "and generators, as if both were drawn anew",
        ]


def setting(run: Path, wanted: Wanted, say: Say) -> Setting:
    """Raises UserError for a run, or data, that nothing can be proved with."""
    wanted.check()
    job = _job(run, wanted.images)
    dataset = load_data(job, say)
    refuse_unusable(dataset, dataset.spec.classes, job.data.source)
    real = _subsets.real(dataset, wanted.asked.seed)
    most = max(map(len, real.order))
    for amount in wanted.amounts:
        if amount > most:
            raise UserError(f"--amounts {amount}: no class has as many different training pictures (at most {most})")
    return Setting(job, real, *_flip(job, dataset))


def _job(run: Path, seen: int | None) -> Job[Any]:
    """RUN's, for so many images. Raises UserError for one whose generators would know more than they are shown."""
    if not Run(run).job.exists():
        raise UserError(f"--prove: {run} is no run, and its method and settings would be those of the generators")
    job = jobs.load(Run(run).job)
    if job.method.labels == "none":
        raise UserError(
            f"--prove: {name_of(job.method)} is never told the classes; take a run of a method that is "
            "(conditional_vae, sngan, biggan, r3gan)"
        )
    if job.start_from or job.given:
        other = job.start_from or ", ".join(job.given.values())
        raise UserError(f"--prove: {run} stands on {other}, which may have seen other pictures; take one that does not")
    if getattr(job.method, "augment", None) == "adaptive":
        raise UserError("--prove: adaptive augmentation watches held-out pictures, here there are none; take diff")
    return replace(job, training=replace(job.training, images=seen or job.training.images))


def _flip(job: Job[Any], dataset: Dataset) -> tuple[bool, str]:
    if job.data.flip:
        return True, "the run has --flip"
    chosen = dataset.train[:: max(1, len(dataset.train) // _LOOKED_AT)]
    found = propose_flip(mirror_ratio(list(images.to_uint8(dataset.batch(chosen).x))))
    return found, f"check {'proposes' if found else 'does not propose'} --flip"
