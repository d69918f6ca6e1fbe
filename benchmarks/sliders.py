"""Whether a slider moves what it says and leaves the rest alone, on sneakers whose factors are known.

    python benchmarks/sliders.py RUN [--seed 0] [--out strips.png]          a model of `sneakers`; three minutes

A judge reads all factors off a picture: a network trained on other drawings than the model saw, with other weights than
the package's own reader. For every factor a direction is made in two ways: from labels (`imaginable directions RUN find
labels`), and by pointing: of 200 samples the judge's ten highest and ten lowest in that factor are pointed at, one of
these twenty (5 %) on the wrong side. Then 200 other samples are moved by +2 and -2 along each direction, and the judge
says by how many of its own deviations over real pictures every factor changed: a row of the response matrix. A row is
right where its own factor's response is at least twice any other's.

Prints both matrices and the judge's R² on drawings it was not trained on, and appends a row for each to sliders.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import imaginable
from imaginable.apps import _found
from imaginable.apps._reading import PictureReader, reader_of
from imaginable.core import seeds
from imaginable.data import images
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.latent import directions
from imaginable.latent.traverse import traversal
from imaginable.model import Model
from rows import append

MONOTONE = ("length", "sole_height", "heel_drop", "toe_shape", "toe_cap", "collar_height", "tongue_height", "tread",
            "lightness", "sole_tone", "laces")  # fmt: skip
"""not hue and accent_hue, whose ends are near each other for the eye, nor stripe_style, which are names"""
SIX = ("length", "sole_height", "toe_shape", "collar_height", "lightness", "sole_tone")
"""what a person names first of a shoe this small; the other five stand beside them"""
SHEET, CLICKS, MOVED, AMOUNT = 200, 10, 200, 2.0


def judge(size: int) -> tuple[PictureReader, dict[str, float], dict[str, float]]:
    """Trained on half of 8,000 drawings; with its R² on the rest, and every factor's deviation."""
    options = DataOptions("sneakers", size=size, limit=8000)
    dataset = prepare(options)
    order = np.random.default_rng(7).permutation(len(dataset.items))
    # the first 4,000 drawings are those that models with the default limit are trained on
    later = order[order >= 4000]
    reader = reader_of(options, dataset, print, seed=99, part=np.sort(later[:3000]))
    rest = later[3000:]
    read = reader.read(dataset.items[rest])
    true = {name: dataset.factors[rest, column] for column, name in enumerate(dataset.spec.factors)}
    fit = {name: 1 - float(np.var(true[name] - read[name]) / np.var(true[name])) for name in true}
    return reader, fit, {name: float(np.std(true[name])) for name in true}


def of_pointing(model: Model, run: Path, reader: PictureReader, seed: int) -> dict[str, tuple[Tensor, float]]:
    """Vector and confidence, for each factor."""
    codes = model.latents(SHEET, seed=seeds.derive("sheet", seed))
    read = reader.read(model.decode_array(codes))
    spread = _found.spread(model, run)
    found = {}
    for name, values in read.items():
        order = np.argsort(values)
        clicked = np.concatenate([order[:CLICKS], order[-CLICKS:]])
        high = np.arange(2 * CLICKS) >= CLICKS
        wrong = seeds.derive("wrong", seed, name) % len(clicked)
        high[wrong] = not high[wrong]
        found[name] = directions.pointed(codes[clicked[high]], codes[clicked[~high]], spread)
    return found


def responses(model: Model, vectors: dict[str, Tensor], reader: PictureReader, unit: dict[str, float]) -> np.ndarray:
    """(directions, factors): the mean change from -2 to +2, in the factors' deviations."""
    codes = model.latents(MOVED, seed=seeds.derive("moved"))
    rows = []
    for vector in vectors.values():
        more = reader.read(model.decode_array(codes + AMOUNT * vector))
        less = reader.read(model.decode_array(codes - AMOUNT * vector))
        rows.append([float(np.mean(more[name] - less[name])) / unit[name] for name in MONOTONE])
    return np.array(rows)


def said(way: str, matrix: np.ndarray, confidence: dict[str, float]) -> int:
    """Prints a matrix; returns for how many factors the own response is at least twice any other."""
    print(f"\n{way}: change of every factor (columns) in its deviations, from -{AMOUNT:g} to +{AMOUNT:g}")
    print(" " * 16 + "".join(f"{name[:11]:>12s}" for name in MONOTONE) + "   own / other")
    right: list[str] = []
    for row, name in zip(matrix, MONOTONE, strict=True):
        own = row[MONOTONE.index(name)]
        other = max(abs(value) for value, of in zip(row, MONOTONE, strict=True) if of != name)
        right += [name] if own >= 2 * other else []
        values = "".join(f"{value:12.2f}" for value in row)
        print(f"{name:16s}{values}   {own / other:6.2f}   confidence {confidence[name]:.2f}")
    of_six = len({*SIX} & {*right})
    print(f"own response at least twice any other: {len(right)} of {len(MONOTONE)}, {of_six} of the first six")
    return len(right)


def strips(model: Model, vectors: dict[str, Tensor]) -> np.ndarray:
    """One row a direction: a sample moved from -3 to +3."""
    start, amounts = model.latents(1, seed=11)[0], torch.arange(-3.0, 4.0)
    strips = [model.decode_array(traversal(start, vector, amounts)) for vector in vectors.values()]
    return images.sheet(np.concatenate(strips), len(amounts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    model = imaginable.load(asked.run)
    reader, fit, unit = judge(model.shape.size)
    print("judge's R² on drawings it never saw: " + ", ".join(f"{name} {fit[name]:.3f}" for name in MONOTONE))
    labelled = {one.name: one for one in _found.from_labels(model, asked.run)}
    clicked = of_pointing(model, asked.run, reader, asked.seed)
    ways = {
        "from labels": {name: (labelled[name].vector, labelled[name].confidence) for name in MONOTONE},
        "by pointing": {name: clicked[name] for name in MONOTONE},
    }
    for way, made in ways.items():
        vectors = {name: vector for name, (vector, _) in made.items()}
        matrix = responses(model, vectors, reader, unit)
        right = said(way, matrix, {name: confidence for name, (_, confidence) in made.items()})
        if asked.out:
            images.save(
                asked.out.with_stem(f"{asked.out.stem}-{way.split()[1]}"), strips(model, vectors), model.origin()
            )
        own = np.diag(matrix)
        others = np.abs(matrix - np.diag(own)).max(1)
        row = {"method": model.name, "way": way, "seed": str(asked.seed), "right": f"{right} of {len(MONOTONE)}"}
        ratios = {name: f"{a / b:.2f}" for name, a, b in zip(MONOTONE, own, others, strict=True)}
        append(Path(__file__).with_name("sliders.csv"), row | ratios, [*row, *MONOTONE])


if __name__ == "__main__":
    main()
