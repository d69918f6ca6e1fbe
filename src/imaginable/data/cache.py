"""Prepared data on disk, keyed by content and options, so that pictures are decoded once."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from imaginable.core.errors import UserError
from imaginable.core.files import replacing, write_text

FORMAT = 1
"""raise it when the same pictures and options would now give other bytes"""

_HEADER = 128  # bytes of an .npy header of any shape that we write
_DAY = 86_400


def folder() -> Path:
    """Where prepared data is kept: $IMAGINABLE_CACHE, else the user's cache folder."""
    own = os.environ.get("IMAGINABLE_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME")
    return Path(own) if own else (Path(shared) if shared else Path.home() / ".cache") / "imaginable"


def key(*parts: Any) -> str:
    """32 hex digits for anything that JSON can write."""
    return blake2b(json.dumps([FORMAT, *parts]).encode(), digest_size=16).hexdigest()


def remembered(name: str, compute: Callable[[], Any]) -> Any:
    """`compute()`, or what it gave last time under this name (JSON values only)."""
    path = folder() / "facts" / f"{name}.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        value = compute()
        with _one_at_a_time:
            _make(path.parent)
            write_text(path, json.dumps(value))
        return value


def load(name: str) -> tuple[np.ndarray, dict[str, Any]] | None:
    """The items (a read-only memory map) and the record of an entry, or None when there is no whole one."""
    try:
        record = json.loads(_record(name).read_text("utf-8"))
        items = np.load(_items(name), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return (items, record) if list(items.shape) == record.get("shape") else None


@contextmanager
def writing(name: str) -> Iterator[Writer]:
    """A Writer of the entry `name`. The entry exists only when everything went well and `record` was set.

    The record is renamed into place last, so an entry without one is none. Processes that prepare the same
    data at the same time write the same bytes under different temporary names.
    """
    with _one_at_a_time:
        _make(_items(name).parent)
        _sweep()
        with replacing(_items(name)) as temporary, temporary.open("w+b") as file, Writer(file) as writer:
            yield writer
        write_text(_record(name), json.dumps(writer.record | {"shape": list(writer.shape)}))


@dataclass
class Writer:
    """Appends equally shaped arrays to an .npy file, and widens it from grey to colour when it must."""

    file: BinaryIO

    def __post_init__(self) -> None:
        self.record: dict[str, Any] = {}
        self.count = 0
        self.item: tuple[int, ...] = ()
        self.dtype = np.dtype(np.uint8)
        self.file.write(b"\0" * _HEADER)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count, *self.item)

    def append(self, item: np.ndarray) -> None:
        """One item: uint8 (h, w, 1 | 3), or any other shape that stays the same."""
        if not self.item:
            self.item, self.dtype = item.shape, item.dtype
        if item.shape != self.item:
            self._widen()
            item = np.broadcast_to(item, self.item)
        self.file.write(np.ascontiguousarray(item).tobytes())
        self.count += 1

    def _widen(self) -> None:
        """Grey so far, colour from now on (or a grey item among coloured ones: nothing to do)."""
        if self.item[-1] != 1:
            return
        height, width, _ = self.item
        length = height * width
        self.item = (height, width, 3)
        for index in reversed(range(self.count)):  # backwards, so that nothing unread is overwritten
            self.file.seek(_HEADER + index * length)
            grey = np.frombuffer(self.file.read(length), np.uint8)
            self.file.seek(_HEADER + index * 3 * length)
            self.file.write(np.repeat(grey, 3).tobytes())
        self.file.seek(_HEADER + self.count * 3 * length)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        header = BytesIO()
        facts = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": self.shape,
        }
        np.lib.format.write_array_header_1_0(header, facts)
        if len(header.getvalue()) != _HEADER:
            raise AssertionError("the .npy header has an unexpected length")
        self.file.seek(0)
        self.file.write(header.getvalue())


_one_at_a_time = threading.RLock()  # temporary names differ by process, not by thread


def _items(name: str) -> Path:
    return folder() / "data" / f"{name}.npy"


def _record(name: str) -> Path:
    return folder() / "data" / f"{name}.json"


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{path}: prepared data cannot be kept here ({error.strerror})"
        raise UserError(f"{reason}; set IMAGINABLE_CACHE to another folder") from error


def _sweep() -> None:
    """Removes what a killed process left behind, a day later."""
    for path in folder().glob("data/.*.tmp.*"):
        try:
            if time.time() - path.stat().st_mtime > _DAY:
                path.unlink()
        except OSError:
            continue  # another process was faster
