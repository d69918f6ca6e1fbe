"""Everything that decides a run, and its form on disk (job.yaml)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from imaginable.core import config, distributed, fast
from imaginable.core.errors import UserError
from imaginable.data.dataset import DataOptions
from imaginable.methods._method import Judges, Method, find, name_of

Precision = Literal["auto", "float32", "bfloat16"]
OnCollapse = Literal["warn", "rollback", "stop"]
M = TypeVar("M", bound=Method[Any])


@dataclass(frozen=True)
class Training:
    """How long, how fast and on what."""

    images: int = 100_000
    """real images seen in all: the length of the run"""
    batch: int = 64
    """images per step, over all processes"""
    micro_batch: int | None = None
    """split every batch into parts of so many images, to fit a small memory"""
    precision: Precision = "auto"
    """of the networks' arithmetic; auto is bfloat16 where the machine multiplies it natively"""
    half_life: int = 10_000
    """of the averaged weights, in images"""
    seed: int = 0
    """of the weights, the order of the data and all draws"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    snapshot_every: int | None = None
    """images between sample sheets; by default a twentieth of the run"""
    checkpoint_every: int | None = None
    """images between checkpoints; by default a fiftieth of the run"""

    on_collapse: OnCollapse = "warn"
    """a collapsed or diverged GAN: say so, go back to the last sound snapshot at half the rate, or save and stop"""

    @property
    def snapshot_interval(self) -> int:
        return self.snapshot_every or max(self.batch, self.images // 20)

    @property
    def checkpoint_interval(self) -> int:
        return self.checkpoint_every or max(self.batch, self.images // 50)


@dataclass(frozen=True)
class Job(Generic[M]):
    """One run."""

    method: M
    data: DataOptions
    training: Training
    run: str
    """the run's folder"""
    start_from: str | None = None
    """begin with the weights of this run's model (fine-tuning)"""
    given: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """what the method needs: folders of other runs, by the names in its `needs`"""

    @property
    def folder(self) -> Path:
        return Path(self.run)

    def check(self) -> None:
        """Raises UserError for values no run could have."""
        _refuse_missing_models(self.method, self.given)
        for part in (self.method, self.data, self.training):
            _refuse_senseless_numbers(part)
        training = self.training
        fast.choose_device(training.device)
        if self.data.size is not None:  # before minutes go into preparing data that will not fit
            self.method.sizes.check(self.data.size, name_of(self.method))
        if training.on_collapse != "warn" and not isinstance(self.method, Judges):
            raise UserError(
                f"--on-collapse {training.on_collapse}: {name_of(self.method)} has no game that could be watched"
            )
        if training.micro_batch:
            if self.method.couples:
                raise UserError(
                    f"--micro-batch: {name_of(self.method)} lets the items of a batch influence each other, "
                    "so parts of a batch are not the same; use a smaller --batch"
                )
            own = training.batch // distributed.ranks()
            if own % training.micro_batch:
                raise UserError(f"--micro-batch {training.micro_batch} does not divide the {own} images of a step")


def _refuse_missing_models(method: Method[Any], given: Mapping[str, str]) -> None:
    who = name_of(method)
    for name in method.needs:
        if not given.get(name):
            raise UserError(f"{who} needs a trained {name}: name its run, such as --{name} runs/shoes")
    for name in given:
        if name not in method.needs:
            raise UserError(f"--{name} {given[name]}: {who} needs no such model")


def _refuse_senseless_numbers(part: Any) -> None:
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        flag = "--" + field.name.replace("_", "-")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if not value >= 0:
            raise UserError(f"{flag} {value}: must not be negative")
        counts = isinstance(value, int) and not isinstance(field.default, float)
        if counts and value == 0 and field.default != 0 and field.name != "seed":
            raise UserError(f"{flag} 0: must be at least 1")


def dump(job: Job[Any], environment: dict[str, Any]) -> str:
    """job.yaml's text; `environment` records what was resolved (versions, device, precision, threads)."""
    mapping = config.to_mapping(job)
    mapping["method"] = {"name": name_of(job.method), **mapping["method"]}
    return config.dump({**mapping, "environment": environment})


def load(path: Path) -> Job[Any]:
    """Reads job.yaml. Raises UserError naming the key that is wrong."""
    mapping = config.load(path)
    if not isinstance(mapping, dict) or not isinstance(mapping.get("method"), dict):
        raise UserError(f"{path}: not a job file")
    mapping = {key: value for key, value in mapping.items() if key != "environment"}
    fields = dict(mapping.pop("method"))
    method = config.from_mapping(find(str(fields.pop("name", ""))), fields, f"{path}: method")
    for name, cls in (("data", DataOptions), ("training", Training)):
        mapping[name] = config.from_mapping(cls, mapping.get(name, {}), f"{path}: {name}")
    given = mapping.get("given", {})
    if not isinstance(given, dict) or not all(isinstance(word, str) for pair in given.items() for word in pair):
        raise UserError(f"{path}: given: names and folders of runs were expected, found {given!r}")
    known = {field.name for field in dataclasses.fields(Job)}
    unknown = [key for key in mapping if key not in known]
    if unknown or "run" not in mapping:
        raise UserError(f"{path}: {'unknown key ' + repr(unknown[0]) if unknown else 'run missing'}")
    return Job(method=method, **mapping)
