"""How often what the health of GANs calls is right, on real runs: short ones, of built-in data, on one core.

    python benchmarks/health.py [--only collapse won memorising gradients sound]

collapse: trained soundly for half of the run; then 50 times the learning rate, from the same checkpoint, as
`imaginable resume` would go on. won: the discriminator has 100 times its learning rate, the generator keeps its own.
memorising: `--limit 50`, of which some are held out as always. gradients: those of each player are made NaN once; the
log must say twice that the run went back, and the run must end sound. sound: nothing is done, nothing may be called.

Whether samples have collapsed is also told by what health does not use: of 512 samples of every snapshot, a picture is
read as the class of the nearest training item, a point as the mode on which it lies, if it does. `kinds` is the
effective number of classes, the exponential of their entropy, times the share of samples that are of any. They have
collapsed when it is half of what it was when the rate was changed, or less; `after` counts the snapshots from there
(elsewhere: from the beginning) to the call, both included. `false`: snapshots at which anything else was called, or too
early. A sound run must also keep half of the kinds it ever had, if it had one. `seconds` are of processor time.
"""

import argparse
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
from torch import Tensor

import imaginable as im
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
FAST_POINTS = POINTS | {"lr": 1e-3}
SMALL_VAE_GAN = {"width": 8, "judge_width": 16, "latents": 16, "batch": 32}
SMALL_SNGAN = {"width": 8, "latents": 32, "batch": 32}
Row = dict[str, str]
Snapshots = dict[int, tuple[set[str], float]]
"""images seen, to what is called and the kinds"""
Play = Callable[[Job[Any], Dataset], Iterator[Report]]


@dataclass(frozen=True)
class Trial:
    """fields: of the method, and `batch`. every: images between snapshots, `count` of them. limit: of the data."""

    method: str
    data: str
    fields: dict[str, Any]
    every: int
    count: int
    seed: int = 0
    limit: int | None = None

    def __str__(self) -> str:
        settings = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return f"{self.method} {self.data} {settings} seed={self.seed} images={self.every * self.count}"

    def job(self, folder: Path) -> Job[Any]:
        fields = dict(self.fields)
        images, batch = self.every * self.count, fields.pop("batch")
        lasting = Training(images=images, batch=batch, seed=self.seed, snapshot_every=self.every, device="cpu")
        lasting = dataclasses.replace(lasting, precision="float32", half_life=1000)  # the runs are short
        points = self.data == "gaussians"
        data = DataOptions(self.data, size=None if points else 32, limit=self.limit, unlabelled=points)
        return Job(config.from_mapping(find(self.method), fields, self.method), data, lasting, str(folder))


@dataclass(frozen=True)
class Scenario:
    """within: the most snapshots to a call that is right."""

    done: str
    expected: set[str]
    play: Play
    trials: tuple[Trial, ...]
    within: int = 20


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


def poisoned(job: Job[Any], dataset: Dataset) -> Iterator[Report]:
    """Once in the gradients of each player, a third and two thirds through the run."""
    steps = job.training.images // job.training.batch
    method = type(job.method)
    with _no_numbers(method, "discriminator", steps // 3), _no_numbers(method, "generator", 2 * steps // 3):
        yield from train(job, dataset=dataset)


def _no_numbers(method: type[Method[Any]], player: str, step: int) -> Any:
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


GAN, LSGAN = ("gan", "gaussians", FAST_POINTS), ("lsgan", "gaussians", FAST_POINTS)
DCGAN = ("dcgan", "digits", SMALL)
SOUND = (
    *(Trial(*GAN, 9600, 12), Trial(*LSGAN, 6400, 12), Trial("wgan_gp", "gaussians", FAST_POINTS, 9600, 12)),
    Trial(*DCGAN, 2400, 10),
    Trial("vae_gan", "digits", SMALL_VAE_GAN, 1600, 10),
    Trial("sngan", "digits", SMALL_SNGAN, 2400, 10),
)
FEWER = tuple(Trial(*DCGAN, 1600, 13, seed, FEW) for seed in range(2))
OUTMATCHED = tuple(Trial("gan", "digits", POINTS, 1600, 10, seed) for seed in range(3))
DRIVEN = (Trial(*GAN, 4800, 20), Trial(*LSGAN, 3200, 20), Trial(*LSGAN, 3200, 20, seed=1))
POISONED = (Trial(*GAN, 3200, 20), Trial(*DCGAN, 1600, 10))
LOST, WON = {"collapsed", "collapsing"}, {"discriminator has won"}
SCENARIOS = {
    "collapse": Scenario(f"trained soundly, then {RATE} times the rate", LOST, driven, DRIVEN, within=2),
    "won": Scenario(f"a discriminator with {STRENGTH} times its rate", WON, outmatched, OUTMATCHED),
    "memorising": Scenario(f"{FEW} images in all", {"memorising"}, soundly, FEWER),
    "gradients": Scenario("NaN in the gradients of each player, once", set(), poisoned, POISONED),
    "sound": Scenario("nothing", set(), soundly, SOUND),
}


# ---- how they are told


def yardstick(dataset: Dataset) -> Callable[[Tensor], float]:
    """The effective number of classes of items, times the share of items that are of any class."""
    real, labels = dataset.batch(dataset.train).x.flatten(1), dataset.labels[dataset.train]

    def kinds(x: Tensor) -> float:
        x = torch.nan_to_num(x.flatten(1))
        read = on_ring(x) if dataset.spec.kind == "points" else labels[torch.cdist(x, real).argmin(1).numpy()]
        shares = np.bincount(1 + read)[1:] / len(x)
        total, shares = shares.sum(), shares[shares > 0]
        return float(total * np.exp(-(shares / total * np.log(shares / total)).sum())) if total else 0.0

    return kinds


def on_ring(points: Tensor) -> np.ndarray:
    """Number of the mode within three deviations of which each lies, -1 for none, as in modes.py."""
    angle = 2 * np.pi * np.arange(8) / 8
    distances = np.linalg.norm(points.numpy()[:, None] - np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=2)
    return np.where(distances.min(1) < 3 * toys.DEVIATION, distances.argmin(1), -1)


def watched(reports: Iterator[Report], folder: Path, kinds: Callable[[Tensor], float]) -> Snapshots:
    """One that was made again after going back replaces the first."""
    snapshots = {}
    for report in reports:
        if report.diagnosis:
            model = im.load(folder)
            samples = model.decode_tensor(model.latents(512, seed=1, prior="plain"))
            names = {finding.name for finding in report.diagnosis.findings or ()}
            snapshots[report.seen] = (names, kinds(samples))
    return snapshots


def begins(scenario: Scenario, kinds: Sequence[float]) -> int:
    """The first snapshot, from 0, of a run that has the fault; beyond the last where there is none."""
    if scenario.play is not driven:
        return 0 if scenario.expected else len(kinds)
    sound = len(kinds) // 2 - 1
    return next((n for n in range(sound + 1, len(kinds)) if kinds[n] <= kinds[sound] / 2), len(kinds))


def run(scenario: Scenario, trial: Trial, folder: Path) -> Row:
    started, job = time.process_time(), trial.job(folder)
    dataset = prepare(job.data)
    snapshots = watched(scenario.play(job, dataset), folder, yardstick(dataset))
    said, kinds = [names for names, _ in snapshots.values()], [kinds for _, kinds in snapshots.values()]
    begin, expected = begins(scenario, kinds), scenario.expected
    false = sum(bool(names - expected if n >= begin else names) for n, names in enumerate(said))
    calls = [n for n, names in enumerate(said) if n >= begin and expected & names]
    after = calls[0] - begin + 1 if calls else None
    kept = max(kinds) < 1 or kinds[-1] > max(kinds) / 2
    right = after is not None and after <= scenario.within if expected else kept and not false
    went_back = sum("back to image" in entry.get("health", "") for entry in Run(folder).lines())
    return {
        "run": str(trial),
        "right": "yes" if right and (scenario.play is not poisoned or went_back == 2) else "no",
        "after": str(after or "-") if expected else "",
        "false": str(false),
        "snapshots": str(len(snapshots)),
        "kinds": " ".join(f"{kind:.1f}" for kind in kinds),
        "back": str(went_back),
        "said": "; ".join(f"{seen}: {', '.join(names)}" for seen, (names, _) in snapshots.items() if names),
        "seconds": f"{time.process_time() - started:.0f}",
    }


def line(name: str, rows: Sequence[Row]) -> str:
    """Markdown."""
    right = f"{sum(row['right'] == 'yes' for row in rows)} of {len(rows)}"
    false, snapshots, seconds = (sum(int(row[key]) for row in rows) for key in ("false", "snapshots", "seconds"))
    after = ", ".join(row["after"] for row in rows if row["after"])
    return f"| {name} | {SCENARIOS[name].done} | {right} | {after} | {false} of {snapshots} | {seconds} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    torch.set_num_threads(1)
    fast.tune_process()
    lines = ["| scenario | what was done | right | after, snapshots | false alarms | seconds |", "| --- " * 6 + "|"]
    for name in parser.parse_args().only:
        rows = []
        for trial in SCENARIOS[name].trials:
            with TemporaryDirectory() as folder:
                rows.append(run(SCENARIOS[name], trial, Path(folder) / "run"))
            print(name, *(f" {column} {value}" for column, value in rows[-1].items() if value), flush=True)
        lines.append(line(name, rows))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
