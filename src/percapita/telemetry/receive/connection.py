"""A connection that does not wait for ever, and reads no endless head of a request."""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 32 << 10
HEAD_SECONDS: Final = 15.0
_REST_BYTES: Final = 64 << 20
"""Passed over of a body that was answered before its end."""


class Connection(HttpToolsProtocol):
    """uvicorn's own, with bounds on the head of a request: it has none for size and time."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 uvicorn's own
        super().__init__(*args, **named)
        self._head = 0
        self._reading_head = True
        self._deadline: TimerHandle | None = None
        self._rest = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head is longer than any can be."""
        if self._reading_head:
            self._head += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._reading_head and self._head > HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")
        if self._rest > _REST_BYTES:
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Count what comes after the answer."""
        if self.cycle.response_complete:
            self._rest += len(body)
        super().on_body(body)

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        super().on_message_begin()
        self._head = self._rest = 0
        self._reading_head = True
        self._arm()

    def on_headers_complete(self) -> None:
        """Stop counting: the body has bounds of its own."""
        self._reading_head = False
        self._disarm()
        super().on_headers_complete()

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
