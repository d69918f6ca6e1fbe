"""How many of the data's modes a GAN makes, where they can be counted.

    python benchmarks/modes.py points --seeds 3 [--methods gan lsgan wgan wgan_gp r3gan]
    python benchmarks/modes.py stacked --seeds 3 [--methods dcgan wgan_gp r3gan]
    python benchmarks/modes.py table

points: the built-in gaussians-grid, 25 Gaussians of deviation 0.05, 1 apart (20 deviations; Srivastava et al. 2017,
arXiv:1705.07761, and most after them take 2 apart: 40). A sample is on a mode if it lies within three deviations of it.
Of 25,000 samples, a mode is hit by at least 100, a tenth of its share (`modes`). `touched`: hit by at least one of the
first 2,500, the papers' count. `share`: samples on a mode; data 0.989. `width`: the root mean square distance of these
from their modes over that of data, 1 = as wide. `kl`: of the hit counts to the uniform distribution, nats.

stacked: the built-in stacked-digits, 1,000 triples of digits (Metz et al. 2017, arXiv:1611.02163). A classifier of
single digits, trained here on `digits`, reads the channels of 25,600 samples. It names a digit in anything, so what it
is not certain of does not count. `certain`: channels whose digit has a probability of 0.9 or more. `share`: samples all
of whose three channels are certain; only these are counted. `modes` and `touched`: triples read at least once. `kl`: of
their counts to the uniform distribution, nats; 0.02 for data, as so few samples are counted. Certainty is not quality:
look at the samples as well.

Every method sees as many real items (`images`; the batches of further critic steps count), unless METHODS says
otherwise, and is told no classes. Rows `real` are the data itself. The averaged generator is judged; one thread.
`seconds`: the training's, by the clock on the wall. `processor`: the processor's, of everything from reading the data
to the run's report, so that a busy machine does not count; blank where a run was cut off. Methods that this version
lacks are skipped.

A model adds its row to `--rows` as soon as it is measured. A row that is there is not made again, and a training that
was cut off goes on from its checkpoint in `--runs`. `--own METHOD.FIELD=VALUE` sets a field for a trial.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import imaginable as im
from imaginable import methods
from imaginable.apps.train import execute
from imaginable.core import config, fast
from imaginable.data import toys
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.methods import _storage
from imaginable.methods._classifier import Classifier
from imaginable.methods._method import find
from imaginable.model import Model
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.train import train
from rows import Row, append, own, read, seconds, spread, there

SMALL = {"images": 2_500_000, "batch": 256, "half_life": 100_000, "latents": 8, "hidden": 128, "layers": 3}
PICTURES = {"images": 60_000, "batch": 32}
METHODS: dict[str, dict[str, dict[str, Any]]] = {
    "points": {
        # gan, lsgan: one trial each at this rate, of seed 0. wgan: not tried; ten times its own rate and clip, as such
        # small networks need larger weights for any slope
        "gan": SMALL | {"lr": 1e-3},
        "lsgan": SMALL | {"lr": 1e-3},
        "wgan": SMALL | {"batch": 128, "lr": 5e-4, "clip": 0.1},
        # chosen by five trials of seed 0 (docs/methods/wgan_gp.md); one critic step, so that G makes more of them
        "wgan_gp": SMALL
        | {"batch": 128, "penalty": 0.1, "critic_steps": 1, "lr": 2e-3, "beta2": 0.99, "decay_from": 0.2},
        # chosen by four trials of seed 0 (docs/methods/r3gan.md)
        "r3gan": SMALL | {"lr": 1e-3, "gamma": 0.02},
    },
    # half the usual batch, for twice as many steps; the settings were not compared with others
    "stacked": {
        "dcgan": PICTURES | {"width": 32},
        "wgan_gp": PICTURES | {"width": 32, "critic_steps": 2, "lr": 5e-4, "beta2": 0.99, "decay_from": 0.5},
        "r3gan": PICTURES | {"width": 16, "gamma": 10.0, "penalty_every": 4, "lr": 1e-3},
    },
}
"""What each is trained with, beside its defaults: its fields, `batch`, and `images` unless --images is given."""

DATA = {"points": DataOptions("gaussians-grid", unlabelled=True), "stacked": DataOptions("stacked-digits", size=32)}
SAMPLES = {"points": 25_000, "stacked": 25_600}
PRECISION = {"points": "float32", "stacked": "auto"}
CERTAIN = 0.9
"""probability from which a channel counts as read"""
JUDGE = Training(images=40_000, batch=100, precision="float32", device="cpu", snapshot_every=40_000)

WIDTH = toys.DEVIATION * np.sqrt(2 - 9 * np.exp(-4.5) / (1 - np.exp(-4.5)))
"""of the data: the root of E [ r² | r < 3 deviations ], in closed form, as r² is exponentially distributed"""

KEY = ("what", "method", "settings", "seed", "images")
FIGURES = ("modes", "touched", "certain", "share", "width", "kl")
TIMES = ("seconds", "processor")
COLUMNS = (*KEY, "n", *FIGURES, *TIMES)
Judge = Callable[[Tensor], Row]


def compare(options: argparse.Namespace) -> None:
    """The data itself, then every method with every seed; one seed of all methods comes before the next."""
    what, rows = options.what, options.rows
    judge = points_judge() if what == "points" else stacked_judge(options.runs / "judge")
    data = key(what, "real", {}, 0, 0)
    if not there(rows, data):
        append(rows, data | judge(real(what)), COLUMNS)
    for seed in range(options.seeds):
        for name in options.methods or METHODS[what]:
            if name not in methods.names():
                print(f"{name}: no such method in this version, skipped")
                continue
            fields = dict(METHODS[what].get(name, {})) | own(options.own, name)
            usual = fields.pop("images", None)
            images = options.images or usual
            if images is None:
                raise SystemExit(f"{what}: --images is needed for {name}")
            named = key(what, name, fields, seed, images)
            if not there(rows, named):
                run = Run(options.runs / "-".join(named.values()).replace(" ", "-"))
                append(rows, named | trained(run, named, fields, judge), COLUMNS)


def key(what: str, name: str, fields: dict[str, Any], seed: int, images: int) -> Row:
    settings = " ".join(f"{field}={value}" for field, value in fields.items())
    return dict(zip(KEY, map(str, (what, name, settings, seed, images)), strict=True))


def trained(run: Run, named: Row, fields: dict[str, Any], judge: Judge) -> Row:
    """Begins the run, goes on with it, or finds it finished; and what its samples are."""
    what, images = named["what"], int(named["images"])
    fields = dict(fields)
    lasting = Training(
        images=images,
        batch=fields.pop("batch", Training.batch),
        half_life=fields.pop("half_life", Training.half_life),
        precision=PRECISION[what],  # type: ignore[arg-type]
        seed=int(named["seed"]),
        device="cpu",
        snapshot_every=images,  # sample sheets are not looked at here
    )
    method: Any = config.from_mapping(find(named["method"]), fields, named["method"])
    begun, started = run.job.exists(), time.process_time()
    if execute(Job(method, DATA[what], lasting, str(run.folder)), resume=begun, inexact=True):
        raise SystemExit("the same command goes on from here")
    spent = time.process_time() - started
    times = {"seconds": f"{seconds(run):.0f}", "processor": "" if begun else f"{spent:.0f}"}
    return judge(samples(im.load(run.folder), SAMPLES[what])) | times


def samples(model: Model, n: int) -> Tensor:
    return model.decode_tensor(model.latents(n, seed=0, prior="plain"))


def real(what: str) -> Tensor:
    """As many items of the data itself as samples are judged."""
    if what == "points":
        return torch.from_numpy(toys.grid(SAMPLES[what], seed=1)[0])
    data = prepare(DataOptions("stacked-digits", size=32, limit=SAMPLES[what]))
    return data.batch(np.arange(SAMPLES[what])).x


def points_judge() -> Judge:
    centres = np.array([(x, y) for x in range(-2, 3) for y in range(-2, 3)], dtype=float)

    def judge(points: Tensor) -> Row:
        distances = np.linalg.norm(points.numpy()[:, None] - centres, axis=2)
        nearest, mode = distances.min(1), distances.argmin(1)
        on = nearest < 3 * toys.DEVIATION
        counts = np.bincount(mode[on], minlength=25)
        touched = np.unique(mode[:2500][on[:2500]])
        width = np.sqrt(np.square(nearest[on]).mean()) / WIDTH if on.any() else np.nan
        return {
            "n": str(len(points)),
            "modes": str(np.sum(counts >= len(points) / 250)),
            "touched": str(len(touched)),
            "share": f"{on.mean():.4f}",
            "width": f"{width:.3f}",
            "kl": f"{to_uniform(counts):.4f}",
        }

    return judge


def stacked_judge(folder: Path) -> Judge:
    """Trains the classifier of single digits where it is not there yet."""
    run, options = Run(folder), DataOptions("digits", size=32)
    data = prepare(options)
    job = Job(Classifier(), options, JUDGE, str(folder))
    for _ in train(job, resume=run.job.exists(), inexact=True, dataset=data):
        pass
    network = _storage.load(run.model, Classifier).networks.classifier  # type: ignore[union-attr]
    digit = torch.tensor([int(name) for name in data.spec.classes])

    @torch.no_grad()
    def digits(x: Tensor) -> tuple[Tensor, Tensor]:
        """The digit of every picture and its probability, (n,) each."""
        chances = torch.cat([network(part).softmax(1) for part in x.split(500)])  # type: ignore[operator]
        chance, place = chances.max(1)
        return digit[place], chance

    held_out = data.batch(data.held_out)
    right = (digits(held_out.x)[0] == digit[held_out.label]).float().mean()
    print(f"the classifier of single digits is right on {right:.1%} of {len(held_out)} held-out ones")

    def judge(x: Tensor) -> Row:
        digit, chance = digits(x.reshape(-1, 1, *x.shape[2:]))
        return count_triples(digit.reshape(-1, 3), chance.reshape(-1, 3))

    return judge


def count_triples(digit: Tensor, chance: Tensor) -> Row:
    """From the digits of the channels and their probabilities, (n, 3) each."""
    certain = chance >= CERTAIN
    whole = certain.all(1)
    counts = np.bincount((digit[whole] @ torch.tensor([100, 10, 1])).numpy(), minlength=1000)
    read = str(np.count_nonzero(counts))
    return {
        "n": str(len(digit)),
        "modes": read,
        "touched": read,
        "certain": f"{certain.float().mean():.4f}",
        "share": f"{whole.float().mean():.4f}",
        "kl": f"{to_uniform(counts):.4f}",
    }


def to_uniform(counts: np.ndarray) -> float:
    """KL divergence of the shares to the uniform distribution, nats; log(number of modes) at most."""
    if not counts.sum():
        return float("nan")
    shares = counts[counts > 0] / counts.sum()
    return float((shares * np.log(shares * len(counts))).sum())


def table(rows: Sequence[Row]) -> str:
    """Markdown: means ± standard deviations over seeds."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in KEY if column != "seed")].append(row)
    figures = (*FIGURES, *TIMES)
    head = ("data", "method", "settings", "images", "seeds", "n", *figures)
    lines = [head, ("---",) * len(head)]
    for named, group in groups.items():
        columns = [[float(row[figure]) for row in group if row[figure]] for figure in figures]
        lines.append((*named, str(len(group)), group[0]["n"], *map(spread, columns)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("points", "stacked", "table"))
    known = sorted({name for settings in METHODS.values() for name in settings})
    parser.add_argument("--methods", nargs="+", metavar="METHOD", choices=known, help=", ".join(known))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, help="real items seen by each; by default METHODS'")
    parser.add_argument("--own", nargs="+", default=[], metavar="METHOD.FIELD=VALUE")
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--runs", type=Path, default=Path("runs/modes"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    fast.tune_process()
    if options.what == "table":
        print(table(read(options.rows)))
    else:
        compare(options)


if __name__ == "__main__":
    main()
