"""Likelihoods of runs side by side, and their differences item by item.

    imaginable train vae mnist.npz --output bernoulli --binarise --colour grey ... --run runs/a
    imaginable evaluate runs/a mnist.npz --likelihood --samples 1000
    python benchmarks/likelihood.py runs/a runs/b ... --rows benchmarks/likelihood.csv

Reads what `evaluate` left in each run. A difference between two runs is that of the same items, so its standard error
is far below that of either. Adds a row for each run to `--rows`, unless it is there already.
"""

import argparse
import csv
import json
import math
from pathlib import Path

import numpy as np

from imaginable.core import config
from imaginable.methods._method import name_of
from imaginable.training import job as jobs
from imaginable.training.run import Run

COLUMNS = ("run", "method", "settings", "images", "seconds", "n", "k", "elbo", "elbo_error", "bound", "bound_error")


def row(run: Run) -> dict[str, str]:
    job, found = jobs.load(run.job), json.loads((run.folder / "evaluation.json").read_text())["likelihood"]
    plain = config.to_mapping(type(job.method)())
    own = {key: value for key, value in config.to_mapping(job.method).items() if value != plain[key]}
    settings = " ".join(f"{key}={value}" for key, value in (own | {"batch": job.training.batch}).items())
    last = run.lines()[-1]
    values = (
        run.folder.name,
        name_of(job.method),
        settings,
        str(last["seen"]),
        f"{last['seconds']:.0f}",
        str(found["n"]),
        str(found["samples"]),
        *(f"{found[key]:.3f}" for key in ("elbo", "elbo_error", "bound", "bound_error")),
    )
    return dict(zip(COLUMNS, values, strict=True))


def difference(first: Run, second: Run) -> str:
    """Mean of the second's bound less the first's over the same items, with its standard error."""
    one, two = (np.load(run.folder / "likelihood.npz") for run in (first, second))
    if list(one["names"]) != list(two["names"]):
        return "measured on other items"
    gap = two["bound"] - one["bound"]
    return f"{gap.mean():+.3f} ± {gap.std(ddof=1) / math.sqrt(len(gap)):.3f} nats (n = {len(gap):,})"


def append(path: Path, new: dict[str, str]) -> None:
    there = list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []
    if new in there:
        return
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not there:
            writer.writeheader()
        writer.writerow(new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--rows", type=Path)
    options = parser.parse_args()
    runs = [Run(folder) for folder in options.runs]
    print(f"| {' | '.join(COLUMNS)} | images/s |\n|{'---|' * (len(COLUMNS) + 1)}")
    for run in runs:
        values = row(run)
        print(f"| {' | '.join(values.values())} | {int(values['images']) / float(values['seconds']):,.0f} |")
        if options.rows:
            append(options.rows, values)
    for run in runs[1:]:
        print(f"{run.folder.name} less {runs[0].folder.name}: {difference(runs[0], run)}")


if __name__ == "__main__":
    main()
