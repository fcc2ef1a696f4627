"""The desk of live prices of each store that pages are made from: all pages ask the same one.

What a desk has gathered lies in its store's engine, so a store has one.
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from percapita.live.desk import Desk
from percapita.store import Store

_DESKS: Final[WeakKeyDictionary[Store, Desk]] = WeakKeyDictionary()


def desk_of(store: Store) -> Desk:
    """Return the desk of a store."""
    return _DESKS.setdefault(store, Desk(store))
