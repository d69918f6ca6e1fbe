"""uvicorn's WebSocket, which lets go of a page that takes nothing."""

from __future__ import annotations

from asyncio.transports import BaseTransport, Transport
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_SECONDS_TO_TAKE_THE_REST = 5.0
_MOST_UNSENT = 64 << 10
"""bytes; a page that leaves more lying is waited for, and its newer requests replace the older ones meanwhile"""


class Protocol(WebSocketsSansIOProtocol):
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        cast(Transport, transport).set_write_buffer_limits(high=_MOST_UNSENT)

    async def run_asgi(self) -> None:
        await super().run_asgi()
        # closing waits until everything is sent, which for a page that reads nothing is for ever
        self.loop.call_later(_SECONDS_TO_TAKE_THE_REST, self.transport.abort)
