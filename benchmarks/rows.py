"""Rows of measurements, appended to a csv file, so that a benchmark that was cut off goes on where it stopped."""

import csv
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from imaginable.training.run import Run

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def there(path: Path, key: Row) -> bool:
    """Whether a row with these values was made before; says so."""
    found = any(all(row[column] == value for column, value in key.items()) for row in read(path))
    if found:
        print(f"there already: {' '.join(key.values())}")
    return found


def append(path: Path, row: Row, columns: Sequence[str]) -> None:
    """Writes the row, and prints what is known of it."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
    print("  ".join(f"{column} {row[column]}" for column in columns if row.get(column)), flush=True)


def own(assignments: Sequence[str], name: str) -> dict[str, Any]:
    """FIELD=VALUE of this method among METHOD.FIELD=VALUE."""
    parts = [text.removeprefix(f"{name}.").partition("=") for text in assignments if text.startswith(f"{name}.")]
    return {field: yaml.safe_load(value) for field, _, value in parts}


def seconds(run: Run) -> float:
    """Of training, over all sessions: each counts from 0."""
    clock = [float(line["seconds"]) for line in run.lines()]
    ends = [now for now, following in zip(clock, [*clock[1:], 0.0], strict=True) if following < now]
    return sum(ends)


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    if not values:
        return ""
    mean = f"{statistics.mean(values):.3g}"
    return f"{mean} ± {statistics.stdev(values):.2g}" if len(values) > 1 else mean
