"""What comes over the wire: read within limits, then checked value by value. UserError says what was wrong with it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from starlette.requests import Request

from imaginable.apps._design import Design, Mix, Move
from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.data import images

MOST_JSON = 4 << 20
MOST_MOVES = 64
MOST_MIXED = 8
"""pictures whose styles a design mixes"""
LONGEST_NAME = 60
PATIENCE = 60.0
"""seconds for a whole body to arrive"""


class RefusedError(Exception):
    """A request that is not even read to its end. status: of HTTP."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


async def body(request: Request, most: int) -> bytes:
    """All of a request's body; reading stops at `most` bytes, whatever its headers claim."""
    large = RefusedError(413, f"too large: at most {most >> 20} MB are accepted")
    claimed = request.headers.get("content-length", "0")
    if not claimed.isdecimal() or int(claimed) > most:
        raise large
    parts, size = [], 0
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise large
                parts.append(part)
    except TimeoutError:
        raise RefusedError(408, "the upload took too long") from None
    return b"".join(parts)


class Uploads:
    """At most so many at a time, which bounds the memory they take."""

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._arriving = 0

    async def read(self, request: Request, most: int) -> bytes:
        if self._arriving >= self._most:
            raise RefusedError(503, "other photos are arriving; try again in a moment")
        self._arriving += 1
        try:
            return await body(request, most)
        finally:
            self._arriving -= 1


async def asked(request: Request) -> Reader:
    """The JSON object in a request. Only as application/json, which no form of another page can send."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "application/json was expected")
    return Reader.of_text(await body(request, MOST_JSON), "request")


# ---- values that a Reader does not bound


def name(given: Reader, key: str) -> str:
    """A name that a person gave: printable, on one line, not long."""
    value = given.text(key).strip()
    if not value or len(value) > LONGEST_NAME or not value.isprintable():
        raise UserError(f"{key}: a name of 1 to {LONGEST_NAME} letters on one line was expected")
    return value


def number(given: Reader, key: str, low: float, high: float, default: float) -> float:
    value = given.number(key) if key in given.content else default
    if not low <= value <= high:
        raise UserError(f"{key}: a number from {low:g} to {high:g} was expected")
    return value


def whole(given: Reader, key: str, low: int, high: int, default: int) -> int:
    value = given.whole(key) if key in given.content else default
    if not low <= value <= high:
        raise UserError(f"{key}: a whole number from {low} to {high} was expected")
    return value


def items(given: Reader, key: str, least: int, most: int) -> list[Reader]:
    listed = given.content.get(key)
    if not isinstance(listed, list) or not least <= len(listed) <= most:
        raise UserError(f"{key}: a list of {least} to {most} was expected")
    return given.items(key)


def texts(given: Reader, key: str, most: int) -> list[str]:
    listed = given.content.get(key)
    if not isinstance(listed, list) or len(listed) > most or not all(isinstance(one, str) for one in listed):
        raise UserError(f"{key}: a list of at most {most} names was expected")
    return listed


# ---- designs


@dataclass(frozen=True)
class Wanted:
    """A design of a run, as the page holds it: directions by name, without their vectors."""

    run: str
    design: Design

    @classmethod
    def read(cls, given: Reader) -> Wanted:
        full = replace(given, content={"moves": [], "mix": [], **given.content})
        items(full, "moves", 0, MOST_MOVES)
        items(full, "mix", 0, MOST_MIXED)
        return cls(full.text("run"), Design.read(full))

    @classmethod
    def of(cls, given: Reader) -> Wanted:
        """The design that a request is about."""
        return cls.read(given.part("design"))


def mapping(run: str, design: Design) -> dict[str, Any]:
    """A design as the page is told it. A start that has both is told as its seed, which is shorter."""
    mix = [{"layers": list(one.layers), "start": _start(one)} for one in design.mix]
    told = {"run": run, "start": _start(design), "label": design.label, "truncation": design.truncation}
    return told | ({"mix": mix} if mix else {}) | {"moves": [_move(one) for one in design.moves]}


def _start(of: Design | Mix) -> dict[str, Any]:
    return {"code": numbers(of.code or ())} if of.seed is None else {"seed": of.seed}


def _move(move: Move) -> dict[str, Any]:
    told: dict[str, Any] = {"name": move.name, "amount": move.amount, "locked": move.locked}
    return told if move.layers is None else told | {"layers": list(move.layers)}


def numbers(code: Iterable[float]) -> list[float]:
    """A code as the page is told it: nine digits say all of a float32, in half the letters."""
    return [float(f"{value:.9g}") for value in code]


def designs_of(starts: list[Reader], conditions: Reader) -> list[Design]:
    """The designs that begin at these starts under a label and truncation, without any moves."""
    shared = {"label": conditions.content.get("label"), "truncation": conditions.content.get("truncation")}
    return [Design.read(Reader({"start": one.content, "moves": [], **shared}, one.where)) for one in starts]


def data_url(array: np.ndarray) -> str:
    """A picture, uint8 (h, w, c), as text that a page can show. It carries no notes: it is no download."""
    return png_url(images.png(array, None))


def png_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
