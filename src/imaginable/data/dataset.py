"""What the rest of the package sees of data: the options that decide it, and the prepared arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from imaginable.core.types import Batch, DataSpec


@dataclass(frozen=True)
class DataOptions:
    """Where the data is and how it is read."""

    source: str
    """a folder (sub-folders are classes), a zip, an .npz, or a built-in: sneakers, digits, gaussians"""
    size: int | None = None
    """pixels on a side; by default the pictures' own (or the nearest that the method takes) if all share one,
    else 64"""
    colour: Literal["auto", "grey", "rgb"] = "auto"
    """auto: grey when every picture is"""
    unlabelled: bool = False
    """sub-folders are not classes; labels are not read at all"""
    fit: Literal["crop", "pad"] = "crop"
    """pictures that are not square: cut to the middle square, or padded to one"""
    flip: bool = False
    """mirror half of the training pictures left to right (harms digits and handed shapes)"""
    background: str = "white"
    """colour under transparent pictures and of --fit pad"""
    on_bad: Literal["skip", "stop"] = "skip"
    """bad files: skip them and say how many (stop if more than 5 %), or stop at the first"""
    limit: int | None = None
    """use at most so many items; the number of items for a built-in that is drawn"""


@dataclass(frozen=True)
class Dataset:
    """Prepared data: one array that training indexes.

    items: uint8 (n, height, width, channels), a read-only memory map, for images; float32 (n, d) for points.
    labels: (n,) int64, -1 = unknown. factors: (n, len(spec.factors)) float32, NaN = unknown.
    names: the file (or index) each item came from.
    train, held_out: indices into items. Nothing in held_out is ever trained on.
    manifest: what went in, what was fixed or skipped, how it was split (goes into manifest.json).
    """

    spec: DataSpec
    items: np.ndarray
    labels: np.ndarray
    factors: np.ndarray
    names: tuple[str, ...]
    train: np.ndarray
    held_out: np.ndarray
    manifest: dict[str, Any] = field(default_factory=dict)

    def batch(self, index: np.ndarray, mirrored: np.ndarray | None = None) -> Batch:
        """Items `index` as a Batch; `mirrored` (n,) bool says which images are flipped left to right.

        Images come out as float32 in [-1, 1], (n, c, h, w), in channels_last memory format
        (the array is stored that way, so it costs nothing).
        """
        raw = self.items[index]
        if self.spec.kind == "images":
            if mirrored is not None and mirrored.any():
                raw = np.where(mirrored[:, None, None, None], raw[:, :, ::-1], raw)
            pixels = torch.from_numpy(np.ascontiguousarray(raw)).permute(0, 3, 1, 2)
            x = pixels.float().mul_(1 / 127.5).sub_(1.0)
        else:
            x = torch.from_numpy(np.array(raw, dtype=np.float32))
        return Batch(
            x=x,
            label=torch.from_numpy(self.labels[index]) if self.spec.classes else None,
            factors=torch.from_numpy(self.factors[index]) if self.spec.factors else None,
        )
