"""`imaginable studio`: opens the door, prints its address, serves until Ctrl-C."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from imaginable.apps._pictures import Say
from imaginable.core.errors import UserError
from imaginable.data.sources import locate
from imaginable.studio.application import Studio
from imaginable.studio.connection import LARGEST_MESSAGE
from imaginable.studio.guard import Door
from imaginable.studio.protocol import Protocol
from imaginable.studio.runs import Runs

PORT = 8420


def studio(
    runs: Sequence[Path] = (),
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    data: Sequence[Path] = (),
    say: Say = print,
) -> None:
    """The latent space in your hands: a page on this machine, with sliders. Without runs, all of runs/.

    Models that make pictures of pictures have a page to bring one to: before and after, a mask to paint. On a page for
    anomalies one sees how unlike a model's data pictures are, and where.

    host: another address makes the page reachable from other machines; then it asks for the token that is printed.
    port: 8420, or another where that is taken. data: folders that can be trained on from the page, besides those here.
    """
    for folder in data:
        locate(str(folder))  # refuses what cannot be trained on
    served = Runs(runs)
    door = Door.of(host)
    listening = listen(host, port)
    try:
        say(f"the studio is at {address(listening, door)}\n  end it with Ctrl-C")
        with suppress(KeyboardInterrupt):  # the ordinary way to end it
            server(Studio(served, door, data).application()).run(sockets=[listening])
    finally:
        listening.close()


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens. Without a port the usual one, or any that is free. Raises UserError where it cannot."""
    if port is not None and not 0 <= port < 1 << 16:
        raise UserError(f"--port {port}: a number from 0 to 65535 was expected")
    try:
        return _bound(host, PORT if port is None else port)
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return _bound(host, 0)
        where = f"--host {host} --port {PORT if port is None else port}"
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"{where}: something listens there already; leave --port out, or choose another") from error
        raise UserError(f"{where}: cannot listen there ({error.strerror or error})") from error


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(128)
    except BaseException:
        bound.close()
        raise
    return bound


def address(listening: socket.socket, door: Door) -> str:
    """What a person opens, with the token where there is one."""
    host = f"[{door.host}]" if ":" in door.host else door.host
    if host in ("0.0.0.0", "[::]"):
        host = socket.gethostname()
    plain = f"http://{host}:{listening.getsockname()[1]}/"
    return plain if door.token is None else f"{plain}?token={door.token}"


def server(application: ASGIApp) -> uvicorn.Server:
    """uvicorn, quiet, believing no proxy's headers."""
    config = uvicorn.Config(
        application,
        ws=Protocol,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
