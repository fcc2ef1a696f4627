"""The desk of live prices of a store: whoever asks the same store asks the same desk.

What a desk has read lies in its store's engine, so it stays as long as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from percapita.store import Store

if TYPE_CHECKING:
    from percapita.live.desk import Desk


def desk_of(store: Store, basis: str = "") -> Desk:
    """Return the desk of a store and a basis; the model's unless said."""
    # It loads Ibis, which a server that only receives has no use for.
    from percapita.live.desk import Desk  # noqa: PLC0415

    return store.engine.once(f"desk {basis}", lambda: Desk(store, basis))
