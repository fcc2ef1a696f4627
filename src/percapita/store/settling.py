"""The Delta logs, brought up to date for whoever counts: in a process that ends after it."""

from __future__ import annotations

from percapita.store import journal
from percapita.store.store import Store


def settle(store: Store) -> None:
    """Bring the Delta logs up to what is committed."""
    journal.settle(store._site)  # noqa: SLF001 the store's own
