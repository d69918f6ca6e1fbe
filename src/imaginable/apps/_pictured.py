"""What the pages of measurements show: samples, their nearest training images, spectra, the frame of reference."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from imaginable.apps import _page
from imaginable.apps._measure import Measured
from imaginable.apps._reference import Reference
from imaginable.apps._rows import Row
from imaginable.data import images
from imaginable.metrics.sharpness import spectrum

SHEET, COLUMNS = 64, 8
BESIDE = 16
_SPECTRA = 2_000


def samples(measured: Measured, caption: str = "") -> str:
    """A sheet, or the reason why there is none."""
    if not measured.draws:
        return f"<p>{html.escape(measured.model.name)} has no prior to draw samples from.</p>"
    caption = caption or f"Samples of {measured.model.origin(measured.reference.seed)}: synthetic"
    if not measured.reference.items.are_pictures:
        return _page.sheet(_dots(measured.drawn.samples, measured.reference)[None], 1, caption)
    return _page.sheet(measured.drawn.samples[:SHEET], COLUMNS, caption)


def beside_training(measured: Measured) -> str:
    """Each of the first samples above the training image nearest to it."""
    reference = measured.reference
    if not measured.draws or not reference.items.are_pictures:
        return ""
    nearest = reference.items.show(reference.training[measured.drawn.to_training[1][:BESIDE]])
    page = images.pairs(measured.drawn.samples[:BESIDE], nearest, COLUMNS)
    caption = (
        f"{len(nearest)} samples, each above its nearest training image by the {reference.extractor.name} features"
    )
    return _page.picture(page, caption, scale=2.0 if nearest.shape[2] <= _page.TINY else 1.0)


def real(reference: Reference) -> str:
    caption = f"Real: held-out items of {reference.items.options.source}"
    if not reference.items.are_pictures:
        return _page.sheet(_dots(reference.items.seen, reference)[None], 1, caption)
    return _page.sheet(reference.items.seen[:SHEET], COLUMNS, caption)


def spectra(reference: Reference, sets: Mapping[str, np.ndarray]) -> str:
    """Mean power against frequency, of real pictures and of others by their names."""
    if not reference.items.are_pictures or min(reference.items.seen.shape[1:3]) < 8:
        return ""
    drawn = Figure(figsize=(6.4, 3.2), layout="constrained")
    axis = drawn.add_subplot()
    for name, pictures in {"real": reference.items.seen, **sets}.items():
        frequencies, power = spectrum(pictures[:_SPECTRA])
        style = {"color": "black", "linewidth": 2} if name == "real" else {"linewidth": 1.5}
        axis.plot(frequencies, power.mean(0), label=name, **style)
    axis.axvspan(0.25, 0.5, alpha=0.08, color="tab:blue", linewidth=0)
    axis.set_yscale("log")
    axis.set_xlabel("cycles per pixel (shaded: the fine detail that sharpness counts)", fontsize=9)
    axis.set_title("Power spectrum", fontsize=10)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=8, frameon=False)
    return _page.plot(drawn)


def frame(reference: Reference) -> str:
    """The distances of sets that one knows what to think of."""
    rows = [[html.escape(name), *map(cell, found)] for name, found in reference.frame.items()]
    return _page.table(
        ["against as many training items", *(row.name for row in next(iter(reference.frame.values())))], rows
    )


def cell(row: Row | None) -> str:
    return "" if row is None else html.escape(row.text)


def _dots(points: np.ndarray, reference: Reference) -> np.ndarray:
    return images.scatter(points[:, :2], 1.2 * float(np.abs(reference.items.seen).max()))
