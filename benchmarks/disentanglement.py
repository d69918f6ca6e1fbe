"""Disentanglement of trained models on data whose factors are known.

    python benchmarks/disentanglement.py DATA --methods vae beta_vae beta_tc_vae --seeds 3 --images N
    python benchmarks/disentanglement.py --table

DATA is `sneakers`, or a folder or zip with a factors.csv. Trains every method with seeds 0, 1, ..., all at the same
size, latents and width; `--own beta_vae.beta=8` sets a field of one method. Scores (metrics/disentanglement.py) are
of the posterior means of all items with a known factor, training items included: n in the table. A factor_vae of
1 / factors is guessing. mse: on the held-out items, values in [0, 1]. kl: nats per held-out item, blank for methods
without. seconds: the training alone.

Each model adds its row to `--rows` as soon as it is measured. A row that is there is not made again, and a training
that was cut off goes on from its checkpoint in `--runs`.
"""

import argparse
import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import imaginable as im
from imaginable.apps.train import execute
from imaginable.core import config, fast
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.methods._method import Method, Vitals, find
from imaginable.metrics.disentanglement import dci, factor_vae_score, mutual_information_gap
from imaginable.model import Model
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from rows import Row, append, own, read, seconds, spread, there

KEY = ("data", "size", "method", "settings", "seed", "images")
SCORES = ("mig", "dci_d", "dci_c", "dci_i", "factor_vae")
COLUMNS = (*KEY, "n", "mig", "mig_error", *SCORES[1:], "mse", "kl", "seconds")


def compare(options: argparse.Namespace) -> None:
    """Every method with every seed, a row each; one seed of all methods comes before the next."""
    data = prepare(DataOptions(options.data, size=options.size))
    if not data.spec.factors:
        raise SystemExit(f"{options.data}: no factors are known of it (a factors.csv beside the pictures names them)")
    for seed in range(options.seeds):
        for name in options.methods:
            method, settings = configured(options, name)
            values = (Path(options.data).stem, options.size, name, settings, seed, options.images)
            key = dict(zip(KEY, map(str, values), strict=True))
            if there(options.rows, key):
                continue
            run = Run(options.runs / "-".join(key.values()).replace(" ", "-"))
            train(run, method, options, seed)
            row = key | measured(im.load(run.folder), data) | {"seconds": f"{seconds(run):.0f}"}
            append(options.rows, row, COLUMNS)


def configured(options: argparse.Namespace, name: str) -> tuple[Method[Any], str]:
    """The method, and what was set of it; its beta in any case."""
    fields = {"latents": options.latents, "width": options.width}
    if options.output:
        fields["output"] = options.output
    fields |= own(options.own, name)
    method: Any = config.from_mapping(find(name), fields, name)
    known = {field.name: getattr(method, field.name) for field in dataclasses.fields(method)}
    shown = {field: known[field] for field in (*fields, "beta") if field in known}
    return method, " ".join(
        f"{field}={value:g}" if isinstance(value, float) else f"{field}={value}" for field, value in shown.items()
    )


def train(run: Run, method: Method[Any], options: argparse.Namespace, seed: int) -> None:
    """Begins the run, goes on with it, or finds it finished."""
    # sample sheets are not looked at here
    lasting = Training(images=options.images, seed=seed, snapshot_every=options.images)
    job = Job(method, DataOptions(options.data, size=options.size), lasting, str(run.folder))
    if execute(job, resume=run.job.exists(), inexact=True):
        raise SystemExit("the same command goes on from here")


def measured(model: Model, data: Dataset) -> Row:
    """The scores on all items with a known factor, reconstruction and rate on the held-out ones."""
    items = np.flatnonzero(np.isfinite(data.factors).any(1))
    codes, factors = model.encode_tensor(data.batch(items).x).numpy(), data.factors[items]
    gap, votes = mutual_information_gap(codes, factors), factor_vae_score(codes, factors)
    scores = (gap, *dci(codes, factors), votes)
    x = data.batch(data.held_out).x
    mse = ((model.decode_tensor(model.encode_tensor(x)) - x) / 2).square().mean()
    row = {"n": str(gap.n), "mig_error": f"{gap.error:.4f}", "mse": f"{mse:.5f}", "kl": ""}
    if isinstance(model.method, Vitals):
        row["kl"] = f"{float(model.method.vitals(model.trained.networks, x)['kl'].sum()):.2f}"
    return row | {name: f"{score.value:.4f}" for name, score in zip(SCORES, scores, strict=True)}


def table(rows: Sequence[Row]) -> str:
    """Markdown: means ± standard deviations over seeds."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in KEY if column != "seed")].append(row)
    figures = (*SCORES, "mse", "kl")
    head = ("data", "px", "method", "settings", "images", "seeds", "n", *figures)
    lines = [head, ("---",) * len(head)]
    for key, group in groups.items():
        columns = [[float(row[figure]) for row in group if row[figure]] for figure in figures]
        lines.append((*key, str(len(group)), group[0]["n"], *map(spread, columns)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--methods", nargs="+", default=["vae", "beta_vae", "beta_tc_vae"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--output", help="p(x | z), of all methods; by default each method's own")
    parser.add_argument("--own", nargs="+", default=[], metavar="METHOD.FIELD=VALUE")
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--runs", type=Path, default=Path("runs/disentanglement"))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    fast.tune_process()
    if options.data:
        compare(options)
    elif not options.table:
        parser.error("name the data, or ask for the --table")
    if options.table:
        print(table(read(options.rows)))


if __name__ == "__main__":
    main()
