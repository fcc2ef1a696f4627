"""Cursors: where a list goes on, and of which runs it is, so that a new run moves nothing in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from percapita.core.errors import InputError
from percapita.core.privacy import Key

_MARK: Final = 16


class CursorError(InputError):
    """A cursor that no answer gave."""

    def __init__(self) -> None:
        super().__init__("That is no cursor of this list.",
                         hint="Give `next` of the page before, or leave it out.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on."""

    basis: str
    runs: Mapping[str, str]
    """Billing period to run."""
    after: int
    """Rows that were given."""


def write(key: Key, place: Place) -> str:
    """Return the cursor of a place; nobody without the key can make one up."""
    said = json.dumps([place.basis, sorted(place.runs.items()), place.after]).encode()
    return base64.urlsafe_b64encode(_seal(key, said) + said).decode().rstrip("=")


def read(key: Key, cursor: str) -> Place:
    """Return the place of a cursor.

    Raises:
        CursorError: it is none of ours.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raise CursorError from None
    seal, said = raw[:_MARK], raw[_MARK:]
    if not hmac.compare_digest(seal, _seal(key, said)):
        raise CursorError
    basis, runs, after = json.loads(said)
    return Place(basis, dict(runs), after)


def _seal(key: Key, said: bytes) -> bytes:
    return hashlib.blake2b(
        said, digest_size=_MARK, key=key.secret, person=b"percapita page"
    ).digest()
