"""How often what the health of GANs calls is right, on real runs: short ones, of built-in data, on one core.

    python benchmarks/health.py [--only collapse won memorising gradients sound] [--rows runs/health.csv]

collapse: trained soundly for half of the run; then 50 times the learning rate, from the same checkpoint, as
`imaginable resume` would go on. won: the discriminator has 100 times its learning rate, the generator keeps its own.
memorising: of the data's training items 50 are left; those held out stay. gradients: those of each player are made NaN
once; the log must say twice that the run went back, and the run must end sound. sound: nothing is done, and nothing may
be called.

Whether samples have collapsed is also told by what health does not use: of 512 samples of every snapshot, a picture is
read as the class of the nearest training item (of sneakers, which have none, ten clusters of pixels), a point as the
mode on which it lies, if it does. `kinds` is the effective number of classes, the exponential of their entropy, times
the share of samples that are of any. They have collapsed when it is half of what it was when the rate was changed, or
less; `after` counts the snapshots from there to the call, both included. Elsewhere it counts from the beginning.
`false`: snapshots at which anything else was called, or anything before it was to blame. A sound run must also end with
more than half of the kinds that it ever had, else it was none.

Every run adds its row to `--rows`. A row that is there is not made again: remove the file to begin anew. `seconds` are
of processor time.
"""

import argparse
import contextlib
import csv
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

import imaginable as im
from disentanglement import Row, read
from imaginable.core import config, fast
from imaginable.core.types import Batch, Loss, Progress
from imaginable.data import toys
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.methods._method import Method, find
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.train import Report, train

RATE, STRENGTH, FEW = 50, 100, 50
SMALL = {"width": 16, "latents": 32, "batch": 32}
POINTS = {"hidden": 128, "latents": 8, "batch": 64}
COLUMNS = ("scenario", "run", "expected", "right", "after", "false", "snapshots", "kinds", "back", "said", "seconds")
Play = Callable[[Job[Any], Dataset], Iterator[Report]]


@dataclass(frozen=True)
class Trial:
    """fields: of the method, and `batch`. every: images between snapshots, `count` of them."""

    method: str
    data: str
    fields: dict[str, Any]
    every: int
    count: int
    seed: int = 0

    def __str__(self) -> str:
        settings = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return f"{self.method} {self.data} {settings} seed={self.seed} images={self.every * self.count}"

    def job(self, folder: Path) -> Job[Any]:
        fields = dict(self.fields)
        lasting = Training(
            images=self.every * self.count,
            batch=fields.pop("batch"),
            precision="float32",
            half_life=1000,  # the runs are short
            seed=self.seed,
            device="cpu",
            snapshot_every=self.every,
        )
        method: Any = config.from_mapping(find(self.method), fields, self.method)
        return Job(method, options(self.data), lasting, str(folder))


@dataclass(frozen=True)
class Scenario:
    """within: the most snapshots to a call that is right."""

    done: str
    expected: tuple[str, ...]
    play: Play
    trials: tuple[Trial, ...]
    within: int = 20


@dataclass(frozen=True)
class Snapshot:
    seen: int
    names: tuple[str, ...]
    kinds: float


def options(data: str) -> DataOptions:
    if data == "gaussians":
        return DataOptions(data, unlabelled=True)
    return DataOptions(data, size=32, limit=2000 if data == "sneakers" else None)


# ---- what is done to the runs


def soundly(job: Job[Any], dataset: Dataset) -> Iterator[Report]:
    return train(job, dataset=dataset)


def driven(job: Job[Any], dataset: Dataset) -> Iterator[Report]:
    half = dataclasses.replace(job.training, images=job.training.images // 2)
    yield from train(dataclasses.replace(job, training=half), dataset=dataset)
    faster = dataclasses.replace(job.method, lr=RATE * job.method.lr)
    yield from train(dataclasses.replace(job, method=faster), resume=True, dataset=dataset)


def outmatched(job: Job[Any], dataset: Dataset) -> Iterator[Report]:
    rules = job.method.optimizers()
    stronger = dataclasses.replace(rules["discriminator"], lr=STRENGTH * rules["discriminator"].lr)
    with patch.object(type(job.method), "optimizers", lambda method: rules | {"discriminator": stronger}):
        yield from train(job, dataset=dataset)


def on_few(job: Job[Any], dataset: Dataset) -> Iterator[Report]:
    chosen = np.sort(np.random.default_rng(job.training.seed).choice(dataset.train, FEW, replace=False))
    spec = dataclasses.replace(dataset.spec, count=FEW)
    return train(job, dataset=dataclasses.replace(dataset, train=chosen, spec=spec))


def poisoned(job: Job[Any], dataset: Dataset) -> Iterator[Report]:
    """Once in the gradients of each player, a third and two thirds through the run."""
    steps = job.training.images // job.training.batch
    with contextlib.ExitStack() as stack:
        for number, player in enumerate(("discriminator", "generator"), 1):
            stack.enter_context(_without_numbers(type(job.method), player, number * steps // 3))
        yield from train(job, dataset=dataset)


def _without_numbers(method: type[Method[Any]], player: str, step: int) -> Any:
    """The loss stays the number it is, its gradients at this step are NaN; once."""
    name, due = f"{player}_loss", [step]
    untouched = getattr(method, name)

    def loss(self: Any, nets: Any, batch: Batch, progress: Progress) -> Loss:
        found: Loss = untouched(self, nets, batch, progress)
        if progress.step in due:
            due.remove(progress.step)
            found.total.register_hook(lambda gradient: gradient * torch.nan)
        return found

    return patch.object(method, name, loss)


# ---- how they are told


def yardstick(dataset: Dataset) -> Callable[[Tensor], float]:
    """The effective number of classes of items, times the share of items that are of any class."""
    read = on_ring if dataset.spec.kind == "points" else nearest_class(dataset)

    def kinds(x: Tensor) -> float:
        shares = np.bincount(1 + read(torch.nan_to_num(x.flatten(1))))[1:] / len(x)
        total, shares = shares.sum(), shares[shares > 0]
        return float(total * np.exp(-(shares / total * np.log(shares / total)).sum())) if total else 0.0

    return kinds


def on_ring(points: Tensor) -> np.ndarray:
    """Number of the mode within three deviations of which each lies, -1 for none, as in modes.py."""
    angle = 2 * np.pi * np.arange(8) / 8
    distances = np.linalg.norm(points.numpy()[:, None] - np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=2)
    return np.where(distances.min(1) < 3 * toys.DEVIATION, distances.argmin(1), -1)


def nearest_class(dataset: Dataset) -> Callable[[Tensor], np.ndarray]:
    real, labels = dataset.batch(dataset.train).x.flatten(1), dataset.labels[dataset.train]
    if (labels < 0).any():
        labels = KMeans(10, n_init=1, random_state=0).fit_predict(real.numpy())
    return lambda x: labels[torch.cdist(x, real).argmin(1).numpy()]


def watched(reports: Iterator[Report], folder: Path, kinds: Callable[[Tensor], float]) -> list[Snapshot]:
    """Every snapshot that counts: one that was made again after going back replaces the first."""
    snapshots = {}
    for report in reports:
        if report.diagnosis:
            model = im.load(folder)
            samples = model.decode_tensor(model.latents(512, seed=1, prior="plain"))
            names = tuple(finding.name for finding in report.diagnosis.findings or ())
            snapshots[report.seen] = Snapshot(report.seen, names, kinds(samples))
    return list(snapshots.values())


def begins(scenario: Scenario, snapshots: Sequence[Snapshot]) -> int:
    """The first snapshot, from 0, of a run that has the fault; beyond the last where there is none."""
    if scenario.play is not driven:
        return 0 if scenario.expected else len(snapshots)
    sound = len(snapshots) // 2 - 1
    fallen = (n for n, one in enumerate(snapshots) if n > sound and one.kinds <= snapshots[sound].kinds / 2)
    return next(fallen, len(snapshots))


def judged(scenario: Scenario, snapshots: Sequence[Snapshot], went_back: int, kinds: float) -> Row:
    """went_back: how often, by the log. kinds: the data's."""
    begin, expected = begins(scenario, snapshots), set(scenario.expected)
    others = [set(one.names) - (expected if n >= begin else set()) for n, one in enumerate(snapshots)]
    calls = [n for n, one in enumerate(snapshots) if n >= begin and expected & set(one.names)]
    after, false = calls[0] - begin + 1 if calls else None, sum(map(bool, others))
    if expected:
        right = after is not None and after <= scenario.within
    else:
        right = not false and snapshots[-1].kinds > max(one.kinds for one in snapshots) / 2
    if scenario.play is poisoned:
        right &= went_back == 2
    return {
        "expected": " or ".join(scenario.expected) or "healthy",
        "right": "yes" if right else "no",
        "after": str(after or ""),
        "false": str(false),
        "snapshots": str(len(snapshots)),
        "kinds": " ".join(f"{one.kinds:.1f}" for one in snapshots) + f" of {kinds:.1f}",
        "back": str(went_back),
        "said": "; ".join(f"{one.seen}: {', '.join(one.names)}" for one in snapshots if one.names),
    }


SCENARIOS = {
    "collapse": Scenario(
        f"trained soundly, then {RATE} times the rate",
        ("collapsed", "collapsing"),
        driven,
        (
            Trial("gan", "gaussians", POINTS | {"lr": 1e-3}, 4800, 20, 0),
            Trial("lsgan", "gaussians", POINTS | {"lr": 1e-3}, 3200, 20),
            Trial("lsgan", "gaussians", POINTS | {"lr": 1e-3}, 3200, 20, 1),
        ),
        within=2,
    ),
    "won": Scenario(
        f"a discriminator with {STRENGTH} times its rate",
        ("discriminator has won",),
        outmatched,
        tuple(Trial("gan", "digits", POINTS, 1600, 20, seed) for seed in range(3)),
    ),
    "memorising": Scenario(
        f"{FEW} training images",
        ("memorising",),
        on_few,
        tuple(Trial("dcgan", "digits", SMALL, 1600, 14, seed) for seed in range(3)),
    ),
    "gradients": Scenario(
        "NaN in the gradients of each player, once",
        (),
        poisoned,
        (Trial("gan", "gaussians", POINTS | {"lr": 1e-3}, 3200, 20), Trial("dcgan", "digits", SMALL, 1600, 20)),
    ),
    "sound": Scenario(
        "nothing",
        (),
        soundly,
        (
            Trial("gan", "gaussians", POINTS | {"lr": 1e-3}, 9600, 12),
            Trial("dcgan", "digits", SMALL, 3200, 12),
            Trial("dcgan", "sneakers", SMALL, 2400, 12),
            Trial("vae_gan", "digits", {"width": 8, "judge_width": 16, "latents": 16, "batch": 32}, 1600, 12),
            Trial("lsgan", "gaussians", POINTS | {"lr": 1e-3}, 6400, 12),
            Trial("wgan_gp", "gaussians", POINTS | {"lr": 1e-3}, 9600, 12),
        ),
    ),
}


def run(name: str, trial: Trial, folder: Path) -> Row:
    scenario, started = SCENARIOS[name], time.process_time()
    job, dataset = trial.job(folder), prepare(options(trial.data))
    kinds = yardstick(dataset)
    snapshots = watched(scenario.play(job, dataset), folder, kinds)
    went_back = sum("back to image" in line.get("health", "") for line in Run(folder).lines())
    found = judged(scenario, snapshots, went_back, kinds(dataset.batch(dataset.held_out).x))
    seconds = f"{time.process_time() - started:.0f}"
    return {"scenario": name, "run": str(trial), **found, "seconds": seconds}


def append(rows: Path, row: Row) -> None:
    rows.parent.mkdir(parents=True, exist_ok=True)
    new = not rows.exists()
    with rows.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
    print("  ".join(f"{column} {row[column]}" for column in COLUMNS if row[column]), flush=True)


def table(rows: Sequence[Row]) -> str:
    """Markdown, a line for every scenario."""
    head = ("scenario", "what was done", "right", "after, snapshots", "false alarms", "seconds")
    lines = [head, ("---",) * len(head)]
    for name, scenario in SCENARIOS.items():
        trials = set(map(str, scenario.trials))
        if not (found := [row for row in rows if row["scenario"] == name and row["run"] in trials]):
            continue
        right, n = sum(row["right"] == "yes" for row in found), len(found)
        false, of = (sum(int(row[column]) for row in found) for column in ("false", "snapshots"))
        after = ", ".join(row["after"] or "-" for row in found) if scenario.expected else ""
        seconds = sum(int(row["seconds"]) for row in found)
        lines.append((name, scenario.done, f"{right} of {n}", after, f"{false} of {of}", str(seconds)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--rows", type=Path, default=Path("runs/health.csv"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    fast.tune_process()
    for name in chosen.only:
        for trial in SCENARIOS[name].trials:
            if any((row["scenario"], row["run"]) == (name, str(trial)) for row in read(chosen.rows)):
                print(f"there already: {name} {trial}")
                continue
            with TemporaryDirectory() as folder:
                append(chosen.rows, run(name, trial, Path(folder) / "run"))
    print(table(read(chosen.rows)))


if __name__ == "__main__":
    main()
