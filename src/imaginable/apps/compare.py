"""Which of several models is better, and at what: the classical trade-off, filled with measurements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imaginable import model as models
from imaginable.apps import _beside, _comparison, _features, _items, _speed
from imaginable.apps._comparison import Comparison, Section
from imaginable.apps._measure import Measured, refuse_unmeasured
from imaginable.apps._pictures import Say
from imaginable.apps._reference import Reference
from imaginable.apps._rows import Figure, Row, writable
from imaginable.apps._stability import History, spread_over_seeds
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.training.run import Run

_SECTIONS = {
    "Closeness to the data": ("fd", "kd", "precision", "density", "classifier_score"),
    "Sharpness": ("sharpness", "swd_"),
    "Latent smoothness": ("path_length", "path_length_w"),
    "Following shifts and turns": ("eq_t", "eq_r"),
    "Training stability": ("setback", "losses", "rollbacks", "diagnosis", "seeds"),
    "Likelihood": ("bound", "bits_per_dimension"),
    "Encoder": ("mse", "psnr", "ssim", "ms_ssim"),
    "Mode coverage and duplicates": ("recall", "coverage", "class_divergence", "duplicates", "support", "copies"),
    "Speed and cost": ("speed_", "parameters", "training_time", "images_seen"),
}
"""keys of the rows, or what they begin with"""


def compare(
    runs: Sequence[Path],
    *,
    data: str,
    n: int = 2000,
    features: _features.Kind = "auto",
    inception: Path | None = None,
    everything: bool = False,
    binarise: bool = False,
    seed: int = 0,
    out: Path = Path("comparison.html"),
    say: Say = print,
) -> Comparison:
    """Measures several models on the same held-out items of --data; writes one page, and its figures as JSON.

    A folder of seeds (train --seeds) stands for all its runs. n: at most so many held-out items, and as many samples
    of every model. features: what samples and items are compared by (see evaluate); inception: the weights' file of
    the FID's network. everything: choose among all of the data, not its held-out items only. binarise: black and
    white pictures, drawn once. seed: of the choice of items and of the samples. out: the page, beside which the
    figures go as .json.
    """
    if n < 1:
        raise UserError(f"-n {n}: must be at least 1")
    folders = [folder for run in runs for folder in _with_seeds(Path(run))]
    if len(folders) < 2:
        raise UserError("compare takes two runs or more: imaginable compare RUN RUN --data DATA")
    loaded = dict(zip(_beside.names(folders, "compare"), map(models.load, folders), strict=True))
    for folder, model in zip(folders, loaded.values(), strict=True):
        refuse_unmeasured(model, folder)
    _beside.refuse_unlike(loaded)
    first = next(iter(loaded.values()))
    items = _items.choose(first, data, n, everything=everything, binarise=binarise, seed=seed, say=say)
    extractor = _features.choose(features, items.options, items.dataset, inception, say)
    reference = Reference(items, extractor, seed)
    say(f"{', '.join(loaded)} on {items.said},\nby {extractor.said}")
    measured = {name: Measured(model, reference) for name, model in loaded.items()}
    histories = {name: History(Run(folder), reference) for name, folder in zip(loaded, folders, strict=True)}
    rows = _rows(measured, histories, say)
    comparison = Comparison(measured, histories, _sections(rows))
    for line in _comparison.lines(comparison):
        say(line)
    files.write_text(out, _comparison.page(comparison))
    figures = out.with_suffix(".json")
    files.write_text(figures, json.dumps(writable(_comparison.written(comparison)), indent=1, allow_nan=False))
    say(f"open {out} (the figures are in {figures})")
    return comparison


def _with_seeds(folder: Path) -> list[Path]:
    """The run itself, or the runs of a folder of seeds."""
    seeds = sorted(folder.glob("seed-*"), key=lambda path: (len(path.name), path.name))
    return [folder] if (folder / "job.yaml").exists() or not seeds else seeds


def _rows(measured: dict[str, Measured], histories: dict[str, History], say: Say) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for name, one in measured.items():
        say(f"measuring {name} ...")
        rows[name] = [*one.rows, *histories[name].rows()]
    for name, of_speed in _speed.rows(measured).items():
        rows[name] += [*of_speed, _over_seeds(name, measured)]
    return rows


def _over_seeds(name: str, measured: dict[str, Measured]) -> Row:
    """Of the models by the same method, as one figure for each of them."""
    one = measured[name]
    alike = [other for other in measured.values() if other.model.method == one.model.method]
    distance = one.reference.distance_figures[1]
    figure = Figure("seeds", f"{distance.name} over runs of this method", "neither")
    return figure.fact(spread_over_seeds([other.row(distance.key) for other in alike]))


def _sections(rows: dict[str, list[Row]]) -> list[Section]:
    """The same rows of all models side by side, in the order of _SECTIONS."""
    keys = list(dict.fromkeys(row.key for found in rows.values() for row in found))
    by_key = {name: {row.key: row for row in found} for name, found in rows.items()}
    sections = []
    for title, wanted in _SECTIONS.items():
        chosen = [
            key for start in wanted for key in keys if key == start or (start.endswith("_") and key.startswith(start))
        ]
        sides = []
        for key in chosen:
            known = next(found[key] for found in by_key.values() if key in found)
            absent = Figure(known.key, known.name, known.better).none("not measured for this method")
            sides.append({name: found.get(key, absent) for name, found in by_key.items()})
        if sides:
            sections.append(Section(title, sides))
    return sections
