"""What the rest of the package sees of data: the options that decide it, and the prepared arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from imaginable.core import seeds
from imaginable.core.types import Batch, DataSpec


@dataclass(frozen=True)
class DataOptions:
    """Where the data is and how it is read."""

    source: str
    """a folder (sub-folders are classes), a zip, an .npz, or a built-in: sneakers, digits, stacked-digits, gaussians"""
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
    side_by_side: bool = False
    """every picture is a pair: A on its left half, B on its right; its width must be twice its height"""
    masks: str | None = None
    """a folder or zip of masks, by the pictures' names and in their sizes: white is to be filled"""
    limit: int | None = None
    """use at most so many items; the number of items for a built-in that is drawn"""
    binarise: bool = False
    """grey pictures become black and white, each pixel drawn with its grey value as the chance of white:
    anew whenever it is trained on, once and for all where it is held out (the benchmark of the VAE papers)"""


@dataclass(frozen=True)
class Dataset:
    """Prepared data: one array that training indexes; two of pairs and of domains.

    items: uint8 (n, height, width, channels), a read-only memory map, for images; float32 (n, d) for points.
    labels: (n,) int64, -1 = unknown. factors: (n, len(spec.factors)) float32, NaN = unknown.
    names: the file (or index) each item came from.
    train, held_out: indices into items. Nothing in held_out is ever trained on.
    manifest: what went in, what was fixed or skipped, how it was split (goes into manifest.json).
    targets: B, uint8 (m, h, w, c). Of pairs item i belongs to target i; of domains target_train and target_held_out
    index it. target_names: the file each target came from. masks: uint8 (n, h, w, 1), 255 = to be filled.
    """

    spec: DataSpec
    items: np.ndarray
    labels: np.ndarray
    factors: np.ndarray
    names: tuple[str, ...]
    train: np.ndarray
    held_out: np.ndarray
    manifest: dict[str, Any] = field(default_factory=dict)
    binarise: bool = False
    targets: np.ndarray | None = None
    target_names: tuple[str, ...] = ()
    target_train: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    target_held_out: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    masks: np.ndarray | None = None

    def batch(self, index: np.ndarray, mirrored: np.ndarray | None = None, draw: int | None = None) -> Batch:
        """Items `index` as a Batch; `mirrored` (n,) bool says which are flipped left to right, with their partners.

        Images come out as float32 in [-1, 1], (n, c, h, w), in channels_last memory format
        (the array is stored that way, so it costs nothing). draw: the seed of this batch's binarisation;
        without it every item has its own fixed one.
        """
        raw = self.items[index]
        if self.spec.kind == "points":
            x = torch.from_numpy(np.array(raw, dtype=np.float32))
        else:
            if self.binarise:
                raw = np.where(_thresholds(index, raw.shape[1:], draw) < raw, np.uint8(255), np.uint8(0))
            x = _tensors(raw, mirrored)
        return Batch(
            x=x,
            hole=None if self.masks is None else _tensors(self.masks[index], mirrored).add_(1).div_(2),
            y=self.target_batch(index, mirrored) if self.spec.kind == "pairs" else None,
            label=torch.from_numpy(self.labels[index]) if self.spec.classes else None,
            factors=torch.from_numpy(self.factors[index]) if self.spec.factors else None,
        )

    def target_batch(self, index: np.ndarray, mirrored: np.ndarray | None = None) -> Tensor:
        """Items `index` of B, as `batch` gives those of A."""
        if self.targets is None:
            raise ValueError("this data has no targets")
        return _tensors(self.targets[index], mirrored)

    def only_b(self) -> Dataset:
        """B of pairs or of domains, as a data set of single pictures."""
        if self.targets is None or self.spec.target_shape is None:
            raise ValueError("this data has no targets")
        domains = self.spec.kind == "domains"
        train, held_out = (self.target_train, self.target_held_out) if domains else (self.train, self.held_out)
        spec = DataSpec("images", self.spec.target_shape, count=len(train))
        n = len(self.targets)
        labels, factors = np.full(n, -1, dtype=np.int64), np.zeros((n, 0), dtype=np.float32)
        return Dataset(spec, self.targets, labels, factors, self.target_names, train, held_out, self.manifest)

    def only_a(self) -> Dataset:
        """A of them, likewise."""
        spec = replace(self.spec, kind="images", target_shape=None)
        return replace(self, spec=spec, targets=None, target_names=())


def _tensors(raw: np.ndarray, mirrored: np.ndarray | None) -> Tensor:
    """uint8 (n, h, w, c) as float32 (n, c, h, w) in [-1, 1], those that are `mirrored` flipped left to right."""
    if mirrored is not None and mirrored.any():
        raw = np.where(mirrored[:, None, None, None], raw[:, :, ::-1], raw)
    pixels = torch.from_numpy(np.ascontiguousarray(raw)).permute(0, 3, 1, 2)
    return pixels.float().mul_(1 / 127.5).sub_(1.0)


def _thresholds(index: np.ndarray, shape: tuple[int, ...], draw: int | None) -> np.ndarray:
    """Uniform numbers in [0, 255), (n, *shape): below a grey value v with probability v / 255."""
    if draw is not None:
        return 255 * np.random.Generator(np.random.Philox(draw)).random((len(index), *shape), dtype=np.float32)
    fixed = [np.random.Generator(np.random.Philox(seeds.derive("binarise", int(item)))) for item in index]
    return 255 * np.stack([random.random(shape, dtype=np.float32) for random in fixed])
