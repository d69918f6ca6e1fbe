"""Who may talk to the server: a page it served itself, at an address that is its own, with the token if there is one.

A page from elsewhere that is open in the same browser can send requests to loopback, and a name of its own that
suddenly points to loopback (DNS rebinding) makes it look like the same origin. So Host must be an address that no
stranger can own, and whatever changes something must come from a page of exactly that address.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
COOKIE = "imaginable"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Door:
    """host: the address listened on. token: asked of every request, None on loopback."""

    host: str = "127.0.0.1"
    token: str | None = None

    @classmethod
    def of(cls, host: str) -> Door:
        """The door of an address: a token where other machines can reach it."""
        return cls(host, None if host in LOOPBACK else secrets.token_urlsafe(24))

    def knows(self, host: str) -> bool:
        """Whether this Host names the server itself. Any port: it may be forwarded."""
        name = _name(host)
        if name in LOOPBACK:
            return True
        if self.token is None or not name:
            return False
        return name in (self.host.lower(), socket.gethostname().lower()) or _is_address(name)


class Guard:
    """Lets through what the door allows, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            await (self._app(scope, receive, send) if refusal is None else send({"type": "websocket.close"}))
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in extra if pair[0] not in own)]
            await send(message)

        await (refusal or self._app)(scope, receive, dressed)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = _headers(scope)
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._door.knows(hosts[0]):
            return _refused("this address is not the studio's own; open the one that was printed", 421)
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "POST"):
            return _refused(f"{scope['method']}: only GET and POST are understood", 405)
        if line := _foreign(scope, headers, f"http://{hosts[0]}"):
            return _refused(line, 403)
        return self._without_token(scope, headers)

    def _without_token(self, scope: Scope, headers: dict[str, list[str]]) -> Response | None:
        token = self._door.token
        if token is None or _same(_cookie(headers), token):
            return None
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if scope["type"] == "http" and scope["path"] == "/" and _same(asked[0], token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
            return answer
        return _refused("the token is missing; open the address that was printed, with its token", 403)


def _foreign(scope: Scope, headers: dict[str, list[str]], own: str) -> str:
    """Why this comes from another page; empty where it does not."""
    origins = headers.get("origin", [])
    needed = scope["type"] == "websocket" or scope["method"] == "POST"
    if len(origins) > 1 or (origins and origins[0].lower() != own.lower()) or (needed and not origins):
        return "this request does not come from the studio's own page"
    site = headers.get("sec-fetch-site", ["none"])[0]
    if site not in ("same-origin", "none") and scope["path"] != "/":
        return "another page asked for this"
    return ""


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _cookie(headers: dict[str, list[str]]) -> str:
    try:
        found: Any = SimpleCookie("; ".join(headers.get("cookie", []))).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


def _name(host: str) -> str:
    """The name or address in a Host header, without its port; empty for nonsense."""
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        return name.lower() if closed and (not port or port[1:].isdecimal()) else ""
    name, _, port = host.partition(":")
    return name.lower() if not port or port.isdecimal() else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(line: str, status: int) -> Response:
    return JSONResponse({"error": line}, status, headers={"connection": "close"})
