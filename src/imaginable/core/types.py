"""The few nouns that everything shares: what data is, what a batch holds, where training stands, what a loss is."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["images", "points", "pairs", "domains"]
"""pairs: item i of A belongs to item i of B; domains: two heaps of pictures, A and B, without partners"""


@dataclass(frozen=True)
class DataSpec:
    """What networks must know of the data.

    kind: what an item is; all but points are float tensors in [-1, 1].
    shape: one item (of A), (channels, height, width) for pictures, (dimensions,) for points.
    target_shape: one item of B, for pairs and domains.
    classes: names of the labels 0, 1, ...; empty without labels.
    factors: names of the known factors of variation, in the order of `Batch.factors`' columns.
    count: training items (of A).
    """

    kind: Kind
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    target_shape: tuple[int, ...] | None = None
    count: int = 0

    @property
    def dimensions(self) -> int:
        """Numbers in one item."""
        return int(torch.Size(self.shape).numel())

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """That of an item, or of one of A and one of B."""
        if self.target_shape is None or self.kind not in ("pairs", "domains"):
            return (self.shape,)
        return self.shape, self.target_shape

    @property
    def said(self) -> str:
        """For a person: `pairs 3x64x64 and 1x64x64`."""
        return f"{self.kind} {' and '.join('x'.join(map(str, shape)) for shape in self.shapes)}"


@dataclass(frozen=True)
class Batch:
    """Items that travel together. Everything has the batch as its first dimension.

    x: the items, (n, *spec.shape). y: of pairs their partners, of domains as many items of B, (n, *spec.target_shape).
    label: (n,) int64, -1 = unknown. hole: (n, 1, h, w), 1 = to be filled, where the data brings masks.
    lengths: of sequences. factors: (n, factors) float. drawn: what `Phase.draw` made at the start of the cycle.
    held_out, held_out_label: as many items that are never trained on, with about every fourth batch of pictures: to
    see how the networks take them.
    """

    x: Tensor
    y: Tensor | None = None
    label: Tensor | None = None
    hole: Tensor | None = None
    lengths: Tensor | None = None
    factors: Tensor | None = None
    drawn: Tensor | None = None
    held_out: Tensor | None = None
    held_out_label: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> Batch:
        moved = {name: value.to(device) for name, value in self._present().items()}
        return replace(self, **moved)

    def part(self, start: int, stop: int) -> Batch:
        """Items start..stop, for micro-batches."""
        return replace(self, **{name: value[start:stop] for name, value in self._present().items()})

    def _present(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Progress:
    """Where training stands. The clock is images seen."""

    seen: int
    total: int
    step: int

    @property
    def fraction(self) -> float:
        return min(1.0, self.seen / self.total)


class Loss:
    """A scalar to descend and scalars to plot: `Loss(total, kl=..., reconstruction=...)`."""

    def __init__(self, total: Tensor, **terms: Tensor) -> None:
        self.total = total
        self.terms = {name: term.detach() for name, term in terms.items()}
