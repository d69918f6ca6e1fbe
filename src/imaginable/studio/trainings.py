"""Training from the page: the very command that a person would type, in a process of its own, and its log followed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imaginable import methods
from imaginable.apps._json import Reader
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data.decode import extensions
from imaginable.methods._method import Decodes, find
from imaginable.studio import wire
from imaginable.studio.jobs import Job
from imaginable.studio.runs import Runs
from imaginable.studio.workers import Workers
from imaginable.training import health
from imaginable.training import job as jobs
from imaginable.training.run import Run

BUILT_INS = ("sneakers", "digits")
_LOOKED_AT = 200
"""entries of a folder in which a picture must turn up"""
_SECONDS_BETWEEN_LOOKS = 0.5


# ---- what can be trained on


def offered(named: Sequence[Path]) -> dict[str, str]:
    """Name -> source: the built-ins, folders named when the studio was started, and what lies here."""
    here = [path for path in sorted(Path().iterdir()) if path.name != "runs" and not path.name.startswith(".")]
    found = {name: name for name in BUILT_INS}
    for path in [*named, *(path for path in here if _looks_like_pictures(path))]:
        name = path.name if path.name not in found else str(path)
        # a word that begins with - would be read as a flag
        found.setdefault(name, str(path) if path.is_absolute() else f"./{path}")
    return found


def _looks_like_pictures(path: Path) -> bool:
    if path.is_file():
        return path.suffix.lower() in (".zip", ".npz")
    return path.is_dir() and any(one.suffix.lower() in extensions() for one in _first(path))


def _first(folder: Path) -> Iterator[Path]:
    """Some of the files in a folder and the folders in it."""
    try:
        for number, path in enumerate(folder.iterdir()):
            if number == _LOOKED_AT:
                return
            if path.is_dir() and not path.is_symlink():
                for _, inner in zip(range(3), path.iterdir(), strict=False):
                    yield inner
            yield path
    except OSError:
        return


@cache
def trainable() -> tuple[str, ...]:
    """Methods that learn from pictures, and from nothing else, and make pictures of codes."""
    of = {name: find(name) for name in methods.names()}
    learn = {name: method for name, method in of.items() if "images" in method.consumes and not method.needs}
    return tuple(name for name, method in learn.items() if isinstance(method(), Decodes))


# ---- a request


@dataclass(frozen=True)
class Training:
    """What the form asks for."""

    method: str
    source: str
    minutes: float
    size: int | None
    folder: Path

    @classmethod
    def read(cls, given: Reader, data: dict[str, str]) -> Training:
        method, name = given.text("method"), given.text("data")
        if method not in trainable():
            raise UserError(f"method {method[:40]!r}: none that can be trained here")
        if name not in data:
            raise UserError(f"data {name[:60]!r}: not offered here; start the studio with --data FOLDER")
        size = None if given.content.get("size") is None else wire.whole(given, "size", 8, 1024, 64)
        minutes = wire.number(given, "minutes", 0.05, 24 * 60, 3.0)
        return cls(method, data[name], minutes, size, _free(wire.name(given, "run")))

    def command(self) -> list[str]:
        words = [sys.executable, "-m", "imaginable", "train", self.method, self.source]
        words += ["--run", f"./{self.folder}", "--budget", f"{60 * self.minutes:.0f}s"]
        return words if self.size is None else [*words, "--size", str(self.size)]


def _free(name: str) -> Path:
    """A new folder under runs/. Its name is letters, digits, - and _ alone, so it leads nowhere else."""
    base, count = files.plain(name), 1
    while (folder := Path("runs") / (base if count == 1 else f"{base}-{count}")).exists():
        count += 1
    return folder


# ---- a training


@dataclass
class Progress:
    """What a run's folder says. Looked at again and again, so it remembers which sheet was shown."""

    run: Run
    total: int = 0
    shown: Path | None = None
    seen: int = 0

    def look(self) -> dict[str, Any]:
        """What is new since the last look."""
        lines = self.run.lines()
        if not lines:
            return {}
        self.total = self.total or jobs.load(self.run.job).training.images
        self.seen = lines[-1]["seen"]
        news = {
            "fraction": min(1.0, self.seen / max(1, self.total)),
            "line": self._line(lines),
            "health": _health(lines),
        }
        sheets = self.run.shown()
        if sheets and sheets[-1] != self.shown:
            self.shown = sheets[-1]
            news["sample"] = wire.png_url(self.shown.read_bytes())
        return news

    def _line(self, lines: list[dict[str, Any]]) -> str:
        first, last = lines[max(0, len(lines) - 20)], lines[-1]
        if last["seconds"] <= first["seconds"]:
            first = {"seen": 0, "seconds": 0.0}
        speed = (last["seen"] - first["seen"]) / max(1e-9, last["seconds"] - first["seconds"])
        left = (self.total - last["seen"]) / max(1e-9, speed)
        time = f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s"
        return f"{last['seen']:,} of {self.total:,} images, {speed:,.0f} a second, {time} left"


def _health(lines: list[dict[str, Any]]) -> str:
    """The last diagnosis; empty before there is one."""
    diagnoses = health.history(lines)
    return str(diagnoses[-1][1]) if diagnoses else ""


async def train(job: Job, training: Training, workers: Workers, runs: Runs) -> None:
    """Until the process has ended. Cancelling sends it Ctrl-C, upon which it saves."""
    process = await asyncio.create_subprocess_exec(
        *training.command(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
        start_new_session=True,  # else Ctrl-C at the studio would reach it twice, and the second one ends it unsaved
    )
    job.tell(line="starting")
    said: list[str] = []
    progress = Progress(Run(training.folder))
    helpers = [asyncio.create_task(_listen(process, said)), asyncio.create_task(_stop(job, process))]
    try:
        while process.returncode is None:
            await _ended(process)
            news = await workers.later(progress.look)
            if not news and said:
                news = {"line": said[-1]}
            if any(job.note.get(key) != value for key, value in news.items()):
                job.tell(**news)
        await helpers[0]
    finally:
        for helper in helpers:
            helper.cancel()
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
    await _conclude(job, training, process.returncode, said, progress, workers, runs)


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_SECONDS_BETWEEN_LOOKS):
            await process.wait()
    except TimeoutError:
        return


async def _listen(process: asyncio.subprocess.Process, said: list[str]) -> None:
    assert process.stdout is not None, "it was asked for"
    async for raw in process.stdout:
        if line := raw.decode(errors="replace").strip():
            said.append(line[:500])
            del said[:-20]


async def _stop(job: Job, process: asyncio.subprocess.Process) -> None:
    await job.cancelled.wait()
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        job.tell(line="stopping and saving")


async def _conclude(
    job: Job,
    training: Training,
    code: int | None,
    said: list[str],
    progress: Progress,
    workers: Workers,
    runs: Runs,
) -> None:
    news = await workers.later(progress.look) if progress.run.job.exists() else {}
    if (progress.run.model / "model.yaml").exists():
        news["result"] = {"run": await workers.later(runs.add, training.folder)}
    if code == 0:
        job.tell(**news | {"state": "done", "fraction": 1.0, "line": f"done: {training.folder}"})
    elif job.cancelled.is_set() and progress.run.checkpoint.exists():
        line = f"stopped and saved after {progress.seen:,} images; go on with: imaginable resume {training.folder}"
        job.tell(**news | {"state": "cancelled", "line": line})
    elif job.cancelled.is_set():
        job.tell(**news | {"state": "cancelled", "line": "stopped before there was anything to save"})
    else:
        why = next((line for line in reversed(said) if line.startswith("imaginable: ")), said[-1] if said else "")
        job.tell(
            **news | {"state": "failed", "error": why.removeprefix("imaginable: ") or f"it ended with code {code}"}
        )
