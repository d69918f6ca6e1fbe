"""The page of a model that was tried on labelled defects: tables, and what it saw in pictures of every kind."""

from __future__ import annotations

import html
from collections.abc import Iterator

import numpy as np
from scipy.ndimage import binary_erosion

from imaginable.apps import _alarm_files, _page
from imaginable.apps._contest import as_html
from imaginable.apps._detector import Detector
from imaginable.apps._told import Verdicts
from imaginable.data import images

EACH = 4
"""pictures of the highest scores of a kind that are shown, and of the lowest"""
_OUTLINE = np.array([0, 170, 255], dtype=np.uint8)


def article(found: Verdicts, detector: Detector) -> str:
    parts = [
        f"<h1>{html.escape(detector.model.origin())}, tried on defects</h1>",
        f"<p>On {html.escape(found.items.said)}.</p>",
        "<p>The score that is used, marked *, was chosen on made defects alone.</p>",
        as_html(found.table()),
        *(f"<p>{html.escape(line)}</p>" for line in (found.alarms, *found.differences)),
        "<h2>AUROC by kind of defect, against all good pictures</h2>",
        as_html(found.by_kind()),
        "<h2>What it saw</h2>",
        *_sheets(found, detector),
    ]
    return f"<article>{''.join(parts)}</article>"


def _sheets(found: Verdicts, detector: Detector) -> Iterator[str]:
    scores = found.told[found.default].seen.score.numpy()
    kinds = {**found.items.kinds, "good": found.items.is_good}
    for kind, which in kinds.items():
        order = np.flatnonzero(which)[np.argsort(-scores[which], kind="stable")]
        chosen = np.concatenate([order[:EACH], order[EACH:][-EACH:]])
        caption = f"{kind}: the {EACH} highest scores, then the {EACH} lowest; heat over the picture"
        caption += ", the known defect outlined" if found.items.truth is not None and kind != "good" else ""
        yield _page.picture(images.sheet(np.stack([_shown(found, detector, one) for one in chosen]), 2 * EACH), caption)


def _shown(found: Verdicts, detector: Detector, one: int) -> np.ndarray:
    """Its heat map, and the outline of what is known."""
    where = detector.shown_by(found.default)
    heat = detector.heat(where, found.told[where].seen.part(one))
    pixels = found.items.show(one)
    picture = _alarm_files.enlarged(pixels) if heat is None else _alarm_files.overlay(pixels, heat[0].numpy())
    truth = found.items.truth
    if truth is not None and truth.where[one].any():
        factor = picture.shape[0] // truth.where.shape[1]
        inside = truth.where[one].repeat(factor, 0).repeat(factor, 1)
        picture[inside & ~binary_erosion(inside, iterations=2)] = _OUTLINE
    return picture
