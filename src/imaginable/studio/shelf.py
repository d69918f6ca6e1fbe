"""Pictures that pages brought and that were made of them: in memory alone, so nothing of them outlives the studio."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from imaginable.core.errors import UserError

MOST_BYTES = 512 << 20
"""of all together; beyond it the oldest go"""


@dataclass(frozen=True)
class Lying:
    """A PNG file. run: for whose model it was brought."""

    run: str
    png: bytes


class Shelf:
    """For several threads. Names are drawn at random, so that a page can name only what it was told of."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._lying: dict[str, Lying] = {}
        self._lock = threading.Lock()

    def put(self, run: str, png: bytes) -> str:
        id = secrets.token_urlsafe(12)
        with self._lock:
            self._lying[id] = Lying(run, png)
            while len(self._lying) > 1 and sum(len(one.png) for one in self._lying.values()) > self._most:
                del self._lying[next(iter(self._lying))]
        return id

    def get(self, id: str) -> Lying:
        with self._lock:
            found = self._lying.get(id)
        if found is None:
            raise UserError("this picture is not here any more; bring it again")
        return found

    def remove(self, ids: list[str]) -> None:
        """Those that nobody looks at any more."""
        with self._lock:
            for id in ids:
                self._lying.pop(id, None)
