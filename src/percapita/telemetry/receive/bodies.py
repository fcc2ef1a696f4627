"""Bodies as they come: packed or not, and never more memory than a request may take."""

from __future__ import annotations

from typing import Final, NamedTuple

from isal import isal_zlib

from percapita.telemetry.receive.refusals import BadBodyError, TooLargeError, WrongTypeError

_GZIP: Final = 31
"""Window bits that make zlib read gzip's frame."""
_DEFLATE: Final = 15
_GZIP_MARK: Final = b"\x1f\x8b"
_DEFLATE_MARK: Final = b"\x78"
_BITS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _DEFLATE}
_DamagedError: type[Exception] = isal_zlib.error  # type: ignore[assignment]
ENCODINGS: Final = "gzip, deflate, identity"


class Unpacked(NamedTuple):
    """A body as it was before the sender packed it."""

    body: bytes
    gzip: bytes = b""
    """The same in one piece of gzip, if it came so."""


def unpack(body: bytes, encoding: str, limit: int) -> Unpacked:
    """Return the body as it was before the sender packed it.

    Raises:
        WrongTypeError: packed in a way nobody agreed on.
        TooLargeError: it unpacks to more than the limit. No more than that was unpacked.
        BadBodyError: not what the encoding says, or cut off.
    """
    if encoding in {"", "identity"}:
        if len(body) > limit:
            raise TooLargeError(limit)
        return Unpacked(body)
    if encoding not in _BITS:
        raise WrongTypeError(f"Content-Encoding {_shown(encoding)} is not read: use gzip.")
    parts, size, whole = [], 0, body
    while True:
        reader = isal_zlib.decompressobj(_BITS[encoding])
        try:
            part = reader.decompress(body, limit - size + 1)
        except _DamagedError:
            raise BadBodyError(f"The body is not {encoding}.") from None
        parts.append(part)
        size += len(part)
        if size > limit:
            raise TooLargeError(limit)
        if not reader.eof:
            raise BadBodyError(f"The body is cut off: its {encoding} has no end.")
        body = reader.unused_data
        if not body:
            break
    if len(parts) > 1 or encoding == "deflate":
        return Unpacked(b"".join(parts))
    return Unpacked(parts[0], whole)


def packing(body: bytes) -> str:
    """Tell how a body is packed by its first bytes, for gRPC does not say.

    No request of OTLP begins like gzip, and none that a sender would make like deflate.
    """
    if body.startswith(_GZIP_MARK):
        return "gzip"
    if body.startswith(_DEFLATE_MARK) and int.from_bytes(body[:2], "big") % 31 == 0:
        return "deflate"
    return ""


def _shown(text: str) -> str:
    return repr(text[:40])
