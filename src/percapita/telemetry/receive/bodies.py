"""Bodies as they come: packed or not, and never more memory than a request may take."""

from __future__ import annotations

import zlib
from typing import Final

from percapita.telemetry.receive.refusals import BadBodyError, TooLargeError, WrongTypeError

_GZIP: Final = 31
"""Window bits that make zlib read gzip's frame."""
_DEFLATE: Final = 15
_BITS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _DEFLATE}
ENCODINGS: Final = "gzip, deflate, identity"


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body as it was before the sender packed it.

    Raises:
        WrongTypeError: packed in a way nobody agreed on.
        TooLargeError: it unpacks to more than the limit. No more than that was unpacked.
        BadBodyError: not what the encoding says, or cut off.
    """
    if encoding in {"", "identity"}:
        if len(body) > limit:
            raise TooLargeError(limit)
        return body
    if encoding not in _BITS:
        raise WrongTypeError(f"Content-Encoding {_shown(encoding)} is not read: use gzip.")
    parts, size = [], 0
    while True:
        reader = zlib.decompressobj(_BITS[encoding])
        try:
            part = reader.decompress(body, limit - size + 1)
        except zlib.error:
            raise BadBodyError(f"The body is not {encoding}.") from None
        parts.append(part)
        size += len(part)
        if size > limit:
            raise TooLargeError(limit)
        if not reader.eof:
            raise BadBodyError(f"The body is cut off: its {encoding} has no end.")
        body = reader.unused_data
        if not body:
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _shown(text: str) -> str:
    return repr(text[:40])
