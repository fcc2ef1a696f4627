"""Lists in pages: the cursors that say where one goes on.

A list of a run's figures goes on after so many rows of the very runs that it was begun with; a list
that grows goes on after the row that was given last. Either way nothing that comes meanwhile moves
a row from one page to another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from percapita.core.errors import InputError
from percapita.core.privacy import Key

_MARK: Final = 16
MOST: Final = 10_000
"""Rows of a page."""
USUAL: Final = 100
"""Rows of a page that a cursor asks for without a limit."""
FORMS: Final = ("limit", "cursor")
"""Names that say how a list is read, not what it is."""


class CursorError(InputError):
    """A cursor that no answer to this question gave."""

    def __init__(self) -> None:
        super().__init__(
            "That is no cursor of this list.",
            hint="Ask the same question again with `next` of the page before, or leave it out.",
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on."""

    after: int = 0
    """Rows that were given, of a list of figures."""
    last: tuple[str | int, ...] = ()
    """What the row that was given last is sorted by, of a list that grows."""
    basis: str = ""
    runs: Mapping[str, str] = field(default_factory=dict)
    """Billing period to run."""


def write(key: Key, question: str, place: Place) -> str:
    """Return the cursor of a place; nobody without the key can make one up."""
    parts = [place.after, place.last, place.basis, sorted(place.runs.items())]
    said = json.dumps(parts, ensure_ascii=False).encode()
    return _text(_seal(key, question, said) + said)


def read(key: Key, question: str, cursor: str) -> Place:
    """Return the place of a cursor.

    Raises:
        CursorError: it is none of ours, or of another question.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raise CursorError from None
    seal, said = raw[:_MARK], raw[_MARK:]
    if _text(raw) != cursor or not hmac.compare_digest(seal, _seal(key, question, said)):
        raise CursorError
    after, last, basis, runs = json.loads(said)
    return Place(after, tuple(last), basis, dict(runs))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def question(page: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return what a cursor belongs to: a page, and what it is asked."""
    asked = [[name, value] for name, value in pairs if name not in FORMS and value]
    return json.dumps([page, asked], ensure_ascii=False)


def _seal(key: Key, question: str, said: bytes) -> bytes:
    # Surrogates can stand in an address; a question need not be text that can be shown.
    of = hashlib.blake2b(question.encode("utf-8", "surrogatepass"), digest_size=_MARK).digest()
    return hashlib.blake2b(
        of + said, digest_size=_MARK, key=key.secret, person=b"percapita page"
    ).digest()
