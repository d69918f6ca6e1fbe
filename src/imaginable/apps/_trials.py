"""The trials of a proof as rows of a file, so that a proof that was cut off goes on where it stopped."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from imaginable.apps._arms import WITH_SYNTHETIC, Trial
from imaginable.apps._json import Reader
from imaginable.core import files
from imaginable.core.errors import UserError

COLUMNS = ("of_each_class", "arm", "generator", "seed", "right", "of", "accuracy")
Key = tuple[int, str, int, int]


class Trials:
    """By amount, arm, generator (0 where the arm has none) and seed of the classifier; kept in proof.csv of a folder.

    plan: everything else that decides a row. Raises UserError where the folder holds a proof by another plan, or
    something that is no proof.
    """

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self._rows, self._plan = folder / "proof.csv", folder / "plan.json"
        if not self._plan.exists():
            if folder.is_dir() and any(folder.iterdir()):
                raise UserError(f"--out {folder}: the folder is not empty and holds no proof; give another one")
            files.write_text(self._plan, json.dumps(plan, indent=1, ensure_ascii=False))
        self._refuse_others(folder, plan)
        self._found = self._read()

    def _refuse_others(self, folder: Path, plan: dict[str, Any]) -> None:
        before = Reader.of_file(self._plan).content
        for key, value in json.loads(json.dumps(plan)).items():
            if before.get(key) != value:
                raise UserError(
                    f"--out {folder}: a proof with {key} {before.get(key)} is there, and {value} is asked for now; "
                    "give another folder"
                )

    def _read(self) -> dict[Key, Trial]:
        if not self._rows.exists():
            return {}
        rows = csv.DictReader(io.StringIO(self._rows.read_text("utf-8")))
        try:
            return dict(map(_trial, rows))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self._rows}: not a file of trials; remove it to measure all of them anew") from error

    def __contains__(self, key: Key) -> bool:
        return key in self._found

    def __getitem__(self, key: Key) -> Trial:
        return self._found[key]

    def add(self, key: Key, trial: Trial) -> None:
        self._found[key] = trial
        box = io.StringIO()
        writer = csv.writer(box, lineterminator="\n")
        writer.writerow(COLUMNS)
        for (amount, arm, generator, seed), one in self._found.items():
            number = generator if arm in WITH_SYNTHETIC else ""
            writer.writerow([amount, arm, number, seed, one.right, one.n, f"{one.right / one.n:.4f}"])
        files.write_text(self._rows, box.getvalue())


def _trial(row: dict[str, str]) -> tuple[Key, Trial]:
    key = int(row["of_each_class"]), row["arm"], int(row["generator"] or 0), int(row["seed"])
    return key, Trial(int(row["right"]), int(row["of"]))
