"""How good a model is, measured on items it has not seen."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _contests, _defect_page, _defects, _features, _items, _page, _pictured, _told
from imaginable.apps._calibration import LookFor
from imaginable.apps._contest import Asked
from imaginable.apps._detector import RATE, Detector
from imaginable.apps._items import Items
from imaginable.apps._measure import Measured, refuse_unmeasured, why_no_bits
from imaginable.apps._pictures import Say
from imaginable.apps._reference import Reference
from imaginable.apps._rows import table, writable
from imaginable.core import files, seeds
from imaginable.core.errors import UserError
from imaginable.methods._method import Bounds, Decodes, Encodes, Quantises, Scores, Translates
from imaginable.metrics.likelihood import Bounds as Bounded
from imaginable.metrics.likelihood import bits_per_dimension, bounds, mean_and_error
from imaginable.metrics.reconstruction import mean_squared_error, peak_signal_to_noise, quantised
from imaginable.model import Model

_BITS = (32, 8, 6, 4, 2)
"""a number of the code, in the table of compression"""


def evaluate(
    run: Path,
    data: str,
    *,
    n: int = 5000,
    features: _features.Kind = "auto",
    inception: Path | None = None,
    compression: bool = False,
    likelihood: bool = False,
    samples: int = 1000,
    items: int = 1000,
    everything: bool = False,
    binarise: bool = False,
    beside: Sequence[Path] = (),
    masks: str | None = None,
    side_by_side: bool = False,
    good: str | None = None,
    boxes: Path | None = None,
    calibrate: str | None = None,
    look_for: LookFor = "parts",
    seed: int = 0,
    out: Path | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Measures the model on held-out items of DATA; prints a table, writes evaluation.json and evaluation.html.

    n: at most so many held-out items, and as many samples of the model. features: what samples and items are
    compared by; auto is a classifier, trained once on the data's classes, or a fixed random network where there are
    none; inception is that of the FID, whose weights are fetched once, or read from the file --inception.
    compression: instead, how the error of reconstructions grows as codes are stored with fewer bits.
    likelihood: instead, bounds on log p(x) from `samples` draws of the posterior an item. items: of those two, at
    most so many. everything: choose among all of DATA, not its held-out items only: for data the model was not
    trained on. binarise: black and white pictures, drawn once, as a model trained with --binarise gets in any case.
    seed: of the choice of items and of the samples. out: where else to write evaluation.json and what goes beside it.
    Models that make pictures of pictures are measured on what they make, beside what anybody could do without them.
    beside: further runs for the same task, such as one without a critic; to fill holes, also any model with codes.
    masks: of inpainting, a folder or zip of holes by the pictures' names, in place of drawn ones. side_by_side: every
    picture of DATA is a pair, A left and B right.
    good: measure how well defects are found: the class of good pictures (or several, with commas between), all others
    being kinds of defects; of models that only score pictures that is done without asking. masks, or boxes, a table
    of file, x1, y1, x2, y2: where they are. calibrate, look_for: as for anomalies.
    Returns what is written.
    """
    for flag, value in (("--n", n), ("--samples", samples), ("--items", items)):
        if value < 1:
            raise UserError(f"{flag} {value}: must be at least 1")
    path = out or Path(run) / "evaluation.json"
    before = _before(path)
    model = models.load(run)
    asked = Asked(Path(run), data, beside, n, features, inception, everything, masks, side_by_side, seed, say)
    of_defects = good is not None or boxes is not None or calibrate is not None or look_for != "parts"
    if of_defects or (isinstance(model.method, Scores) and not model.can(Encodes)):
        detector = Detector.of(model, asked.run, say, calibrate=calibrate, look_for=look_for)
        defects = _found_defects(detector, asked, good, boxes, path.with_suffix(".html"))
        return _finish(before, defects, path, say)
    if isinstance(model.method, Translates):
        why = f"{model.name} makes pictures of pictures"
        asked.refuse(why, likelihood=likelihood, compression=compression, binarise=binarise)
        return _finish(before, _contests.measure(model, asked, path.with_suffix(".html")), path, say)
    why = f"{model.name} makes no pictures of pictures (compare measures several models)"
    asked.refuse(why, beside=bool(beside), masks=masks is not None, side_by_side=side_by_side)
    refuse_unmeasured(model, run)
    most = items if likelihood or compression else n
    chosen = _items.choose(model, data, most, everything=everything, binarise=binarise, seed=seed, say=say)
    say(f"{model.name} ({run}) on {chosen.said}")
    found: dict[str, Any] = {}
    if likelihood:
        found = _likelihood(model, chosen, samples, seed, path, say)
    elif compression:
        found = _compression(model, chosen, say)
    else:
        extractor = _features.choose(features, chosen.options, chosen.dataset, inception, say)
        measured = Measured(model, Reference(chosen, extractor, seed))
        found = _measure(measured, say)
        page = path.with_suffix(".html")
        files.write_text(page, _page.page(f"{model.origin()}, measured", [_article(measured)]))
        say(f"pictures: {page}")
    return _finish(before, found, path, say)


def _found_defects(
    detector: Detector, asked: Asked, good: str | None, boxes: Path | None, page: Path
) -> dict[str, Any]:
    """How well labelled defects are told from good pictures."""
    model = detector.model
    items = _defects.labelled(detector, asked, good, boxes)
    asked.say(f"{model.name} ({asked.run}) on {items.said}")
    found = _told.verdicts(items, detector, RATE, asked.say)
    for line in [*detector.described, "", *found.lines]:
        asked.say(line)
    title = f"{model.origin()}, tried on defects"
    files.write_text(page, _page.page(title, [_defect_page.article(found, detector)]))
    asked.say(f"pictures: {page}")
    return {"defects": found.written()}


def _finish(before: dict[str, Any], found: dict[str, Any], path: Path, say: Say) -> dict[str, Any]:
    """Writes what was found beside what was there, and returns it."""
    files.write_text(path, json.dumps(writable({**before, **found}), indent=1, allow_nan=False))
    say(f"written to {path}")
    return found


def _before(path: Path) -> dict[str, Any]:
    """What stands in the file already, which other measurements are added to."""
    if path.suffix != ".json":
        raise UserError(f"--out {path}: must end in .json; pictures go beside it, in a page of the same name")
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a file of measurements; remove it, or write elsewhere with --out") from error


# ---- the table


def _measure(measured: Measured, say: Say) -> dict[str, Any]:
    reference = measured.reference
    extractor = reference.extractor
    say(f"by {extractor.said}")
    for line in table(measured.rows):
        say(line)
    say("  ± is the standard error; n counts samples or items. To compare with, against as many training items:")
    for line in reference.frame_lines():
        say(line)
    return {
        "measured": {row.key: row.written() for row in measured.rows},
        "frame": {name: {row.key: row.written() for row in rows} for name, rows in reference.frame.items()},
        "features": {"name": extractor.name, "said": extractor.said},
        "on": {"data": reference.items.said, "n": len(reference.items), "seed": reference.seed},
    }


def _article(measured: Measured) -> str:
    model, reference = measured.model, measured.reference
    rows = [[html.escape(row.name), _pictured.cell(row), _ARROWS[row.better]] for row in measured.rows]
    sets = {model.name: measured.drawn.samples} if measured.draws else {}
    parts = [
        f"<h1>{html.escape(model.origin())}</h1>",
        f"<p>On {html.escape(reference.items.said)}, by {html.escape(reference.extractor.said)}.</p>",
        _page.table(["figure", "value ± standard error", "good is"], rows),
        "<h2>To compare with</h2>",
        _pictured.frame(reference),
        "<h2>Pictures</h2>",
        _pictured.samples(measured),
        _pictured.real(reference),
        _pictured.beside_training(measured),
        _pictured.spectra(reference, sets),
        f"<p>All pictures but the real ones are synthetic, made by {html.escape(model.origin(reference.seed))}.</p>",
    ]
    return f"<article>{''.join(parts)}</article>"


_ARROWS = {"lower": "low", "higher": "high", "near one": "near 1", "neither": ""}


# ---- likelihood


def _likelihood(model: Model, chosen: Items, samples: int, seed: int, path: Path, say: Say) -> dict[str, Any]:
    method = model.method
    if not isinstance(method, Bounds):
        raise UserError(
            f"--likelihood: {model.name} has no likelihood; of the methods that have one: vae, iwae, ladder_vae"
        )
    binarised = chosen.options.binarise
    if method.levels == 2 and not binarised:
        say("(the pictures are grey and the output is black or white: this is no likelihood of them; see --binarise)")
    generator = seeds.generator(seed, "likelihood")
    nets = model.trained.networks
    found = bounds(
        lambda x, y, k: method.log_weights(nets, x, k, generator, y), chosen.x, samples, chosen.labels(model)
    )
    _keep(found, chosen, path.with_name("likelihood.npz"))
    n, dimensions = len(chosen), model.trained.spec.dimensions
    elbo, elbo_error = mean_and_error(found.elbo)
    bound, bound_error = mean_and_error(found.importance)
    say(f"  ELBO                            {elbo:10.3f} ± {elbo_error:.3f} nats per item")
    say(f"  importance-weighted bound       {bound:10.3f} ± {bound_error:.3f} nats per item, k = {samples:,}")
    result: dict[str, Any] = {"n": n, "samples": samples, "seed": seed, "data": chosen.said}
    result |= {"elbo": elbo, "elbo_error": elbo_error, "bound": bound, "bound_error": bound_error}
    refusal = why_no_bits(method.levels, binarised)
    if refusal:
        say(f"  bits per dimension: none, {refusal}")
    else:
        bits, bits_error = mean_and_error(bits_per_dimension(found.importance, dimensions))
        say(f"  bits per dimension              {bits:10.4f} ± {bits_error:.4f} from that bound")
        result |= {"bits_per_dimension": bits, "bits_per_dimension_error": bits_error}
    say(f"  ± is the standard error over n = {n:,} items; higher nats are better")
    return {"likelihood": result}


def _keep(found: Bounded, chosen: Items, path: Path) -> None:
    """Of every item, so that runs can be compared item by item."""
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, names=np.array(chosen.names), elbo=found.elbo, bound=found.importance)


# ---- compression


def _compression(model: Model, chosen: Items, say: Say) -> dict[str, Any]:
    """Error of the reconstructions, and how it grows when codes are stored with fewer bits."""
    if not (model.can(Encodes) and model.can(Decodes)):
        raise UserError(f"--compression: {model.name} has no encoder, and so no codes to store")
    labels = chosen.labels(model)
    codes = model.encode_tensor(chosen.x, labels)
    numbers, raw = codes[0].numel(), model.trained.spec.dimensions
    say(f"  {raw:,} bytes a raw item, {numbers:,} numbers a code; n = {len(codes):,}, ± standard error over items")
    say(f"  {'bits a number':>14} {'bytes a code':>13} {'mean squared error':>28} {'PSNR, dB':>18}")
    rows = []
    for bits, size, stored in _stored(model, codes):
        errors = mean_squared_error(chosen.x, model.decode_tensor(stored, labels))
        mse, mse_error = mean_and_error(errors)
        psnr, psnr_error = mean_and_error(peak_signal_to_noise(errors))
        say(f"  {bits:14.3g} {size:13,.0f} {mse:19.6f} ± {mse_error:.6f} {psnr:11.2f} ± {psnr_error:.2f}")
        row = {"bits": bits, "bytes": size, "mse": mse, "mse_error": mse_error}
        rows.append(row | {"psnr": psnr, "psnr_error": psnr_error})
    return {"compression": {"n": len(codes), "numbers": numbers, "raw_bytes": raw, "data": chosen.said, "rows": rows}}


def _stored(model: Model, codes: Tensor) -> Iterator[tuple[float, float, Tensor]]:
    """Bits a number, bytes a code, and what is left of the codes: as they are where they come from a codebook."""
    numbers = codes[0].numel()
    if isinstance(model.method, Quantises):
        bits = model.method.code_bits(model.trained.spec)
        yield bits / numbers, bits / 8, codes
        return
    for bits in _BITS:
        yield bits, numbers * bits / 8, codes if bits == 32 else quantised(codes, bits)
