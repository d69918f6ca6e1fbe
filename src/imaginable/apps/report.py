"""report.html: what a run became, in one file that needs no network."""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from imaginable import model as models
from imaginable.apps import _diagnosis, _page, _priors
from imaginable.apps._pictures import Say
from imaginable.core import config, files
from imaginable.core.errors import UserError
from imaginable.data.dataset import Dataset
from imaginable.methods import names, summary
from imaginable.methods._method import Decodes, Encodes, name_of
from imaginable.model import Model
from imaginable.training import health
from imaginable.training import job as jobs
from imaginable.training.run import Run, terms
from imaginable.training.train import load_data


def write(folder: Path, dataset: Dataset | None = None) -> Path:
    """Writes the run's own report; returns its path."""
    run = Run(folder)
    files.write_text(run.report, _page.page(run.folder.name, [_article(run, dataset)]))
    return run.report


def report(runs: Sequence[Path], *, out: Path, say: Say = print) -> Path:
    """One page for several runs, below each other."""
    found = [Run(folder) for folder in runs]
    for run in found:
        run.require()
    if not found:
        raise UserError("report: name at least one run")
    files.write_text(out, _page.page("imaginable", [_article(run, None) for run in found]))
    say(f"report: {out}")
    return out


def _article(run: Run, dataset: Dataset | None) -> str:
    job = jobs.load(run.job)
    dataset = dataset or load_data(job)
    lines, model = run.lines(), models.load(run.folder, type(job.method))
    parts = [
        f"<h1>{html.escape(run.folder.name)}</h1>",
        f"<p>{html.escape(_summary(job.method))}</p>",
        _facts(run, job, lines, dataset),
        *_announcements(lines),
        *_health(lines),
        *_latest(run),
        *_fitted(model),
        *_morph(model, dataset),
        *_through_time(run),
        _curves(lines),
        f"<p>All pictures but the originals are synthetic, made by {html.escape(model.origin())}.</p>",
    ]
    return f"<article>{''.join(parts)}</article>"


def _summary(method: Any) -> str:
    name = name_of(method)
    return summary(name) if name in names() else str(type(method).__doc__)


def _facts(run: Run, job: Any, lines: list[dict[str, Any]], dataset: Dataset) -> str:
    last = lines[-1] if lines else {"seen": 0, "seconds": 0.0}
    manifest = json.loads(run.manifest.read_text()) if run.manifest.exists() else {}
    skipped = len(manifest.get("skipped", ()))
    machine = config.load(run.job).get("environment", {})
    facts = [
        _learned_from(job, dataset) + (f", {skipped} bad files skipped" if skipped else ""),
        f"{last['seen']:,} images seen in {last['seconds'] / 60:.1f} minutes of the last session, "
        f"seed {job.training.seed}, {job.training.precision}, "
        f" {machine.get('device')}, {machine.get('threads')} threads",
    ]
    return "".join(f"<p>{fact}</p>" for fact in facts)


def _learned_from(job: Any, dataset: Dataset) -> str:
    if not job.method.consumes:
        return "made for " + ", ".join(f"the {name} <code>{html.escape(run)}</code>" for name, run in job.given.items())
    source = html.escape(job.data.source)
    others = f" and {len(dataset.target_train):,} of B" if len(dataset.target_train) else ""
    return f"{len(dataset.train):,} training items{others} of <code>{source}</code>, {len(dataset.held_out):,} held out"


def _announcements(lines: list[dict[str, Any]]) -> Iterator[str]:
    for line in lines:
        if "health" in line:
            yield f'<p class="warning">image {line["seen"]:,}: {html.escape(line["health"])}</p>'


def _health(lines: list[dict[str, Any]]) -> Iterator[str]:
    history = health.history(lines)
    if not history:
        return
    yield "<h2>Diagnosis</h2>"
    yield from _diagnosis.sentences(history[-1][1])
    chart = _diagnosis.charts(history)
    if chart:
        yield _page.figure(chart, "png", "", scale=0.9, kind="plot")
    yield "<h2>Pictures</h2>"


def _latest(run: Run) -> Iterator[str]:
    captions = {
        "samples": "Samples: pictures that never were, from random latent codes",
        "reconstructions": "Held-out originals, each above its reconstruction",
        "translations": "Held-out pictures, each above what the model makes of it and above its partner or original "
        "(without partners: above the way back)",
        "scores": "Held-out pictures with a made defect, each above where that is and above where the model points",
    }
    for kind, caption in captions.items():
        sheets = run.sheets(kind)
        if sheets:
            yield _page.figure(sheets[-1].read_bytes(), "png", caption, scale=1.0)


def _fitted(model: Model) -> Iterator[str]:
    if model.fitted is None or model.trained.spec.kind != "images":
        return
    yield _page.sheet(model.decode_array(model.latents(64)), 8, f"Samples from {_priors.describe(model)}")


def _morph(model: Model, dataset: Dataset) -> Iterator[str]:
    """Through four held-out pictures, or four random codes."""
    if model.trained.spec.kind != "images" or not model.can(Decodes):
        return
    if model.can(Encodes):
        stops = model.encode_tensor(dataset.batch(dataset.held_out[:4]).x)
        caption = "Morph through the codes of held-out pictures"
    else:
        stops, caption = model.latents(4), "Morph through random codes"
    if len(stops) < 2:
        return
    way = "along great circles" if model.is_gaussian else "along straight lines"
    rows = [model.decode_array(model.path(torch.stack([a, b]), 10)) for a, b in itertools.pairwise(stops)]
    yield _page.sheet(np.concatenate(rows), 10, f"{caption}, {way}")


def _through_time(run: Run) -> Iterator[str]:
    sheets = run.shown()
    chosen = sorted({0, len(sheets) // 4, len(sheets) // 2})[: len(sheets)]
    if len(sheets) < 4:
        return
    yield "<h2>The same through time</h2>"
    for number in chosen:
        seen = int(sheets[number].stem.rpartition("-")[2])
        yield _page.figure(sheets[number].read_bytes(), "png", f"{seen:,} images", scale=0.5)


def _curves(lines: list[dict[str, Any]]) -> str:
    """Every logged term against images seen."""
    names = list(dict.fromkeys(name for line in lines for name in terms(line)))  # phases come and go
    if not names:
        return ""
    columns = min(4, len(names))
    rows_of_plots = -(-len(names) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.4 * rows_of_plots), layout="constrained")
    axes = np.ravel(figure.subplots(rows_of_plots, columns))
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    for name, axis in zip(names, axes, strict=False):
        rows = [(line["seen"], line[name]) for line in lines if name in line]
        seen, values = zip(*rows, strict=True)
        axis.plot(seen, values, linewidth=1)
        axis.set_title(name, fontsize=10)
        axis.tick_params(labelsize=7)
        tail = values[len(values) // 10 :]
        if len(tail) > 1 and max(tail) > min(tail):  # the first steps would flatten all the rest
            axis.set_ylim(min(tail) - 0.05 * (max(tail) - min(tail)), max(tail) + 0.05 * (max(tail) - min(tail)))
    return "<h2>Losses, against images seen</h2>" + _page.plot(figure)
