"""Who an amount can fall on: the kinds of subject, and the receivers that are nobody.

A subject is known behind the door by its number alone. Numbers above zero are handed out by the
catalog; the few below are the same in every store.
"""

from __future__ import annotations

from typing import Final

USER: Final = "user"
SESSION: Final = "session"
TENANT: Final = "tenant"
SEGMENT: Final = "segment"
BOT: Final = "bot"
ERASED: Final = "erased"
ANONYMOUS: Final = "anonymous"

KINDS: Final = (USER, SESSION, TENANT, SEGMENT, BOT, ERASED, ANONYMOUS)
"""Kinds of subject that can have a number of their own."""

NOBODY: Final = 0
"""Usage that names no subject; it takes its share as ``anonymous``."""
NOBODYS: Final = (1 << 63) - 1
"""A number that no subject ever gets: rows that were summed over subjects have it."""
IDLE: Final = -1
EXCLUDED: Final = -2
UNALLOCATED: Final = -3
ROUNDING: Final = -4

PSEUDO: Final = {
    NOBODY: ANONYMOUS,
    IDLE: "idle",
    EXCLUDED: "excluded",
    UNALLOCATED: "unallocated",
    ROUNDING: "rounding",
}
"""Receivers without a person, and the kind that names them."""

PSEUDO_SLICE: Final = {NOBODY: -5, IDLE: -1, EXCLUDED: -2, UNALLOCATED: -3, ROUNDING: -4}
"""Each pseudo receiver has one slice of its own. Slice 0 is a user nothing else is known of."""

CLASS_OF_KIND: Final = {
    "rounding": "rounding",
    "unallocated": "unallocated",
    "excluded": "excluded",
    "idle": "idle",
    ERASED: "erased",
    BOT: "bots",
    ANONYMOUS: "anonymous",
}
"""Kinds whose cost is a named line of its own; every other kind is ``allocated``."""

CLASSES: Final = ("idle", "anonymous", "bots", "erased", "excluded", "unallocated", "rounding")
"""The named lines that stand beside ``allocated`` in every reconciliation, in print order."""


def segment_name(attribute: str, value: str) -> str:
    """Return the id of the subject that stands for a whole segment: ``tier=Starter``."""
    return f"{attribute}={value}"


REST: Final = "rest"
"""In the place of a subject's number: all those together that a question does not tell apart."""
