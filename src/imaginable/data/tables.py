"""labels.csv and factors.csv beside the pictures: classes, splits and known factors of variation."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from imaginable.core.errors import UserError
from imaginable.data.layout import SplitName, in_order, split_name

TABLES = ("labels.csv", "factors.csv")

MOST_VALUES = 20
"""different texts that a column may always have; beyond that, at most one for every four pictures"""

_UNKNOWN = {"", "nan", "na", "n/a", "none", "null"}


@dataclass
class Rows:
    """What the tables say, by the picture's relative path.

    splits, labels: only where a table names one. columns: factor name -> picture -> text as written.
    notes: lines for a person, such as how many rows name no file.
    """

    splits: dict[str, SplitName] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Factors:
    """Factors as numbers.

    names: k factors that vary. rows: one tuple of k floats per picture, NaN = unknown. values: of categorical
    factors, the words that 0, 1, ... stand for. notes: which columns were left out and why.
    """

    names: tuple[str, ...]
    rows: list[tuple[float, ...]]
    values: dict[str, tuple[str, ...]]
    notes: list[str]


def read_tables(tables: Mapping[str, bytes], names: Sequence[str], where: str) -> Rows:
    """Reads every table (relative path -> content) about the pictures `names`.

    Raises UserError when a table is no text, has no rows, or names no picture at all.
    """
    rows = Rows()
    for path, content in sorted(tables.items()):
        _read_table(rows, path, content, names, f"{where}: {path}")
    return rows


def _read_table(rows: Rows, path: str, content: bytes, names: Sequence[str], where: str) -> None:
    header, lines = _parse(content, where)
    find = _Finder(names, PurePosixPath(path).parent)
    found = [(find(line[0]), line) for line in lines]
    used = [(name, line) for name, line in found if name]
    if not used and not find.ambiguous:
        raise UserError(
            f"{where} names no picture that is here (its first row says {lines[0][0]!r});\n"
            "its first column must be the file, as a path relative to the table or a bare file name"
        )
    if find.ambiguous:
        rows.notes.append(f"{path}: {find.ambiguous} rows fit several pictures, so they are not used")
    if missing := len(found) - len(used) - find.ambiguous:
        rows.notes.append(f"{path}: {missing} of {len(found)} rows name no picture that is here")
    labels = PurePosixPath(path).name.lower() == "labels.csv"
    for position, column in enumerate(header[1:], start=1):
        cells = {name: line[position].strip() for name, line in used if position < len(line)}
        _take_column(rows, column, cells, labels)


def _take_column(rows: Rows, column: str, cells: Mapping[str, str], labels: bool) -> None:
    if labels and column.lower() == "split":
        rows.splits.update({name: split for name, cell in cells.items() if (split := split_name(cell))})
    elif labels and column.lower() in ("label", "class"):
        rows.labels.update({name: cell for name, cell in cells.items() if cell})
    elif column and cells:
        rows.columns[column].update(cells)


def _parse(content: bytes, where: str) -> tuple[list[str], list[list[str]]]:
    try:
        text = content.decode("utf-8-sig")
        first = text.partition("\n")[0]
        # spreadsheets of many countries write semicolons
        delimiter = max(",;\t", key=first.count)
        lines = [line for line in csv.reader(text.splitlines(), delimiter=delimiter) if any(line)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where} is not a readable table ({error}); save it as csv in UTF-8") from error
    if len(lines) < 2:
        raise UserError(f"{where} has no rows; it needs a line of column names and one line per picture")
    return [column.strip() for column in lines[0]], lines[1:]


class _Finder:
    """Finds the picture that a table's first column means."""

    def __init__(self, names: Sequence[str], folder: PurePosixPath) -> None:
        self.folder = folder
        self.names = set(names)
        self.ambiguous = 0
        self.bare: dict[str, list[str]] = defaultdict(list)
        for name in names:
            path = PurePosixPath(name)
            for key in {path.name, path.stem}:
                self.bare[key].append(name)

    def __call__(self, cell: str) -> str | None:
        """The picture's relative path, or None when there is no such picture or there are several."""
        cell = cell.strip().replace("\\", "/").removeprefix("./")
        path = str(self.folder / cell)
        if path in self.names:
            return path
        matches = self.bare.get(cell, [])
        self.ambiguous += len(matches) > 1
        return matches[0] if len(matches) == 1 else None


def encode_factors(columns: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> Factors:
    """Columns as numbers: numeric ones as they are, others as the index among their sorted distinct values.

    Columns that never vary, and texts that are nearly all different (titles, identifiers), are no factors.
    """
    kept: dict[str, list[float]] = {}
    values: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for column, cells in columns.items():
        texts = ["" if cells.get(name, "").lower() in _UNKNOWN else cells[name] for name in names]
        words = in_order(text for text in texts if text)
        numbers = _numbers(words)
        if len(words) < 2:
            notes.append(f"column {column!r} is the same everywhere: not used")
            continue
        if numbers is None and len(words) > max(MOST_VALUES, len(names) // 4):
            notes.append(f"column {column!r} has {len(words)} different texts: a title rather than a factor, not used")
            continue
        if numbers is None:
            values[column] = words
            numbers = {word: float(index) for index, word in enumerate(words)}
        kept[column] = [numbers.get(text, math.nan) for text in texts]
    rows = [tuple(column[index] for column in kept.values()) for index in range(len(names))]
    return Factors(tuple(kept), rows, values, notes)


def _numbers(words: Sequence[str]) -> dict[str, float] | None:
    """Each word as a finite number, or None when one is not."""
    try:
        numbers = {word: float(word) for word in words}
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers.values())) else None
