"""The desk of live prices of each store that pages are made from: all pages ask the same one.

What a desk has gathered lies in its store's engine, so a store has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from percapita.store import Store

if TYPE_CHECKING:
    from percapita.live.desk import Desk

_DESKS: Final[WeakKeyDictionary[Store, Desk]] = WeakKeyDictionary()


def desk_of(store: Store) -> Desk:
    """Return the desk of a store."""
    from percapita.live.desk import Desk  # noqa: PLC0415 loads Ibis

    return _DESKS.setdefault(store, Desk(store))
