"""What in a folder shows that it holds a store, and where the store's catalog is."""

from __future__ import annotations

from pathlib import Path

CATALOG = "catalog.sqlite"
"""The catalog, where it lies in the folder."""
MARK = "catalog.id"
"""Where the catalog is elsewhere: the id that both have."""


def has_store(root: Path) -> bool:
    """Tell whether a folder holds a store, wherever its catalog is."""
    return (root / CATALOG).exists() or (root / MARK).exists()
