"""Requests, responses and routes: a plain ASGI callable that pages fit into.

A page is an ``async`` function from a ``Request`` to a ``Response``, in a mapping from method and
path. The app sees to hosts, tokens, sizes and headers; no other site's page may read or send.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from percapita.telemetry.receive.access import Access
from percapita.telemetry.receive.refusals import NoTokenError, Refusal

_LOG: Final = logging.getLogger(__name__)
BODY_BYTES: Final = 1 << 20
"""The largest body of a request to a page."""
_TEXT: Final = "text/plain; charset=utf-8"
_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Site = Callable[[Any, Any, Any], Awaitable[None]]
"""An application of its own, which sees to its responses' headers."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a page is asked."""

    method: str
    path: str
    query: Mapping[str, str]
    """The last value of each name."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What a page answers. A body that is an iterator is sent as it comes."""

    body: bytes | AsyncIterator[bytes]
    status: int = 200
    content_type: str = _TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]
Routes = Mapping[tuple[str, str], Handler]
"""(method, path) -> page; ``GET`` answers ``HEAD`` too."""


def as_json(value: object, status: int = 200) -> Response:
    """Return a value as JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return Response(text.encode(), status, "application/json")


class App:
    """The pages of one address."""

    def __init__(
        self,
        routes: Routes,
        access: Access,
        public: frozenset[str],
        site: Site | None = None,
    ) -> None:
        self._routes = routes
        self._access = access
        self._site = site
        """Answers every other path, to who may read."""
        self._public = public
        """Paths that ask for no token: they show nothing of anybody."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        try:
            if self._site is not None and self._beyond(scope["path"], headers):
                await self._site(scope, receive, send)
                return
            response = await self._answer(scope, headers, receive)
        except Refusal as refusal:
            challenge = {"www-authenticate": "Bearer"} if isinstance(refusal, NoTokenError) else {}
            response = Response(f"{refusal.message}\n".encode(), refusal.http, headers=challenge)
        except Exception:  # noqa: BLE001 whatever it is, the server goes on
            _LOG.exception("%s failed", scope["path"])
            response = Response(b"An error in percapita itself; the log describes it.\n", 500)
        await _send(send, receive, response, head=scope["method"] == "HEAD")

    def _beyond(self, path: str, headers: Mapping[str, str]) -> bool:
        """Tell whether a path is the site's, and whoever asks may read it.

        Raises:
            Refusal: it is, and they may not.
        """
        if path in self._public or any(path == known for _, known in self._routes):
            return False
        self._access.check_host(headers.get("host", ""))
        self._access.check_token(headers.get("authorization", ""))
        return True

    async def _answer(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Response:
        self._access.check_host(headers.get("host", ""))
        path, method = scope["path"], scope["method"]
        if path not in self._public:
            self._access.check_token(headers.get("authorization", ""))
        handler = self._routes.get(("GET" if method == "HEAD" else method, path))
        if handler is None:
            allowed = [m for m, p in self._routes if p == path]
            if allowed:
                return Response(
                    b"Not by this method.\n", 405, headers={"allow": ", ".join(allowed)}
                )
            return Response(b"There is no such page.\n", 404)
        body = await _body(receive) if method in {"POST", "PUT", "PATCH"} else b""
        if body is None:
            return Response(b"The request is too large.\n", 413, headers={"connection": "close"})
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        return await handler(Request(method, path, query, headers, body))


async def _body(receive: Receive) -> bytes | None:
    """Read the body; nothing where it is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES:
            return None
    return body


async def _send(send: Send, receive: Receive, response: Response, *, head: bool) -> None:
    headers = [
        (b"content-type", response.content_type.encode()),
        *_HEADERS,
        *((name.encode(), value.encode()) for name, value in response.headers.items()),
    ]
    body = response.body
    if isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if isinstance(body, bytes):
        await send({"type": "http.response.body", "body": b"" if head else body})
        return
    if not head:
        await _stream(send, receive, body)
    await send({"type": "http.response.body", "body": b""})


async def _stream(send: Send, receive: Receive, parts: AsyncIterator[bytes]) -> None:
    """Send parts as they come, until there are no more or the reader has gone."""
    gone = asyncio.ensure_future(_gone(receive))
    try:
        while True:
            part = asyncio.ensure_future(anext(parts, None))
            await asyncio.wait({gone, part}, return_when=asyncio.FIRST_COMPLETED)
            if not part.done():
                part.cancel()
                await asyncio.wait({part})
                return
            if (sent := part.result()) is None:
                return
            await send({"type": "http.response.body", "body": sent, "more_body": True})
    finally:
        gone.cancel()


async def _gone(receive: Receive) -> None:
    """Wait for the reader to leave; the end of the request comes first."""
    while (await receive())["type"] != "http.disconnect":
        pass
