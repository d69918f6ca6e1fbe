"""Work that takes minutes: what it has come to is told to every page, also to one that is opened later."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from imaginable.apps._fast_encoder import Cancelled
from imaginable.core.errors import UserError
from imaginable.studio.connection import Hub, Note
from imaginable.studio.wire import RefusedError

MOST_KEPT = 8
"""jobs that are over and still told to a page that is opened"""
_NEWS = 0.01
"""of all the work: less is not worth a message"""
_log = logging.getLogger(__name__)
Work = Callable[["Job"], Awaitable[None]]


class Job:
    """note: what the pages are told. cancelled: a person asked for it to end."""

    def __init__(self, id: str, kind: str, hub: Hub) -> None:
        self.id = id
        self.kind = kind
        self.cancelled = asyncio.Event()
        self.note: Note = {"type": "job", "job": id, "kind": kind, "state": "running", "fraction": 0.0, "line": ""}
        self._hub = hub

    @property
    def running(self) -> bool:
        return bool(self.note["state"] == "running")

    def tell(self, **news: Any) -> None:
        self.note = self.note | news
        brief = self.note if "sample" in news else {key: self.note[key] for key in self.note if key != "sample"}
        self._hub.tell(("job", self.id), brief)


class Steps:
    """For work in a thread: told which share is done and with what it is busy, passes on what is worth a message. Made
    in the loop that answers. Raises Cancelled where a person wants the work to end."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._told: tuple[float, str] = (-1.0, "")

    def __call__(self, share: float, line: str = "") -> None:
        if self._job.cancelled.is_set():
            raise Cancelled
        if abs(share - self._told[0]) >= _NEWS or line != self._told[1]:
            self._told = share, line
            self._loop.call_soon_threadsafe(lambda: self._job.tell(fraction=share, line=line))


class Jobs:
    """One of a kind at a time: two trainings on one machine are each twice as slow."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)

    def start(self, kind: str, work: Work) -> str:
        if any(job.running and job.kind == kind for job in self._jobs.values()):
            raise RefusedError(409, f"a {kind} is running already; wait for it or cancel it")
        job = Job(f"{kind}-{next(self._numbers)}", kind, self._hub)
        over = [id for id, known in self._jobs.items() if not known.running]
        for id in over[: max(0, len(over) - MOST_KEPT + 1)]:
            del self._jobs[id]
        self._jobs[job.id] = job
        self._tasks[job.id] = asyncio.create_task(self._follow(job, work))
        return job.id

    def cancel(self, id: str) -> None:
        job = self._jobs.get(id)
        if job is None:
            raise UserError(f"job {id[:40]!r}: there is none of that name")
        job.cancelled.set()

    def news(self) -> dict[object, Note]:
        return {("job", job.id): job.note for job in self._jobs.values()}

    async def close(self, patience: float) -> None:
        """Cancels all of them and gives them time to save."""
        for job in self._jobs.values():
            job.cancelled.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=patience)

    async def _follow(self, job: Job, work: Work) -> None:
        try:
            await work(job)
            if job.running:
                job.tell(state="done", fraction=1.0)
        except (UserError, RefusedError) as error:
            job.tell(state="failed", error=str(error))
        except Exception:
            _log.exception("job %s failed", job.id)
            job.tell(state="failed", error="this failed unexpectedly; the terminal says more")
        finally:
            self._tasks.pop(job.id, None)
