"""How well codes of pictures are found: a model's own samples, and held-out photos.

    python benchmarks/inversion.py RUN DATA [--own 64] [--photos 20] [--images N] [--sheet x.png]

The pictures are rounded to bytes, as photos are. Mean squared errors, values in [0, 1]: `encoded` by the encoder alone,
`refined` as `imaginable invert` does it, `random` refined as long from one random code. `mean` is the error of the mean
of the model's own samples: what knowing nothing comes to. `batched` and `alone` are seconds a picture, for all at once
and for one by itself, on one thread; the encoder's training is not in them, but in `training`, where there was one.

A row for each kind of pictures is appended to `--rows`. The sheet shows originals above what the encoder alone, the
refinement, and the search from a random code made of them.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import imaginable as im
from imaginable.apps._inverter import STARTS, STEPS, Inverted, Inverter
from imaginable.core import fast
from imaginable.data import images
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.training.run import Run
from rows import append, seconds

COLUMNS = (
    *("run", "method", "pictures", "n", "steps", "starts", "encoded", "refined", "random"),
    *("mean", "batched", "alone", "training"),
)
SHOWN = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data")
    parser.add_argument("--own", type=int, default=64)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--images", type=int, help="made pictures the encoder learns from")
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--sheet", type=Path)
    chosen = parser.parse_args()
    fast.tune_process()
    torch.set_num_threads(1)
    model = im.load(chosen.run)
    inverter = Inverter.of(model, chosen.run, images=chosen.images)
    encoder = Run(inverter.folder / "encoder")
    trained = f"{seconds(encoder):.0f}" if encoder.log.exists() else ""
    own = images.to_float(model.decode_array(model.latents(chosen.own, seed=1)))
    mean = own.mean(0)
    shown = []
    for name, x in (("own", own), ("held-out", held_out(chosen.data, model, chosen.photos))):
        started = time.perf_counter()
        found = inverter.invert(x)
        batched = (time.perf_counter() - started) / len(x)
        started = time.perf_counter()
        inverter.invert(x[:1])
        alone = time.perf_counter() - started
        lost = inverter.refined_from_random(x)
        row = {
            "run": chosen.run.name,
            "method": model.name,
            "pictures": name,
            "n": str(len(x)),
            "steps": str(STEPS),
            "starts": str(STARTS),
            "encoded": said(found.error_before),
            "refined": said(found.error),
            "random": said(lost.error),
            "mean": said(((x - mean) / 2).square().flatten(1).mean(1)),
            "batched": f"{batched:.2f}",
            "alone": f"{alone:.2f}",
            "training": trained,
        }
        append(chosen.rows, row, COLUMNS)
        shown.append(sheet(x, found, model.decode_tensor(lost.codes)))
    if chosen.sheet:
        images.save(chosen.sheet, np.concatenate(shown), model.origin())


def held_out(data: str, model: im.Model, count: int) -> Tensor:
    options = DataOptions(data, size=model.shape.size, fit=model.shape.fit, colour=model.shape.colour)
    dataset = prepare(options)
    return dataset.batch(dataset.held_out[:count]).x


def said(errors: Tensor) -> str:
    """Mean and its standard error."""
    return f"{float(errors.mean()):.6f} ± {float(errors.std()) / len(errors) ** 0.5:.6f}"


def sheet(x: Tensor, found: Inverted, random: Tensor) -> np.ndarray:
    return images.rows([images.to_uint8(one[:SHOWN]) for one in (x, found.encoded, found.refined, random)])


if __name__ == "__main__":
    main()
