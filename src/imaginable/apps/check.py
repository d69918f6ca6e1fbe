"""`imaginable check DATA`: what is in there, what would be put right or skipped, and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imaginable.data.check import Checked
from imaginable.data.check import check as check_data
from imaginable.data.survey import Advance

if TYPE_CHECKING:
    from imaginable.data.dataset import DataOptions

SHEET = 100
"""pictures on a contact sheet, at most"""


def check(options: DataOptions, out: Path | None = None, progress: Advance | None = None) -> Checked:
    """Looks at all of the data; `lines()` of the result is the report. Writes a contact sheet (PNG) to `out`.

    Raises UserError when there are no pictures, or the sheet cannot be written.
    """
    checked = check_data(options, progress)
    if out is not None and checked.sample:
        from imaginable.data import images  # which imports torch

        images.save(Path(out), images.sheet(_spread(checked.sample)), origin=None)
    return checked


def _spread(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """At most SHEET of them, evenly spread, as one array uint8 (n, h, w, 1 | 3): grey only if all are."""
    chosen = np.linspace(0, len(pictures) - 1, min(SHEET, len(pictures))).astype(int)
    channels = max(picture.shape[2] for picture in pictures)
    return np.stack([np.broadcast_to(pictures[i], (*pictures[i].shape[:2], channels)) for i in chosen])
