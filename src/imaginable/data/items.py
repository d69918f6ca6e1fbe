"""What a source of data is: a list of items that are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

import numpy as np

from imaginable.data.layout import SplitName

SourceKind = Literal["folder", "zip", "npz", "built-in"]

BUILT_INS = ("sneakers", "digits", "stacked-digits", "gaussians", "gaussians-grid")


@dataclass(frozen=True)
class Item:
    """One picture or point, not yet read.

    name: its path relative to the source, or array and index. label: its class, None = unknown.
    factors: as many floats as the source has factors, NaN = unknown. position: where the source keeps it.
    mask_of: of a mask, the name of its picture.
    """

    name: str
    position: int = 0
    split: SplitName | None = None
    label: str | None = None
    factors: tuple[float, ...] = ()
    mask_of: str = ""


@dataclass(frozen=True)
class Source:
    """What a source holds. Use it in a `with`, so that its file is closed.

    where: for messages. read: an item's bytes, or its array, uint8 (h, w) or (h, w, c), float32 (d,) for
    points; raises decode.Unreadable and may be called from several threads. own_size: pixels on a side, where
    known without reading. tables: label files that were read. others: ending -> files that are no pictures.
    """

    kind: SourceKind
    where: str
    items: tuple[Item, ...]
    read: Callable[[Item], bytes | np.ndarray]
    classes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    factor_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_size: int | None = None
    points: bool = False
    tables: tuple[str, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
