"""Every no that a sender can get, in the words of HTTP, of gRPC and of OTLP.

A sender repeats what was answered by 503 (gRPC: UNAVAILABLE with a time to wait) and drops what
was answered by anything else. 429 is not used: exporters in use drop it.
"""

from __future__ import annotations

import json
from typing import Final

INVALID_ARGUMENT: Final = 3
NOT_FOUND: Final = 5
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

_RETRY_INFO: Final = b"type.googleapis.com/google.rpc.RetryInfo"


class Refusal(Exception):  # noqa: N818 it is an answer
    """A request that is not taken, and what the sender is told."""

    reason = ""
    """A word for the counters."""
    http = 400
    code = INVALID_ARGUMENT
    """Of google.rpc.Code, which gRPC's status codes are."""
    wait = 0
    """Seconds after which it is worth sending again; 0: never."""
    close = False
    """The connection ends with the answer. Else what the sender still sends is passed over: one
    that finds the connection closed while it sends would take that for a fault, and send again."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)

    def status(self, *, as_json: bool = False) -> bytes:
        """Return the google.rpc.Status."""
        if as_json:
            told: dict[str, object] = {"code": self.code, "message": self.message}
            if self.wait:
                kind = _RETRY_INFO.decode()
                told["details"] = [{"@type": kind, "retryDelay": f"{self.wait}s"}]
            return json.dumps(told).encode()
        details = b""
        if self.wait:
            delay = _bytes(1, _number(1, self.wait))
            details = _bytes(3, _bytes(1, _RETRY_INFO) + _bytes(2, delay))
        return _number(1, self.code) + _bytes(2, self.message.encode()) + details


class BadBodyError(Refusal):
    """Not OTLP, whatever it is."""

    reason = "malformed"


class TooLargeError(Refusal):
    """More than is taken in one request."""

    reason = "too-large"
    http = 413
    code = RESOURCE_EXHAUSTED

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The request has more than {limit:,} bytes, unpacked. Send smaller batches."
        )


class WrongTypeError(Refusal):
    """A content type or encoding that nobody agreed on."""

    reason = "media-type"
    http = 415


class BusyError(Refusal):
    """More in flight than memory is set aside for."""

    reason = "busy"
    http = 503
    code = UNAVAILABLE
    wait = 1

    def __init__(self) -> None:
        super().__init__("Too much arrives at once. Send it again.")


class FullError(Refusal):
    """The spool can make nothing durable at the moment."""

    reason = "full"
    http = 503
    code = UNAVAILABLE
    wait = 5


class StoppingError(Refusal):
    """The server is going down, perhaps to come back."""

    reason = "stopping"
    http = 503
    code = UNAVAILABLE
    wait = 2

    def __init__(self) -> None:
        super().__init__("The server is stopping. Send it again.")


class NoTokenError(Refusal):
    """Nobody vouches for the sender."""

    reason = "token"
    http = 401
    code = UNAUTHENTICATED

    def __init__(self) -> None:
        super().__init__(
            "This address takes telemetry with a token only: Authorization: Bearer TOKEN."
        )


class WrongHostError(Refusal):
    """A name that does not lead here: a page in a browser may be behind it."""

    reason = "host"
    http = 421
    code = PERMISSION_DENIED

    def __init__(self) -> None:
        super().__init__("This server does not go by the name in the Host header.")


class SlowError(Refusal):
    """A body that takes too long to arrive."""

    reason = "slow"
    http = 408
    close = True

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The request did not arrive within {seconds:g} seconds.")


class NoSuchPathError(Refusal):
    """Nothing is received there."""

    reason = "path"
    http = 404
    code = NOT_FOUND

    def __init__(self) -> None:
        super().__init__("Send to /v1/traces, /v1/metrics, /v1/logs or /v1/events.")


class WrongMethodError(Refusal):
    """Telemetry is posted."""

    reason = "method"
    http = 405
    code = UNIMPLEMENTED

    def __init__(self) -> None:
        super().__init__("Telemetry is sent by POST.")


class BrokenError(Refusal):
    """An error in percapita itself."""

    reason = "internal"
    http = 503
    code = UNAVAILABLE
    wait = 5

    def __init__(self) -> None:
        super().__init__("An error in the server, which its log describes. Send it again.")


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:  # noqa: PLR2004 seven bits a byte
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
