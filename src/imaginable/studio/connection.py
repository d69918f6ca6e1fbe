"""One page's socket. Of each pane only the newest request is kept, and nothing else piles up for one that is slow."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.studio.wire import Wanted, whole
from imaginable.studio.workers import Workers

MOST = 32
"""connections at a time"""
LARGEST_MESSAGE = 1 << 20
"""a design of codes that were chosen: 18 layers of 512 numbers each are 110 KB, of its start and of all it mixes"""
PANES = tuple("01234567")
_STRIKES = 3
_log = logging.getLogger(__name__)
Note = dict[str, Any]
Painter = Callable[[Wanted], np.ndarray]


class MalformedError(Exception):
    """A message that no page of ours sends."""


@dataclass(frozen=True)
class Request:
    """A picture asked for. `content` is read where the picture is made, not in the loop that answers."""

    pane: str
    seq: int
    content: dict[str, Any]

    @classmethod
    def read(cls, given: Reader) -> Request:
        pane = given.text("pane")
        if pane not in PANES:
            raise UserError(f"pane: one of {' '.join(PANES)} was expected")
        return cls(pane, whole(given, "seq", 0, 2**32 - 1, 0), given.part("design").content)

    def frame(self, paint: Painter) -> bytes:
        """The picture with its header, as the page reads it."""
        array = paint(Wanted.read(Reader(self.content, "design")))
        height, width = array.shape[:2]
        pixels = np.full((height, width, 4), 255, np.uint8)
        pixels[..., :3] = array  # a grey one into all three
        return struct.pack("<IHHBBH", self.seq, width, height, int(self.pane), 0, 0) + pixels.tobytes()


class Connection:
    """patience: seconds after which a page that takes nothing is given up."""

    def __init__(self, socket: WebSocket, workers: Workers, paint: Painter, patience: float) -> None:
        self._socket = socket
        self._workers = workers
        self._paint = paint
        self._patience = patience
        self._waiting: dict[str, Request] = {}
        self._notes: dict[object, Note] = {}
        self._wake = asyncio.Event()

    def tell(self, key: object, note: Note) -> None:
        """Something to be sent. Of one key only the newest waits, with what older ones had besides."""
        self._notes[key] = self._notes.pop(key, {}) | note
        self._wake.set()

    async def serve(self) -> None:
        """Until either side ends it."""
        await self._socket.accept()
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (WebSocketDisconnect, TimeoutError):
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        strikes = 0
        while True:
            message = await self._socket.receive()
            if message["type"] != "websocket.receive":
                return
            try:
                self._take(message.get("text"))
            except (MalformedError, UserError) as error:
                strikes += 1
                self.tell("malformed", {"type": "error", "error": str(error)})
                if strikes == _STRIKES:
                    await asyncio.sleep(0)  # the writer says why first
                    async with asyncio.timeout(self._patience):
                        await self._socket.close(1008)
                    return

    def _take(self, text: str | None) -> None:
        if text is None:
            raise MalformedError("a message in JSON was expected")
        given = Reader.of_text(text, "message")
        kind = given.text("type")
        if kind == "ping":
            self.tell("pong", {"type": "pong"})
        elif kind == "render":
            request = Request.read(given)
            self._waiting[request.pane] = request
            self._wake.set()
        else:
            raise MalformedError(f"message: unknown type {kind[:40]!r}")

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._notes or self._waiting:
                while self._notes:
                    await self._send(self._socket.send_json, self._notes.pop(next(iter(self._notes))))
                if self._waiting:  # the pane that waits longest, in its newest state
                    await self._answer(self._waiting.pop(next(iter(self._waiting))))

    async def _answer(self, request: Request) -> None:
        try:
            frame = await self._workers.now(request.frame, self._paint)
        except UserError as error:
            line = str(error)
        except Exception:
            _log.exception("a picture failed")
            line = "this picture failed; the terminal says more"
        else:
            await self._send(self._socket.send_bytes, frame)
            return
        note = {"type": "error", "pane": request.pane, "seq": request.seq, "error": line}
        self.tell(("error", request.pane), note)

    async def _send(self, how: Callable[[Any], Any], content: Any) -> None:
        async with asyncio.timeout(self._patience):
            await how(content)


class Hub:
    """All pages that are connected."""

    def __init__(self, workers: Workers, paint: Painter, patience: float = 20.0) -> None:
        self._workers = workers
        self._paint = paint
        self._patience = patience
        self._connections: set[Connection] = set()

    async def join(self, socket: WebSocket, news: dict[object, Note]) -> None:
        """Serves a page. news: what it is told first."""
        if len(self._connections) >= MOST:
            await socket.close(1013)
            return
        connection = Connection(socket, self._workers, self._paint, self._patience)
        self._connections.add(connection)
        try:
            for key, note in news.items():
                connection.tell(key, note)
            await connection.serve()
        finally:
            self._connections.discard(connection)

    def tell(self, key: object, note: Note) -> None:
        """To all of them."""
        for connection in self._connections:
            connection.tell(key, note)

    def __len__(self) -> int:
        return len(self._connections)
