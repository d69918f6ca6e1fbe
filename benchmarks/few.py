"""A GAN on few pictures, with and without augmentation: equal images, held-out pictures, another model's features.

    python benchmarks/few.py SHOES --like CLOTHING [--method sngan] [--images 60000] [--seeds 2]

SHOES is split into pictures to train on and held out. Samples and held-out pictures are compared by the features
of a classifier trained on CLOTHING, a larger set of such pictures with classes. The kernel distance is from ten samples
for every held-out picture; precision and coverage depend on the number of samples, so they are means over ten sets as
large as the held-out one, with the mean of their own errors. `copies` is the share of samples closer to a training
picture than all but a fiftieth of the held-out ones are; `grip` the share of training and of held-out pictures that at
the end the discriminator puts above the middle between the means of real and made ones.

A row is added to `--rows` as soon as it is measured. A row that is there is not made again, and a training that was cut
off goes on from its checkpoint in `--runs`.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch

import imaginable as im
from imaginable.apps import _features
from imaginable.apps._features import Extractor
from imaginable.apps.train import execute
from imaginable.core import config, fast
from imaginable.data import images
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.methods._method import find
from imaginable.metrics.kernel import kernel_distance
from imaginable.metrics.manifold import manifold
from imaginable.metrics.neighbours import copies, nearest
from imaginable.training import job as jobs
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from rows import Row, append, own, seconds, there

KEY = ("method", "settings", "images", "augment", "seed")
SCORES = ("kd", "precision", "coverage", "copies")
COLUMNS = (
    *KEY,
    "n",
    *(name for score in SCORES for name in (score, f"{score}_error")),
    "strength",
    "grip_training",
    "grip_held_out",
    "seconds",
)
SETS = 10


def trial(augment: str, seed: int, options: argparse.Namespace, extractor: Extractor, data: Dataset) -> None:
    key = dict(zip(KEY, (options.method, " ".join(options.own), str(options.images), augment, str(seed)), strict=True))
    if there(options.rows, key):
        return
    run = Run(options.runs / "-".join(key.values()).replace(" ", "-"))
    train(run, augment, seed, options)
    append(options.rows, key | measured(run, seed, extractor, data), COLUMNS)


def train(run: Run, augment: str, seed: int, options: argparse.Namespace) -> None:
    """Begins the run, or goes on with it, or finds it finished."""
    kind, name = find(options.method), options.method
    fields = dict(kind.presets.get("small", {})) | own([f"{name}.{one}" for one in options.own], name)
    batch = int(fields.pop("batch", 16))
    if run.job.exists():
        job = jobs.load(run.job)
    else:
        method: Any = config.from_mapping(kind, fields | {"augment": augment}, name)
        training = Training(images=options.images, batch=batch, seed=seed, snapshot_every=options.images // 10)
        job = Job(method, source(options.data, options.size), training, str(run.folder))
    if execute(job, resume=run.job.exists(), inexact=run.job.exists()):
        raise SystemExit("the same command goes on from here")


def source(path: str, size: int) -> DataOptions:
    return DataOptions(path, size=size, flip=True)


def measured(run: Run, seed: int, extractor: Extractor, data: Dataset) -> Row:
    model = im.load(run.folder)
    held_out, training = (
        extractor.features(images.to_uint8(data.batch(index).x)) for index in (data.held_out, data.train)
    )
    n = len(held_out)
    made = model.decode_tensor(model.latents(SETS * n, seed))
    samples = extractor.features(images.to_uint8(made))
    sets = [manifold(held_out, part) for part in np.split(samples, SETS)]
    row = {"n": str(n), "seconds": f"{seconds(run):.0f}"}
    kd = kernel_distance(held_out, samples)
    copied = copies(nearest(samples, training)[0], nearest(held_out, training)[0], share=0.02)
    for name, value, error in (
        ("kd", kd.value, kd.error),
        ("precision", *means([one.precision for one in sets])),
        ("coverage", *means([one.coverage for one in sets])),
        ("copies", copied.value, copied.error),
    ):
        row[name], row[f"{name}_error"] = f"{value:.4g}", f"{error:.4g}"
    game = next(line["vitals"]["game"] for line in reversed(run.lines()) if "game" in line.get("vitals", {}))
    row["grip_training"], row["grip_held_out"] = (f"{game[f'called_{of}']:.3g}" for of in ("training", "held_out"))
    strengths = [line["strength"] for line in run.lines() if "strength" in line]
    row["strength"] = f"{max(strengths):.3g}" if strengths else ""
    return row


def means(scores: list[Any]) -> tuple[float, float]:
    return statistics.mean(one.value for one in scores), statistics.mean(one.error for one in scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--like", required=True)
    parser.add_argument("--method", default="sngan")
    parser.add_argument("--own", nargs="+", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--augments", nargs="+", default=["none", "adaptive"])
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--runs", type=Path, default=Path("runs/few"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    fast.tune_process()
    like = source(options.like, options.size)
    extractor = _features.choose("classifier", like, prepare(like), None, print)
    print(extractor.said)
    data = prepare(source(options.data, options.size))
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for augment in options.augments:
            trial(augment, seed, options, extractor, data)


if __name__ == "__main__":
    main()
