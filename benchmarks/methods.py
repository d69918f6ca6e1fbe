"""Methods on the same data, each trained for the same time on one thread and measured alike.

    python benchmarks/methods.py DATA [--methods dcgan r3gan] [--seeds 3] [--budget 10m] [--size 32]
    python benchmarks/methods.py --table

What each is trained with beside its defaults is in SETTINGS. Every model is measured by `imaginable evaluate` on at
most 5,000 held-out items, and as many samples: of their classes, if the method is told classes. The budget contains
the start, the timing, snapshots and checkpoints; `seconds` are the training's alone, `images` those it saw.

A model adds its row to `--rows` as soon as it is measured. A row that is there is not made again, and a training that
was cut off goes on from its checkpoint in `--runs`. Two may run at once, each bound to a core of its own.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from imaginable.apps.evaluate import evaluate
from imaginable.apps.train import execute, seconds_of
from imaginable.core import config, fast
from imaginable.data.dataset import DataOptions
from imaginable.methods._method import find
from imaginable.training import job as jobs
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from rows import Row, append, own, read, seconds, spread, there

SETTINGS: dict[str, dict[str, Any]] = {
    "r3gan": {"preset": "small", "gamma": 10.0, "lr": 1e-3, "penalty_every": 4, "batch": 32},
    "wgan_gp": {"critic_steps": 1, "lr": 4e-4, "beta2": 0.99},
    "sngan": {"preset": "small", "width": 16, "critic_steps": 3, "lr": 5e-4, "batch": 16},
    "biggan": {"preset": "small", "width": 8, "generator_lr": 5e-4, "discriminator_lr": 1e-3, "batch": 16},
    "sagan": {
        "preset": "small",
        "width": 32,
        "generator_lr": 2.5e-4,
        "discriminator_lr": 1e-3,
        "beta2": 0.999,
        "batch": 16,
    },
}
"""beside each method's defaults: its fields, those of `Training`, and `preset`"""

KEY = ("data", "size", "budget", "method", "settings", "seed")
SCORES = ("fd", "kd", "precision", "recall", "density", "coverage", "class_divergence", "sharpness", "copies", "mse")
COLUMNS = (*KEY, "images", "seconds", "n", *(name for score in SCORES for name in (score, f"{score}_error")))


def compare(options: argparse.Namespace) -> None:
    """Every method with every seed, a row each; one seed of all methods comes before the next."""
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in options.methods:
            fields = SETTINGS.get(name, {}) | own(options.own, name)
            settings = " ".join(f"{field}={value}" for field, value in fields.items())
            values = (Path(options.data).stem, options.size, options.budget, name, settings, seed)
            key = dict(zip(KEY, map(str, values), strict=True))
            if there(options.rows, key):
                continue
            run = Run(options.runs / "-".join(key.values()).replace(" ", "-"))
            train(run, name, fields, options, seed)
            append(options.rows, key | measured(run, options.data), COLUMNS)


def train(run: Run, name: str, fields: dict[str, Any], options: argparse.Namespace, seed: int) -> None:
    """Begins the run, or goes on with it, or finds it finished."""
    started, fields = time.monotonic(), dict(fields)
    fields = find(name).presets.get(fields.pop("preset", "base"), {}) | fields
    lasting = {field: fields.pop(field) for field in ("batch", "half_life") if field in fields}
    method: Any = config.from_mapping(find(name), fields, name)
    if run.job.exists():
        interrupted = execute(jobs.load(run.job), resume=True, inexact=True)
    else:
        job = Job(method, DataOptions(options.data, size=options.size), Training(seed=seed, **lasting), str(run.folder))
        interrupted = execute(job, budget=seconds_of(options.budget), started=started)
    if interrupted:
        raise SystemExit("the same command goes on from here")


def measured(run: Run, data: str) -> Row:
    found = evaluate(run.folder, data)
    row = {"images": str(run.lines()[-1]["seen"]), "seconds": f"{seconds(run):.0f}", "n": str(found["on"]["n"])}
    for score in SCORES:
        figure = found["measured"].get(score, {})
        for column, part in ((score, "value"), (f"{score}_error", "error")):
            row[column] = f"{figure[part]:.4g}" if figure.get(part) is not None else ""
    return row


def table(rows: Sequence[Row]) -> str:
    """Markdown, the best Fréchet distance first: of one seed ± the figure's own standard error, of several the means
    ± the deviation over seeds."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in KEY if column != "seed")].append(row)
    head = ("data", "px", "budget", "method", "settings", "seeds", "images", *SCORES)
    lines = []
    for key, group in groups.items():
        seen = round(sum(float(row["images"]) for row in group) / len(group))
        cells = (*key, str(len(group)), f"{seen:,}", *(cell(group, score) for score in SCORES))
        lines.append((sum(float(row["fd"] or "nan") for row in group) / len(group), cells))
    ordered = [cells for _, cells in sorted(lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ("---",) * len(head), *ordered])


def cell(group: Sequence[Row], score: str) -> str:
    values = [float(row[score]) for row in group if row[score]]
    if len(values) == 1 and group[0][f"{score}_error"]:
        return f"{values[0]:.3g} ± {float(group[0][f'{score}_error']):.2g}"
    return spread(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--methods", nargs="+", default=["dcgan"], metavar="METHOD")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--own", nargs="+", default=[], metavar="METHOD.FIELD=VALUE")
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    fast.tune_process()
    if options.data:
        compare(options)
    elif not options.table:
        parser.error("name the data, or ask for the --table")
    if options.table:
        print(table(read(options.rows)))


if __name__ == "__main__":
    main()
