"""Where work is done, so that the loop that answers never computes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from imaginable.studio.wire import RefusedError

T = TypeVar("T")
_MOST_WAITING = 32


class Workers:
    """A thread for pictures under a slider, two for requests, one for pictures that are judged, one for what takes
    minutes: none holds another up."""

    def __init__(self) -> None:
        self._quick = ThreadPoolExecutor(1, "picture")
        self._slow = ThreadPoolExecutor(2, "request")
        self._judge = ThreadPoolExecutor(1, "judge")
        self._long = ThreadPoolExecutor(1, "job")
        self._waiting = 0

    async def now(self, function: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._quick, function, *given)

    async def later(self, function: Callable[..., T], *given: Any) -> T:
        return await self._soon(self._slow, function, *given)

    async def in_turn(self, function: Callable[..., T], *given: Any) -> T:
        """One after the other: what a detector remembers of its last pictures is for one thread."""
        return await self._soon(self._judge, function, *given)

    async def _soon(self, pool: ThreadPoolExecutor, function: Callable[..., T], *given: Any) -> T:
        if self._waiting >= _MOST_WAITING:
            raise RefusedError(503, "too much is waiting already; try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *given)
        finally:
            self._waiting -= 1

    async def long(self, function: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._long, function, *given)

    def close(self) -> None:
        for pool in (self._quick, self._slow, self._judge, self._long):
            pool.shutdown(wait=False, cancel_futures=True)
