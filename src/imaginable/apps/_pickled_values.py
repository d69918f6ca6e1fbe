"""What the names in an official StyleGAN checkpoint stand for: networks as records, tensors, numpy's numbers.

Such a file holds the source of its networks' classes beside their state; that is read past, as any other text.
"""

from __future__ import annotations

import io
import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imaginable.apps._pickles import Completed, Maker, Name, RefusedError, key, load
from imaginable.core.errors import UserError

MOST_BYTES = 4 * 2**30
"""of a file; the largest official ones have a tenth of it"""
MOST_MODULES = 2_000
"""of a network; the largest official ones have a hundred"""
LONGEST_NAME = 100


@dataclass(frozen=True)
class Record:
    """A module: the name of its class, and its attributes."""

    class_name: str
    state: Mapping[str, Any]

    def part(self, name: str) -> Mapping[str, Any]:
        """One of its mappings; empty where there is none."""
        found = self.state.get(name)
        return found if isinstance(found, dict) else {}

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers, those of modules inside included, by their names with dots."""
        found: dict[str, Tensor] = {}
        modules = [("", self)]
        for prefix, module in modules:  # grows while it is walked: a file may nest records as deep as it likes
            inside = module.part("_modules").items()
            modules += [(f"{prefix}{_name(name)}.", one) for name, one in inside if isinstance(one, Record)]
            for value in (module.part("_parameters"), module.part("_buffers")):
                found |= {f"{prefix}{_name(name)}": one for name, one in value.items() if isinstance(one, Tensor)}
            if len(modules) > MOST_MODULES or len(found) > 10 * MOST_MODULES:
                raise RefusedError("is nested too deeply for an official checkpoint")
        return found


def read(path: Path) -> dict[Any, Any]:
    """The mapping that an official checkpoint is. Raises UserError, in one line, for anything else."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            if not size:
                raise RefusedError("is empty")
            if size > MOST_BYTES:
                raise RefusedError(f"has {size:,} bytes, and no official checkpoint has more than {MOST_BYTES:,}")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content[:2] == b"PK":
                    raise RefusedError("is a zip, as torch.save writes; the official checkpoints are plain pickles")
                found = load(content, KNOWN)  # type: ignore[arg-type]  # it has what is read by: read, readline, tell
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except OSError as error:
        raise UserError(f"{path}: not readable ({error.strerror})") from error
    except RefusedError as error:
        raise UserError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no networks by name, as an official checkpoint does")
    return found


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise RefusedError("has a module without a proper name, which no official checkpoint has")
    return value


def _record(arguments: tuple[Any, ...]) -> Record:
    (described,) = arguments
    state = described["state"] or {}
    if described["type"] != "class" or not isinstance(state, dict) or not isinstance(described["class_name"], str):
        raise RefusedError("holds a record that is not a network's")
    return Record(described["class_name"], state)


def _mapping(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """An empty one, which the file then fills."""
    () = arguments
    return {}


def _set(arguments: tuple[Any, ...]) -> set[str | int]:
    (items,) = arguments
    return set(map(key, items))


def _first(arguments: tuple[Any, ...]) -> Any:
    return arguments[0]


def _never(arguments: tuple[Any, ...]) -> Any:
    raise RefusedError("makes a value of a name that is only to be mentioned; refused without running anything")


# ---- tensors

_STORAGES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""what torch.save put at the start of a file before it wrote zips, and still does for a storage inside a pickle"""


def _storage(arguments: tuple[Any, ...]) -> Tensor:
    """A storage as a tensor of one dimension. Its bytes are five pickles, then a count, then the numbers."""
    (content,) = arguments
    file = io.BytesIO(content)
    magic, protocol, about = (load(file, {}) for _ in range(3))
    kind, name, *_, count, _ = load(file, dict.fromkeys(_STORAGES, _never), _itself)
    load(file, {})  # its key, of which there is one
    (again,) = struct.unpack("<q", file.read(8))
    numbers = memoryview(content)[file.tell() :]
    if (magic, protocol, kind, about["little_endian"]) != (_MAGIC, _PROTOCOL, "storage", True):
        raise RefusedError("holds a storage that torch did not write, or on a machine with another order of bytes")
    dtype = _STORAGES[name.text]
    if not count == again == len(numbers) / dtype.itemsize:
        raise RefusedError(f"holds a storage of {len(numbers):,} bytes that is said to have {count:,} numbers")
    return torch.frombuffer(bytearray(numbers), dtype=dtype) if count else torch.empty(0, dtype=dtype)


def _itself(reference: tuple[Any, ...]) -> tuple[Any, ...]:
    return reference


def _tensor(arguments: tuple[Any, ...]) -> Tensor:
    storage, offset, size, stride, *_ = arguments
    if not isinstance(storage, Tensor) or storage.ndim != 1 or len(size) != len(stride):
        raise RefusedError("holds a tensor without a storage")
    if min((offset, *size, *stride)) < 0:
        raise RefusedError("holds a tensor of negative sizes")
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    if math.prod(size) and (last >= len(storage) or math.prod(size) > len(storage)):
        raise RefusedError(
            f"holds a tensor of {math.prod(size):,} numbers that is not within its storage of {len(storage):,}"
        )
    return storage.as_strided(size, stride, offset) if math.prod(size) else storage.new_empty(0)


# ---- numpy's

_KINDS = {f"{kind}{size}" for kind, sizes in {"f": "248", "i": "1248", "u": "1248", "b": "1"}.items() for size in sizes}


@dataclass
class _Dtype(Completed):
    """Of plain numbers: never of objects, which would be pickles again."""

    code: str

    def complete(self, state: Any) -> None:
        if len(state) < 2 or state[1] not in ("<", "|") or any(part is not None for part in state[2:5]):
            raise RefusedError("holds numbers of a kind that no official checkpoint has")

    def numbers(self, content: bytes) -> np.ndarray:
        return np.frombuffer(content, np.dtype(f"<{self.code}" if self.code[1] != "1" else self.code))


@dataclass
class _Array(Completed):
    values: np.ndarray = field(default_factory=lambda: np.empty(0))

    def complete(self, state: Any) -> None:
        _, shape, dtype, by_columns, content = state
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise RefusedError("holds an array of objects, which no official checkpoint needs; refused")
        self.values = dtype.numbers(content).reshape(shape, order="F" if by_columns else "C")


def _dtype(arguments: tuple[Any, ...]) -> _Dtype:
    code = arguments[0]
    if code not in _KINDS:
        raise RefusedError("holds an array of objects or text, which no official checkpoint needs; refused")
    return _Dtype(code)


def _scalar(arguments: tuple[Any, ...]) -> int | float | bool:
    dtype, content = arguments
    if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
        raise RefusedError("holds a number that is an object, which no official checkpoint needs; refused")
    (value,) = dtype.numbers(content).tolist()
    number: int | float | bool = value
    return number


def _array(arguments: tuple[Any, ...]) -> _Array:
    kind, shape, _ = arguments
    if not isinstance(kind, Name) or kind.text != "numpy.ndarray" or shape != (0,):
        raise RefusedError("holds an array that numpy did not write")
    return _Array()


KNOWN: dict[str, Maker] = {
    "torch_utils.persistence._reconstruct_persistent_obj": _record,
    "dnnlib.util.EasyDict": _mapping,
    "collections.OrderedDict": _mapping,
    "builtins.set": _set,
    "torch.storage._load_from_bytes": _storage,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch.Size": _first,
    "torch.device": _first,
    **{f"torch.{str(dtype).removeprefix('torch.')}": _never for dtype in _STORAGES.values()},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": _array for core in ("core", "_core")},
    "numpy.dtype": _dtype,
    "numpy.ndarray": _never,
}
