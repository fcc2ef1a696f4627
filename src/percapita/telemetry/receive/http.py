"""OTLP/HTTP: a plain ASGI callable. Protobuf and JSON, packed or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Mapping, MutableMapping
from typing import Any, Final

from google.protobuf import json_format

from percapita.telemetry.receive import hook
from percapita.telemetry.receive.access import Access
from percapita.telemetry.receive.bodies import ENCODINGS, unpack
from percapita.telemetry.receive.checks import BY_PATH, Checked, Kind, answer
from percapita.telemetry.receive.intake import Intake, Room
from percapita.telemetry.receive.refusals import (
    BrokenError,
    NoSuchPathError,
    Refusal,
    SlowError,
    TooLargeError,
    WrongMethodError,
    WrongTypeError,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PROTOCOL: Final = "http"
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_TYPES: Final = {_PROTOBUF: False, "application/protobuf": False, _JSON: True}
"""Content type -> whether it is JSON."""
PATHS: Final[Mapping[str, Kind]] = {**BY_PATH, hook.PATH: BY_PATH["/v1/logs"]}
"""Every address there is, and what is sent to it; all ask for a token that may send."""
_LOG: Final = logging.getLogger(__name__)


class OtlpHttp:
    """The receiver behind port 4318."""

    def __init__(self, intake: Intake, access: Access) -> None:
        self._intake = intake
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        content = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        as_json = content not in _TYPES or _TYPES[content]
        try:
            kind = self._kind(scope, headers)
            if scope["path"] == hook.PATH:
                _check_type(content, hook.TYPES, _JSON)
            else:
                _check_type(content, _TYPES, f"{_PROTOBUF} or {_JSON}")
            checked = await self._taken(scope["path"], kind, headers, receive, is_json=as_json)
        except Refusal as refusal:
            self._intake.counters.refused[refusal.reason, PROTOCOL] += 1
            await _refuse(send, refusal, as_json=as_json)
        except _GoneError:
            return
        except Exception:  # noqa: BLE001 the sender is to hear that it may try again
            _LOG.exception("a request failed")
            await _refuse(send, BrokenError(), as_json=as_json)
        else:
            await _say(send, 200, _answered(kind, checked, as_json=as_json), as_json=as_json)

    def _kind(self, scope: Scope, headers: dict[bytes, str]) -> Kind:
        """Return what is sent, if it may be."""
        self._access.check_host(headers.get(b"host", ""))
        self._access.check_token(headers.get(b"authorization", ""))
        path = scope["path"]
        kind = PATHS.get(path)
        if kind is None:
            raise NoSuchPathError
        if scope["method"] != "POST":
            raise WrongMethodError
        return kind

    async def _taken(
        self, path: str, kind: Kind, headers: dict[bytes, str], receive: Receive, *, is_json: bool
    ) -> Checked:
        encoding = headers.get(b"content-encoding", "").strip().lower()
        with self._intake.room() as room:
            body = await self._body(headers, receive, room)
            if path == hook.PATH:
                body = hook.as_logs(unpack(body, encoding, self._intake.limits.body).body)
                encoding, is_json = "", False
            return await self._intake.take(
                kind, body, room, protocol=PROTOCOL, encoding=encoding, is_json=is_json
            )

    async def _body(self, headers: dict[bytes, str], receive: Receive, room: Room) -> bytes:
        """Read the body as it was sent, within size, memory and time."""
        limits = self._intake.limits
        told = headers.get(b"content-length", "")
        if told.isdigit() and int(told) > limits.body:
            raise TooLargeError(limits.body)
        try:
            async with asyncio.timeout(limits.seconds):
                return await self._read(receive, room)
        except TimeoutError:
            raise SlowError(limits.seconds) from None

    async def _read(self, receive: Receive, room: Room) -> bytes:
        message = await _next(receive)
        body: bytes = message.get("body", b"")
        size = len(body)
        parts = [body]
        room.reach(size)
        while message.get("more_body", False):
            message = await _next(receive)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._intake.limits.body:
                raise TooLargeError(self._intake.limits.body)
            room.reach(size)
        return body if len(parts) == 1 else b"".join(parts)


def _check_type(content: str, known: Container[str], said: str) -> None:
    if content not in known:
        raise WrongTypeError(f"Content-Type is to be {said}.")


class _GoneError(Exception):
    """The sender hung up."""


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] != "http.request":
        raise _GoneError
    return message


def _answered(kind: Kind, checked: Checked, *, as_json: bool) -> bytes:
    response = answer(kind, checked)
    if as_json:
        return json_format.MessageToJson(response, indent=None).encode()
    packed: bytes = response.SerializeToString()
    return packed


async def _refuse(send: Send, refusal: Refusal, *, as_json: bool) -> None:
    headers = []
    if refusal.wait:
        headers.append((b"retry-after", str(refusal.wait).encode()))
    if refusal.close:
        headers.append((b"connection", b"close"))
    if refusal.http == WrongMethodError.http:
        headers.append((b"allow", b"POST"))
    if refusal.http == WrongTypeError.http:
        headers.append((b"accept-encoding", ENCODINGS.encode()))
    body = refusal.status(as_json=as_json)
    await _say(send, refusal.http, body, as_json=as_json, headers=headers)


async def _say(
    send: Send,
    status: int,
    body: bytes,
    *,
    as_json: bool,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    content = (_JSON if as_json else _PROTOBUF).encode()
    start = [(b"content-type", content), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*start, *(headers or [])]}
    )
    await send({"type": "http.response.body", "body": body})
