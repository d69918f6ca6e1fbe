"""How well pictures of one kind are made into pictures of another: of pairs and of two domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from torch import Tensor

from imaginable.apps import _features
from imaginable.apps._contest import COLUMNS, Asked, Contest, Entry, bytes_of, entry
from imaginable.apps._features import Extractor
from imaginable.apps._items import Items
from imaginable.apps._rows import Figure
from imaginable.data.dataset import Dataset
from imaginable.metrics import fidelity, structure
from imaginable.metrics.estimate import mean_of
from imaginable.metrics.frechet import frechet_estimate
from imaginable.metrics.kernel import kernel_estimate, paired_kernel_estimate
from imaginable.metrics.sharpness import sharpness_estimate
from imaginable.model import Model

Domain = Literal["a", "b"]
BLOCK = 64
"""pictures at once"""
SHOWN = 2 * COLUMNS

L1 = Figure("l1", "L1, mean absolute error", "lower")
PSNR = Figure("psnr", "PSNR", "higher", "dB")
SSIM = Figure("ssim", "SSIM", "higher")
SHARPNESS = Figure("sharpness", "sharpness (1 = as sharp)", "near one")
CYCLE = Figure("cycle", "cycle error, there and back", "lower")
KEPT = Figure("identity", "change to what is of the wanted kind", "lower")

EXACTNESS = (
    "L1: pixels in [-1, 1], all channels.",
    f"PSNR and SSIM: {fidelity.convention('rgb', 0)}; PSNR of each picture, at most 58.9 dB (the rounding "
    f"of a file); SSIM in windows of {structure.WINDOW} x {structure.WINDOW} pixels.",
)
PAIRED = "FD and KD between {} and {}, item by item a pair: so FD is lower than between other items, and compares with"
PAIRED += "\n  that of other makers here only; KD leaves out what an item has in common with its own partner."


# ---- pairs


def pairs(models: Mapping[str, Model], items: Items, asked: Asked) -> Contest:
    """Identity, where A and B have the same channels, and the models, the first of which it is about."""
    assert items.dataset.targets is not None, "pairs have them"
    extractor = _extractor(items, items.dataset.only_b(), asked)
    given, wanted = items.dataset.items[items.index], items.dataset.targets[items.index]
    made = {"identity": given} if given.shape == wanted.shape else {}
    for name, model in models.items():
        made[name] = np.concatenate(
            [bytes_of(model.translate_tensor(x), model) for x in blocks(items.dataset, items.index)]
        )
    real = extractor.features(wanted)
    makers = {
        name: by_key(
            [
                *exactness(one, wanted),
                *paired_distances(extractor, extractor.features(one), real),
                entry(SHARPNESS, lambda one=one: sharpness_estimate(one, wanted).together()),  # type: ignore[misc]
            ]
        )
        for name, one in made.items()
    }
    conventions = (*EXACTNESS, f"FD and KD by {extractor.said}.", PAIRED.format("what is made", "the partners"))
    sheet = {"A": given[:SHOWN], **{name: one[:SHOWN] for name, one in made.items() if name in models}}
    sheet["B, the partners"] = wanted[:SHOWN]
    return Contest(f"{items.said}", makers, next(iter(models)), conventions, (), sheet)


# ---- domains


def domains(models: Mapping[str, Model], items: Items, asked: Asked) -> Iterator[Contest]:
    """There and back, each beside the pictures left as they are."""
    for to, given, wanted in (("b", "A", "B"), ("a", "B", "A")):
        side = items.dataset.only_b() if to == "b" else items.dataset.only_a()
        extractor = _extractor(items, side, asked)
        yield _one_way(models, items, to, f"{given} to {wanted}", extractor)  # type: ignore[arg-type]


def _one_way(models: Mapping[str, Model], items: Items, to: Domain, way: str, extractor: Extractor) -> Contest:
    a, b = (items.dataset.only_a(), items.index), (items.dataset.only_b(), items.target_index)
    (source, sources), (aim, aims) = (a, b) if to == "b" else (b, a)
    given, wanted = source.items[sources], aim.items[aims]
    real = extractor.features(wanted)
    makers, sheet = {}, {way[0]: given[:SHOWN]}
    if given.shape[1:] == wanted.shape[1:]:
        makers["identity"] = by_key([*_unpaired(extractor, given, wanted, real), *_unmoved(len(given), len(wanted))])
    for name, model in models.items():
        made, cycle = _there_and_back(model, blocks(source, sources), to)
        found = [*_unpaired(extractor, made, wanted, real), Entry(CYCLE, mean_of(cycle))]
        if given.shape[1:] == wanted.shape[1:]:
            found.append(Entry(KEPT, mean_of(_change(model, blocks(aim, aims), to))))
        makers[name], sheet[name] = by_key(found), made[:SHOWN]
    conventions = (
        f"FD, KD and sharpness: what is made of {way[0]} against held-out {way[-1]}, by {extractor.said}.",
        "Cycle error and change: mean absolute error, pixels in [-1, 1], all channels, not rounded on the way.",
    )
    return Contest(f"{way}, {items.said}", makers, next(iter(models)), conventions, (), sheet)


def _there_and_back(model: Model, given: Iterator[Tensor], to: Domain) -> tuple[np.ndarray, np.ndarray]:
    """What is made, and the error of each picture when it is made back."""
    made, errors = [], []
    for x in given:
        there = model.translate_tensor(x, to=to)
        made.append(bytes_of(there, model))
        errors.append(_absolute(model.translate_tensor(there, to="a" if to == "b" else "b"), x))
    return np.concatenate(made), np.concatenate(errors)


def _change(model: Model, wanted: Iterator[Tensor], to: Domain) -> np.ndarray:
    return np.concatenate([_absolute(model.translate_tensor(x, to=to), x) for x in wanted])


def _absolute(first: Tensor, second: Tensor) -> np.ndarray:
    errors: np.ndarray = (first - second).double().abs().flatten(1).mean(1).numpy()
    return errors


def _unmoved(given: int, wanted: int) -> list[Entry]:
    """Of pictures left as they are, neither is anything."""
    return [Entry(CYCLE, mean_of(np.zeros(given))), Entry(KEPT, mean_of(np.zeros(wanted)))]


def _unpaired(extractor: Extractor, made: np.ndarray, wanted: np.ndarray, real: np.ndarray) -> list[Entry]:
    features = extractor.features(made)
    return [
        entry(Figure("fd", extractor.figure("FD"), "lower"), lambda: frechet_estimate(features, real)),
        entry(Figure("kd", extractor.figure("KD"), "lower"), lambda: kernel_estimate(features, real)),
        entry(SHARPNESS, lambda: sharpness_estimate(made, wanted)),
    ]


def _extractor(items: Items, wanted: Dataset, asked: Asked) -> Extractor:
    return _features.between(asked.features, items.options, items.dataset, wanted, asked.inception, asked.say)


# ---- what pairs and fills share


def exactness(made: np.ndarray, wanted: np.ndarray) -> list[Entry]:
    """How near each picture is to its own."""
    return [
        entry(L1, lambda: mean_of(fidelity.paired_absolute_error(made, wanted))),
        entry(PSNR, lambda: mean_of(fidelity.paired_peak_signal_to_noise(made, wanted, "rgb", 0))),
        entry(SSIM, lambda: mean_of(fidelity.paired_structural_similarity(made, wanted, "rgb", 0))),
    ]


def paired_distances(extractor: Extractor, made: np.ndarray, wanted: np.ndarray) -> list[Entry]:
    """Of features (n, d) each, item i of one belonging to item i of the other."""
    fd, kd = (Figure(key, extractor.figure(key.upper()), "lower") for key in ("fd", "kd"))
    return [
        entry(fd, lambda: frechet_estimate(made, wanted).together()),
        entry(kd, lambda: paired_kernel_estimate(made, wanted)),
    ]


def by_key(entries: list[Entry]) -> dict[str, Entry]:
    return {one.figure.key: one for one in entries}


def blocks(dataset: Dataset, index: np.ndarray) -> Iterator[Tensor]:
    """Pictures as networks take them, a few at a time."""
    for at in range(0, len(index), BLOCK):
        yield dataset.batch(index[at : at + BLOCK]).x
