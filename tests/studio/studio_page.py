"""A page of the studio as the tests use it: what a browser that opened it can do."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from websockets.sync.client import ClientConnection, connect

from imaginable.studio.application import Studio
from imaginable.studio.guard import Door
from imaginable.studio.runs import Runs
from imaginable.studio.server import listen, server


@dataclass
class Page:
    """What a browser that opened the page can do."""

    url: str
    http: httpx.Client
    studio: Studio
    server: uvicorn.Server

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def post(self, path: str, **content: Any) -> httpx.Response:
        return self.http.post(path, json=content)

    def told(self, path: str, **content: Any) -> Any:
        """The answer to a request that works."""
        answer = self.post(path, **content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self) -> Any:
        return self.http.get("/api/state").json()

    def run(self, id: str = "vae") -> Any:
        return next(run for run in self.state()["runs"] if run["id"] == id)

    def socket(self, **options: Any) -> ClientConnection:
        options = {"origin": self.url, "compression": None, "max_size": None, **options}
        return connect(f"ws://{self.host}/ws", **options)


@dataclass
class Frame:
    seq: int
    pane: int
    pixels: np.ndarray


def frame(raw: str | bytes) -> Frame:
    assert isinstance(raw, bytes), raw
    seq, width, height, pane, zero, also_zero = struct.unpack("<IHHBBH", raw[:12])
    assert (zero, also_zero) == (0, 0)
    return Frame(seq, pane, np.frombuffer(raw[12:], np.uint8).reshape(height, width, 4))


def design(seed: int = 3, *moves: tuple[str, float], run: str = "vae", **more: Any) -> dict[str, Any]:
    listed = [{"name": name, "amount": amount, "locked": False} for name, amount in moves]
    return {"run": run, "start": {"seed": seed}, "label": None, "truncation": None, "moves": listed, **more}


def ask(seq: int, wanted: dict[str, Any], pane: str = "0") -> str:
    return json.dumps({"type": "render", "pane": pane, "seq": seq, "design": wanted})


@contextmanager
def opened(runs: Runs, static: Path, door: Door | None = None, **options: Any) -> Iterator[Page]:
    listening: socket.socket = listen("127.0.0.1", 0)
    studio = Studio(runs, door or Door(), static=static, **options)
    running = server(studio.application())
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, headers={"origin": url}, timeout=60) as http:
            while not running.started:
                assert thread.is_alive()
            yield Page(url, http, studio, running)
    finally:
        running.should_exit = True
        thread.join(30)
        listening.close()
