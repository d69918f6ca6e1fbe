"""The socket under a hand that drags, and under hands that mean harm."""

from __future__ import annotations

import contextlib
import json
import socket as sockets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studio_page import Page, ask, design, frame, opened
from websockets.exceptions import ConnectionClosed, InvalidStatus

from imaginable.studio import connection, protocol
from imaginable.studio.runs import Runs


def closed(page: Page, *messages: str | bytes) -> tuple[list[dict[str, Any]], int]:
    """What is said until the socket is closed, and the code it is closed with."""
    said = []
    with page.socket() as socket:
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                socket.send(message)
        with pytest.raises(ConnectionClosed) as end:
            while True:
                said.append(json.loads(socket.recv(10)))
        assert end.value.rcvd is not None
        return said, end.value.rcvd.code


def hold(page: Page, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, list[int]]:
    """Makes pictures wait for an event; the list holds the seeds of those that were begun."""
    free, begun = threading.Event(), []
    run = page.studio.runs.get("vae")

    def slow(wanted: Any) -> np.ndarray:
        begun.append(wanted.design.seed)
        assert free.wait(20)
        return run.picture(wanted.design)

    monkeypatch.setattr(page.studio.hub, "_paint", slow)
    return free, begun


def test_only_the_newest_of_a_drag_is_made(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    free, begun = hold(page, monkeypatch)
    with page.socket() as socket:
        socket.send(ask(0, design(0)))
        while not begun:
            threading.Event().wait(0.01)
        for seq in range(1, 200):
            socket.send(ask(seq, design(seq), str(seq % 2)))
        (server_side,) = page.studio.hub._connections
        while {request.seq for request in server_side._waiting.values()} != {198, 199}:
            threading.Event().wait(0.01)
        free.set()
        got = [frame(socket.recv(10)) for _ in range(3)]
    assert [(one.pane, one.seq) for one in got] in ([(0, 0), (1, 199), (0, 198)], [(0, 0), (0, 198), (1, 199)])
    assert sorted(begun) == [0, 198, 199]


def test_a_moving_slider_of_one_page_does_not_wait_for_another_page_that_reads_nothing(
    home: Path, static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_SECONDS_TO_TAKE_THE_REST", 0.2)
    with opened(Runs(), static, patience=1.0) as page:
        run = page.studio.runs.get("vae")
        large = np.zeros((2048, 2048, 3), np.uint8)

        def paint(wanted: Any) -> np.ndarray:
            return large if wanted.design.seed == 666 else run.picture(wanted.design)

        page.studio.hub._paint = paint
        reader = _Deaf(page)
        for seq in range(20):
            reader.send(ask(seq, design(666)))
        with page.socket() as other:
            for seq in range(30):
                other.send(ask(seq, design(seq)))
                assert frame(other.recv(10)).seq == seq
            for _ in range(400):
                if len(page.studio.hub) == 1 and _lines(page) == 1:
                    break
                threading.Event().wait(0.05)
            assert len(page.studio.hub) == 1, "it is let go after a while"
            assert _lines(page) == 1, "and what it did not take is not kept for it"
            other.send('{"type": "ping"}')
            assert json.loads(other.recv(10))["type"] == "pong"
        reader.close()


def _lines(page: Page) -> int:
    """Sockets that the server still holds."""
    return sum(isinstance(one, protocol.Protocol) for one in page.server.server_state.connections)


class _Deaf:
    """A page that opens the socket, sends, and never reads."""

    def __init__(self, page: Page) -> None:
        host, port = page.host.split(":")
        self._line = sockets.create_connection((host, int(port)))
        self._line.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        head = ["GET /ws HTTP/1.1", f"Host: {page.host}", f"Origin: {page.url}", "Connection: Upgrade"]
        head += ["Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
        self._line.sendall("\r\n".join([*head, "", ""]).encode())
        assert b" 101 " in self._line.recv(200)

    def send(self, text: str) -> None:
        raw = text.encode()
        assert len(raw) < 65536
        self._line.sendall(bytes([0x81, 0x80 | 126]) + len(raw).to_bytes(2, "big") + bytes(4) + raw)  # a mask of zeros

    def close(self) -> None:
        self._line.close()


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "",
        "null",
        "[1]",
        b"\x00\x01",
        "[" * 60_000,
        '{"type": "eval"}',
        '{"type": 7}',
        '{"type": "render"}',
        '{"type": "render", "pane": "8", "seq": 1, "design": {}}',
        '{"type": "render", "pane": "0", "seq": -1, "design": {}}',
        '{"type": "render", "pane": "0", "seq": 4294967296, "design": {}}',
        '{"type": "render", "pane": "0", "seq": 1.5, "design": {}}',
        '{"type": "render", "pane": "0", "seq": 1, "design": "x"}',
    ],
)
def test_the_third_malformed_message_ends_it(page: Page, bad: str | bytes) -> None:
    said, code = closed(page, bad, bad, bad, '{"type": "ping"}')
    assert code == 1008
    assert said
    assert all(one["type"] == "error" and one["error"] for one in said)


def test_a_message_that_is_too_large_ends_it(page: Page) -> None:
    said, code = closed(page, json.dumps({"type": "ping", "more": "x" * connection.LARGEST_MESSAGE}))
    assert (said, code) == ([], 1009)


@pytest.mark.parametrize("amount", ["1e300", "NaN", "Infinity", "-1e400", '"1"', "null", "true", "1" + "0" * 3000])
def test_an_amount_that_is_no_distance_is_an_error_and_the_socket_goes_on(page: Page, amount: str) -> None:
    page.told("/api/runs/vae/find", kind="dimensions", count=1)
    name = page.run()["directions"][0]["name"]
    wanted = json.dumps(design(1, (name, 7.5))).replace("7.5", amount)
    with page.socket() as socket:
        for seq in range(5):
            socket.send(f'{{"type": "render", "pane": "3", "seq": {seq}, "design": {wanted}}}')
            answer = json.loads(socket.recv(10))
            assert (answer["pane"], answer["seq"]) == ("3", seq)
            assert "amount" in answer["error"]
        socket.send(ask(9, design(1, (name, 1.0))))
        assert frame(socket.recv(10)).seq == 9


def test_the_33rd_page_is_refused_and_the_others_go_on(page: Page) -> None:
    with contextlib.ExitStack() as stack:
        first = [stack.enter_context(page.socket()) for _ in range(connection.MOST)]
        for _ in range(200 - connection.MOST):
            with pytest.raises(InvalidStatus):
                page.socket()
        for seq, socket in enumerate(first):
            socket.send(ask(seq, design(seq)))
        assert [frame(socket.recv(20)).seq for socket in first] == list(range(connection.MOST))
        first[0].close()
        with _soon(page) as socket:
            socket.send(ask(1, design()))
            assert frame(socket.recv(10)).seq == 1


@contextlib.contextmanager
def _soon(page: Page) -> Iterator[Any]:
    """A socket, once the server has noticed that there is room again."""
    for _ in range(100):
        try:
            socket = page.socket()
        except InvalidStatus:
            threading.Event().wait(0.05)
            continue
        with socket:
            yield socket
        return
    raise AssertionError("there is still no room")


def test_a_page_that_is_cut_off_in_mid_drag_connects_again_and_goes_on(page: Page) -> None:
    for turn in range(3):
        with page.socket() as socket:
            for seq in range(50):
                socket.send(ask(seq, design(seq)))
            socket.socket.close()  # without a goodbye
        with page.socket() as socket:
            socket.send(ask(turn, design(turn)))
            assert frame(socket.recv(10)).seq == turn


def test_a_bug_in_a_picture_is_said_and_ends_nothing(
    page: Page, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(wanted: Any) -> np.ndarray:
        raise RuntimeError("secret detail")

    with page.socket() as socket:
        with monkeypatch.context() as patch:
            patch.setattr("imaginable.studio.runs.Served.picture", lambda self, wanted: broken(wanted))
            socket.send(ask(1, design()))
            answer = json.loads(socket.recv(10))
        assert "secret" not in answer["error"]
        assert "secret detail" in caplog.text
        socket.send(ask(2, design()))
        assert frame(socket.recv(10)).seq == 2
