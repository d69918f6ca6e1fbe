"""The progress of long work: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from imaginable.apps._pictures import Say
from imaginable.core import distributed
from imaginable.data.dataset import Dataset
from imaginable.training.job import Job
from imaginable.training.train import Report

_FEW = 20
_SECONDS_BETWEEN_LINES = 15.0


class Display:
    """Use it in a `with`; `show` every report."""

    def __init__(self, job: Job[Any], dataset: Dataset, say: Say) -> None:
        self._say = say
        self._bar: Progress | None = None
        self._last_line = time.monotonic()
        self._start: tuple[int, float] | None = None
        if sys.stderr.isatty() and distributed.rank() == 0:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[line]}"),
            )
            self._bar = Progress(*columns, transient=True)
            self._task = self._bar.add_task("training", total=job.training.images, line="")

    def __enter__(self) -> Display:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, report: Report) -> None:
        if self._start is None:  # the first step is slow and a resumed run does not begin at 0
            self._start = (report.seen, report.seconds)
        speed = (report.seen - self._start[0]) / max(1e-9, report.seconds - self._start[1])
        line = f"{speed:,.0f} images/s  " + "  ".join(f"{name} {value:.4g}" for name, value in report.terms.items())
        if report.health:
            self._say(report.health)
        if self._bar:
            self._bar.update(self._task, completed=report.seen, line=line)
        elif report.seen >= report.total or time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._say(f"{report.seen / report.total:4.0%}  {report.seen:,} of {report.total:,} images  {line}")


class Counter:
    """The progress through so many pictures. Use it in a `with`; `show` how many are done, parts of one included."""

    def __init__(self, total: int, say: Say) -> None:
        self._total, self._say = total, say
        self._last_line = time.monotonic()
        columns = (
            TextColumn(f"{{task.completed:.{int(total < _FEW)}f}} of {{task.total:.0f}}"),
            BarColumn(),
            TimeRemainingColumn(compact=True),
        )
        self._bar = Progress(*columns, transient=True, disable=not sys.stderr.isatty())
        self._task = self._bar.add_task("pictures", total=total)

    def __enter__(self) -> Counter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: float) -> None:
        self._bar.update(self._task, completed=done)
        if self._bar.disable and done < self._total and time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            parts = ".1f" if self._total < _FEW else ".0f"  # of many pictures nobody wants to see tenths
            of = f"  {done:,{parts}} of {self._total:,} pictures" if self._total > 1 else ""
            self._say(f"{done / self._total:4.0%}{of}")
