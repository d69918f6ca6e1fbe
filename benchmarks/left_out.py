"""Anomalies that are whole classes: models that learned from all classes but one are shown that one as well.

    python benchmarks/left_out.py MNIST.npz [--methods vae ganomaly] [--images 30000] [--runs DIR]
    python benchmarks/left_out.py table

Each class of an .npz (train_images, train_labels, test_images, test_labels) is left out once. A model learns from the
training pictures of the others, at 32 px; one in ten is held out and calibrates it. All its scores, and those of PCA
and of the nearest local patch, are then measured on test pictures, those of the class left out being the anomalies.
chosen_for: what the score is chosen for by the model itself, small defects (parts) or strange pictures (wholes). A row
for each score is added to `left_out.csv` as soon as it is measured; a class that is there is not done again.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import torch

import imaginable as im
from imaginable.apps import _defects, _told
from imaginable.apps._contest import Asked
from imaginable.apps._detector import RATE, Detector
from imaginable.core import fast
from rows import append, read, there

KEY = ("data", "method", "images", "class")
COLUMNS = (*KEY, "score", "chosen_for", "auroc", "error", "good", "anomalous", "alarms")


def parts(source: Path, left_out: int, folder: Path) -> tuple[Path, Path]:
    """Training pictures without a class, and all test pictures, as files."""
    train, test = folder / f"without-{left_out}.npz", folder / "all.npz"
    folder.mkdir(parents=True, exist_ok=True)
    arrays = np.load(source)
    kept = arrays["train_labels"] != left_out
    np.savez(train, train_images=arrays["train_images"][kept], train_labels=arrays["train_labels"][kept])
    if not test.exists():
        np.savez(test, train_images=arrays["test_images"], train_labels=arrays["test_labels"])
    return train, test


def trial(options: argparse.Namespace, left_out: int, method: str, first: bool) -> None:
    data = Path(options.data)
    key = dict(zip(KEY, (data.stem, method, str(options.images), str(left_out)), strict=True))
    if there(options.rows, key):
        return
    train, test = parts(data, left_out, options.runs / data.stem)
    run = options.runs / f"{data.stem}-{method}-{left_out}"
    if not (run / "report.html").exists():
        preset = {"vae": {"width": 16, "latents": 32}, "ganomaly": {"width": 32}}.get(method, {})
        im.train(method, str(train), size=32, images=options.images, run=str(run), **preset)
        if not (run / "report.html").exists():  # stopped by Ctrl-C: half a model is not measured
            raise SystemExit(f"{run} was stopped: remove it, or go on with `imaginable resume {run}`")
    model = im.load(run)
    classes = sorted({int(one) for one in np.load(data)["test_labels"]})
    detector = Detector.of(model, run)
    chosen = {"parts": detector.default, "wholes": Detector.of(model, run, look_for="wholes").default}
    good = ",".join(str(one) for one in classes if one != left_out)
    items = _defects.labelled(detector, Asked(run, str(test), n=options.n), good, None)
    found = _told.verdicts(items, detector, RATE, print, None if first else ())
    for name, one in found.told.items():
        if name in found.simple:
            key = key | {"method": "none"}
        row = key | {
            "score": name,
            "chosen_for": " ".join(kind for kind, default in chosen.items() if name == default),
            "auroc": f"{one.area.value:.4f}",
            "error": f"{one.area.score.error:.4f}",
            "good": str(int(items.is_good.sum())),
            "anomalous": str(int((~items.is_good).sum())),
            "alarms": "" if one.alarms is None else f"{one.alarms:.4f}",
        }
        append(options.rows, row, COLUMNS)


def table(rows: Path) -> None:
    """Mean over the classes left out, and the standard error of that mean."""
    found: dict[tuple[str, ...], list[float]] = {}
    chosen: dict[tuple[str, ...], list[float]] = {}
    for row in read(rows):
        found.setdefault((row["data"], row["method"], row["score"]), []).append(float(row["auroc"]))
        for kind in row["chosen_for"].split():
            chosen.setdefault((row["data"], row["method"], f"chosen for {kind}"), []).append(float(row["auroc"]))
    for (data, method, score), values in {**chosen, **found}.items():
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        mean, least = statistics.mean(values), min(values)
        print(f"{data:14s} {method:10s} {score:20s} {mean:.3f} ± {error:.3f}  least {least:.3f}  n {len(values)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--methods", nargs="+", default=["vae", "ganomaly"])
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--n", type=int, default=2_500, help="test pictures")
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--runs", type=Path, default=Path("runs/left_out"))
    options = parser.parse_args()
    if options.data == "table":
        table(options.rows)
        return
    torch.set_num_threads(1)
    fast.tune_process()
    for left_out in sorted({int(one) for one in np.load(options.data)["test_labels"]}):
        for number, method in enumerate(options.methods):
            trial(options, left_out, method, first=number == 0)


if __name__ == "__main__":
    sys.exit(main())
