"""How well pictures are enlarged: made small as the model learned it, in their own sizes, and made large again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch

from imaginable.apps import _items, _translator
from imaginable.apps._contest import Asked, Contest, Entry, entry
from imaginable.apps._progress import Counter
from imaginable.apps._rows import Figure, number
from imaginable.apps._translated import by_key
from imaginable.apps._translator import Translator
from imaginable.apps.upscale import TILE
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import DataOptions
from imaginable.data.decode import Unreadable
from imaginable.data.sources import open_source
from imaginable.data.whole import Whole, whole
from imaginable.methods._method import Enlarges
from imaginable.metrics import fidelity, sharpness, structure
from imaginable.metrics.estimate import Estimate, mean_of
from imaginable.model import Model
from imaginable.nn.degrade import Degradation, larger

BICUBIC = "bicubic"
SHOWN, CROP = 6, 160
"""pictures in the sheet, and pixels on a side of each: its middle"""
SMALLEST = 2 * fidelity.BORDER + structure.WINDOW

PSNR_Y = Figure("psnr_y", "PSNR of Y", "higher", "dB")
SSIM_Y = Figure("ssim_y", "SSIM of Y", "higher")
PSNR_RGB = Figure("psnr_rgb", "PSNR of RGB", "higher", "dB")
SPECTRUM = Figure("spectrum", "spectrum, distance to the original's", "lower", "dB")
SHARPNESS = Figure("sharpness", "sharpness (1 = as the originals)", "near one")
GAIN = Figure("gain", "PSNR of Y more than bicubic", "neither", "dB")
LEAST = Figure("least_gain", "of all pictures at least", "neither", "dB")
WINS = Figure("better", "pictures above bicubic", "neither")
_MEANS = (PSNR_Y, SSIM_Y, PSNR_RGB, SPECTRUM)


def enlarged(models: Mapping[str, Model], asked: Asked) -> Contest:
    """Bicubic enlargement, and every stage of the models, the last of which it is about, that of the first model."""
    first = next(iter(models.values()))
    _refuse_unlike(models)
    chosen, said = _items.choose_whole(
        first, asked.data, asked.n, everything=asked.everything, seed=asked.seed, say=asked.say
    )
    makers = _makers(models)
    found = _measured(chosen, makers, first, asked)
    entries = {name: by_key(_entries(found, name)) for name in (BICUBIC, *makers)}
    main = [name for name in makers if name == next(iter(models)) or name.startswith(f"{next(iter(models))} ")][-1]
    method = cast(Enlarges, first.method)
    conventions = (
        f"Made {method.factor} times smaller {_said(method.degradation)}, after cropping to a multiple of "
        f"{method.factor} at the right and below.",
        f"Y: {fidelity.convention('y')}. RGB: {fidelity.convention('rgb')}. PSNR of each picture, at most 58.9 dB.",
        f"Spectrum: radially averaged power, root of the mean squared difference in dB. Sharpness: energy beyond "
        f"{sharpness.FINE} cycles a pixel.",
    )
    remarks = [line for name in models if (line := _trade(name, entries))]
    return Contest(f"Enlarged, {said}", entries, main, conventions, remarks, found.sheet(), SHOWN)


def _makers(models: Mapping[str, Model]) -> dict[str, Translator]:
    """One for every way of every model, the usual one last: `NAME pixel`, `NAME sharp`; NAME where there is one."""
    found: dict[str, Translator] = {}
    for name, model in models.items():
        translator = _translator.of(model, TILE)
        ways = reversed(model.method.ways)
        found |= {f"{name} {way}": replace(translator, to=way) for way in ways} or {name: translator}
    return found


def _refuse_unlike(models: Mapping[str, Model]) -> None:
    (name, first), *others = ((name, cast(Enlarges, model.method).degradation) for name, model in models.items())
    for other, degradation in others:
        if degradation != first:
            raise UserError(f"{name} learned from {first}, and {other} from {degradation}: they cannot be compared")


def _said(degradation: Degradation) -> str:
    """Beside the factor."""
    more = []
    if degradation.blur:
        more.append(f"after a blur of up to {degradation.blur:g} pixels")
    if degradation.noise:
        more.append(f"with noise of up to {degradation.noise:g} grey levels")
    if degradation.jpeg:
        more.append(f"through JPEG of quality {degradation.jpeg} or better")
    return ", ".join(["by a bicubic kernel, antialiased and rounded, as in training", *more])


# ---- picture by picture


@dataclass
class _Found:
    """Numbers of every picture, by maker and figure; and crops of the first ones, by maker."""

    numbers: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    crops: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))

    def add(self, maker: str, made: np.ndarray, original: np.ndarray) -> None:
        of, two = self.numbers[maker], (made[None], original[None])
        of["psnr_y"] += fidelity.paired_peak_signal_to_noise(*two, "y").tolist()
        of["ssim_y"] += fidelity.paired_structural_similarity(*two, "y").tolist()
        of["psnr_rgb"] += fidelity.paired_peak_signal_to_noise(*two, "rgb").tolist()
        of["spectrum"] += sharpness.spectral_distance(*two).tolist()
        of["energy"] += sharpness.fine_energy(made[None]).tolist()

    def show(self, kind: str, picture: np.ndarray) -> None:
        if len(self.crops[kind]) < SHOWN:
            self.crops[kind].append(_middle(picture if picture.shape[2] == 3 else picture.repeat(3, 2), CROP))

    def sheet(self) -> dict[str, np.ndarray]:
        side = min(min(crop.shape[:2]) for crops in self.crops.values() for crop in crops)
        return {kind: np.stack([_middle(crop, side) for crop in crops]) for kind, crops in self.crops.items()}

    def of(self, maker: str, key: str) -> np.ndarray:
        return np.array(self.numbers[maker][key])


def _measured(chosen: list[str], makers: Mapping[str, Translator], model: Model, asked: Asked) -> _Found:
    found, method = _Found(), cast(Enlarges, model.method)
    degradation, factor = method.degradation, method.factor
    with Counter(len(chosen), asked.say) as counter:
        for position, (name, picture) in enumerate(_read(chosen, model, asked)):
            original = picture.on(_translator.ground_of(picture, model))
            height, width = (side // factor * factor for side in original.shape[:2])
            if min(height, width) < max(SMALLEST, 2 * factor):
                asked.say(f"left out {name}: {width}x{height} pixels, and at least {SMALLEST} are needed")
                continue
            original = original[:height, :width]
            small = _small(original, degradation, seeds.derive(asked.seed, "degrade", name))
            made = {BICUBIC: images.to_uint8(larger(images.to_float(small[None]), factor))[0]}
            for maker, translator in makers.items():
                made[maker] = translator.in_colours_of(small, lambda share: None)
            found.show("low resolution", small.repeat(factor, 0).repeat(factor, 1))
            for maker, one in made.items():
                found.add(maker, one, original)
                found.show(maker, one)
            found.show("the original", original)
            found.numbers["the original"]["energy"] += sharpness.fine_energy(original[None]).tolist()
            counter.show(position + 1)
    if not found.crops:
        raise UserError(f"{asked.data}: no picture in it can be measured")
    return found


def _read(chosen: list[str], model: Model, asked: Asked) -> Iterator[tuple[str, Whole]]:
    with open_source(DataOptions(asked.data, size=model.shape.size)) as source:
        by_name = {item.name: item for item in source.items}
        for name in chosen:
            try:
                yield name, whole(source.read(by_name[name]))
            except (Unreadable, OSError) as error:
                asked.say(f"left out {name}: {error}")


def _small(original: np.ndarray, degradation: Degradation, seed: int) -> np.ndarray:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        small: np.ndarray = images.to_uint8(degradation(images.to_float(original[None])))[0]
    return small


def _middle(picture: np.ndarray, side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return picture[top : top + side, left : left + side].copy()


# ---- figures


def _entries(found: _Found, maker: str) -> list[Entry]:
    entries = [Entry(figure, mean_of(found.of(maker, figure.key))) for figure in _MEANS]
    energies = found.of(maker, "energy"), found.of("the original", "energy")
    entries.append(entry(SHARPNESS, lambda: sharpness.ratio_of_energies(*energies).together()))
    if maker == BICUBIC:
        return entries
    gain = found.of(maker, "psnr_y") - found.of(BICUBIC, "psnr_y")
    least, wins = float(gain.min()), float((gain > 0).sum())
    return [
        *entries,
        Entry(GAIN, mean_of(gain)),
        Entry(LEAST, Estimate(least, n=len(gain))),
        Entry(WINS, Estimate(wins, n=len(gain))),
    ]


def _trade(name: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """What the second stage of a model gives up for what; empty where it has none."""
    pixel, sharp = (entries.get(f"{name} {stage}") for stage in ("pixel", "sharp"))
    if pixel is None or sharp is None:
        return ""
    loss = -sharp["psnr_y"].less(pixel["psnr_y"]).estimate.value
    if loss == 0:
        return f"{name}: sharp is still what pixel is; the second stage has not begun."
    before, after = (stage["spectrum"].estimate.value for stage in (pixel, sharp))
    spectra = f"its spectrum is {_brief(after)} dB from the original's, that of pixel {_brief(before)}"
    if loss < 0:
        return f"{name}: sharp has no less PSNR than pixel; {spectra}."
    traded = "that is what it trades" if after < before else "so it lost twice"
    return f"{name}: sharp has {_brief(loss)} dB less PSNR of Y than pixel, and {spectra}: {traded}."


def _brief(value: float) -> str:
    """With two digits."""
    return number(value, abs(value) / 10)
