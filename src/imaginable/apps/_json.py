"""Reading JSON that a person may have edited: every value is checked, and the first wrong one named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaginable.core.errors import UserError

LARGEST_FILE = 64 * 2**20
BEYOND_SENSE = 1e6
"""a number of a code or a vector, or an amount, above which no model makes a picture of it"""


@dataclass(frozen=True)
class Reader:
    """A JSON object; `where` begins every error."""

    content: dict[str, Any]
    where: str

    @classmethod
    def of(cls, content: object, where: str) -> Reader:
        if not isinstance(content, dict):
            raise UserError(f"{where}: an object with named values was expected")
        return cls(content, where)

    @classmethod
    def of_text(cls, text: str | bytes, where: str) -> Reader:
        try:
            return cls.of(json.loads(text), where)
        except (ValueError, RecursionError) as error:  # bad bytes are a ValueError too
            raise UserError(f"{where}: not readable as JSON ({str(error)[:100]})") from error

    @classmethod
    def of_file(cls, path: Path) -> Reader:
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise UserError(f"{path}: larger than any file of this kind")
            return cls.of_text(path.read_bytes(), str(path))
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error

    def only(self, *keys: str) -> None:
        """Refuses others."""
        for key in self.content:
            if key not in keys:
                raise UserError(f"{self.where}: unknown key {str(key)[:40]!r} (known: {', '.join(keys)})")

    def _get(self, key: str) -> Any:
        if key not in self.content:
            raise UserError(f"{self.where}: {key} is missing")
        return self.content[key]

    def _wrong(self, key: str, wanted: str) -> UserError:
        return UserError(f"{self.where}: {key} is {str(self.content.get(key))[:60]!r}, and {wanted} was expected")

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def maybe_text(self, key: str) -> str | None:
        return None if self.content.get(key) is None else self.text(key)

    def flag(self, key: str) -> bool:
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def one_of(self, key: str, known: Sequence[str]) -> Any:
        if self._get(key) not in known:
            raise self._wrong(key, f"one of {', '.join(known)}")
        return self.content[key]

    def whole(self, key: str) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
            raise self._wrong(key, "a whole number from 0")
        return value

    def number(self, key: str) -> float:
        value = self._get(key)
        if not is_number(value):
            raise self._wrong(key, "a number")
        return float(value)

    def maybe_number(self, key: str) -> float | None:
        return None if self.content.get(key) is None else self.number(key)

    def numbers(self, key: str, count: int | None = None) -> list[float]:
        values = self._get(key)
        if not isinstance(values, list) or not all(is_number(value) for value in values):
            raise self._wrong(key, "a list of numbers")
        if count is not None and len(values) != count:
            raise UserError(f"{self.where}: {key} has {len(values)} numbers, and this model's codes have {count}")
        return [float(value) for value in values]

    def items(self, key: str) -> list[Reader]:
        values = self._get(key)
        if not isinstance(values, list):
            raise self._wrong(key, "a list")
        return [Reader.of(value, f"{self.where}: {key} {number}") for number, value in enumerate(values, 1)]

    def part(self, key: str) -> Reader:
        return Reader.of(self._get(key), f"{self.where}: {key}")


def is_number(value: object) -> bool:
    """One that a network can be given: not true or false, not a text, not NaN, not beyond all sense."""
    ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    return ok and abs(value) <= BEYOND_SENSE  # type: ignore[arg-type]
