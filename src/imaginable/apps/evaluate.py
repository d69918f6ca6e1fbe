"""How good a model is, measured on items it has not seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from imaginable import model as models
from imaginable.apps._pictures import Say
from imaginable.core import files, seeds
from imaginable.core.errors import UserError
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.methods._method import Bounds, Decodes, Encodes, Quantises
from imaginable.metrics.likelihood import Bounds as Measured
from imaginable.metrics.likelihood import bits_per_dimension, bounds, mean_and_error
from imaginable.metrics.reconstruction import mean_squared_error, peak_signal_to_noise, quantised
from imaginable.model import Model

_BITS = (32, 8, 6, 4, 2)
"""a number of the code, in the table of compression"""


def evaluate(
    run: Path,
    data: str,
    *,
    likelihood: bool = False,
    samples: int = 1000,
    items: int = 1000,
    everything: bool = False,
    binarise: bool = False,
    seed: int = 0,
    out: Path | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Measures the model on held-out items of DATA; prints a table and writes evaluation.json into the run.

    likelihood: bounds on log p(x) from `samples` draws of the posterior an item, instead of reconstruction
    and compression. items: at most so many, chosen by `seed`. everything: choose among all of DATA, not its
    held-out items only: for data the model was not trained on. binarise: black and white pictures, drawn
    once, as a model trained with --binarise gets in any case. Returns what is written.
    """
    for flag, value in (("--samples", samples), ("--items", items)):
        if value < 1:
            raise UserError(f"{flag} {value}: must be at least 1")
    model = models.load(run)
    chosen = _choose(model, _options(model, data, binarise), items, everything, seed, say)
    say(f"{model.name} ({run}) on {chosen.said}")
    if likelihood:
        found, rows = _likelihood(model, chosen, samples, seed, say)
        with files.replacing(_beside(run, out).with_name("likelihood.npz")) as temporary, temporary.open("wb") as file:
            np.savez(file, names=np.array(chosen.names), elbo=rows.elbo, bound=rows.importance)
    else:
        found = _compression(model, chosen, say)
    path = _beside(run, out)
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    files.write_text(path, json.dumps({**before, **found}, indent=1))
    say(f"written to {path}")
    return found


def _beside(run: Path, out: Path | None) -> Path:
    return out or Path(run) / "evaluation.json"


@dataclass(frozen=True)
class _Chosen:
    """Items to measure on. said: which they are, for a person. binarised: they are black and white."""

    x: Tensor
    label: Tensor | None
    names: tuple[str, ...]
    said: str
    binarised: bool


def _choose(model: Model, options: DataOptions, items: int, everything: bool, seed: int, say: Say) -> _Chosen:
    """Items of the data: those held out, which are the same ones as in training, however the data is limited."""
    data, dataset = options.source, prepare(options, say=say)
    if dataset.spec.shape != model.trained.spec.shape:
        raise UserError(f"{data}: {_shape(dataset)}, and {model.name} was trained on {_shape(model.trained)}")
    index = np.sort(np.concatenate([dataset.train, dataset.held_out])) if everything else dataset.held_out
    which = f"{len(index):,} {'items' if everything else 'held-out items'}"
    order = np.random.Generator(np.random.Philox(seeds.derive(seed, "evaluate"))).permutation(len(index))
    index = index[np.sort(order[:items])]
    batch = dataset.batch(index)
    drawn = ", binarised once with a fixed seed" if options.binarise else ""
    said = f"{len(index):,} of the {which} of {data}{drawn} (seed {seed})"
    label = batch.label if model.classes and dataset.spec.classes == model.classes else None
    return _Chosen(batch.x, label, tuple(dataset.names[item] for item in index), said, options.binarise)


def _options(model: Model, data: str, binarise: bool) -> DataOptions:
    """Data read as the model's own was."""
    about = model.about
    if model.trained.spec.kind != "images":
        return DataOptions(data)
    return DataOptions(
        data,
        size=model.shape.size,
        colour=model.shape.colour,
        fit=about.get("fit", "crop"),
        background=about.get("background", "white"),
        binarise=binarise or about.get("binarise", False),
    )


def _shape(of: Any) -> str:
    return f"{of.spec.kind} {'x'.join(map(str, of.spec.shape))}"


# ---- likelihood


def _likelihood(model: Model, chosen: _Chosen, samples: int, seed: int, say: Say) -> tuple[dict[str, Any], Measured]:
    method = model.method
    if not isinstance(method, Bounds):
        raise UserError(
            f"--likelihood: {model.name} has no likelihood; of the methods that have one: vae, iwae, ladder_vae"
        )
    if method.levels == 2 and not chosen.binarised:
        say("(the pictures are grey and the output is black or white: this is no likelihood of them; see --binarise)")
    generator = seeds.generator(seed, "likelihood")
    nets = model.trained.networks
    found = bounds(lambda x, y, k: method.log_weights(nets, x, k, generator, y), chosen.x, samples, chosen.label)
    n, dimensions = len(chosen.x), model.trained.spec.dimensions
    elbo, elbo_error = mean_and_error(found.elbo)
    bound, bound_error = mean_and_error(found.importance)
    say(f"  ELBO                            {elbo:10.3f} ± {elbo_error:.3f} nats per item")
    say(f"  importance-weighted bound       {bound:10.3f} ± {bound_error:.3f} nats per item, k = {samples:,}")
    result: dict[str, Any] = {"n": n, "samples": samples, "seed": seed, "data": chosen.said}
    result |= {"elbo": elbo, "elbo_error": elbo_error, "bound": bound, "bound_error": bound_error}
    refusal = _why_no_bits(method.levels, chosen.binarised)
    if refusal:
        say(f"  bits per dimension: none, {refusal}")
    else:
        bits, bits_error = mean_and_error(bits_per_dimension(found.importance, dimensions))
        say(f"  bits per dimension              {bits:10.4f} ± {bits_error:.4f} from that bound")
        result |= {"bits_per_dimension": bits, "bits_per_dimension_error": bits_error}
    say(f"  ± is the standard error over n = {n:,} items; higher nats are better")
    return {"likelihood": result}, found


def _why_no_bits(levels: int | None, binarised: bool) -> str:
    if levels is None:
        return "the output is a density, which has no length in bits; train with --output logistic or mixture"
    if levels == 2 and not binarised:
        return "the pictures are not black and white; train with --binarise, or with --output logistic or mixture"
    return ""


# ---- reconstruction and compression


def _compression(model: Model, chosen: _Chosen, say: Say) -> dict[str, Any]:
    """Error of the reconstructions, and how it grows when codes are stored with fewer bits."""
    if not (model.can(Encodes) and model.can(Decodes)):
        raise UserError(f"{model.name} has no encoder: there is nothing to measure by its codes yet")
    codes = model.encode_tensor(chosen.x, chosen.label)
    numbers, raw = codes[0].numel(), model.trained.spec.dimensions
    say(f"  {raw:,} bytes a raw item, {numbers:,} numbers a code; n = {len(codes):,}, ± standard error over items")
    say(f"  {'bits a number':>14} {'bytes a code':>13} {'mean squared error':>28} {'PSNR, dB':>18}")
    table = []
    for bits, size, stored in _stored(model, codes):
        errors = mean_squared_error(chosen.x, model.decode_tensor(stored, chosen.label))
        mse, mse_error = mean_and_error(errors)
        psnr, psnr_error = mean_and_error(peak_signal_to_noise(errors))
        say(f"  {bits:14.3g} {size:13,.0f} {mse:19.6f} ± {mse_error:.6f} {psnr:11.2f} ± {psnr_error:.2f}")
        row = {"bits": bits, "bytes": size, "mse": mse, "mse_error": mse_error}
        table.append(row | {"psnr": psnr, "psnr_error": psnr_error})
    return {"compression": {"n": len(codes), "numbers": numbers, "raw_bytes": raw, "data": chosen.said, "rows": table}}


def _stored(model: Model, codes: Tensor) -> Iterator[tuple[float, float, Tensor]]:
    """Bits a number, bytes a code, and what is left of the codes: as they are where they come from a codebook."""
    numbers = codes[0].numel()
    if isinstance(model.method, Quantises):
        bits = model.method.code_bits(model.trained.spec)
        yield bits / numbers, bits / 8, codes
        return
    for bits in _BITS:
        yield bits, numbers * bits / 8, codes if bits == 32 else quantised(codes, bits)
