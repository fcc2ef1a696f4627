"""percapita: what every user costs, exactly, explainably, and now.

with percapita.open("acme") as book:
book.cost("tier", period="2025-10").arrow()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from percapita.core.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from percapita.api import Book

__all__ = ["__version__", "open"]

__version__ = VERSION


def open(folder: Path | str = ".", store: Path | str | None = None) -> Book:  # noqa: A001 percapita.open reads well
    """Open a project's published figures.

    Args:
        folder: where ``percapita.yaml`` is.
        store: where the data is kept; ``.percapita`` in the folder unless said.

    Raises:
        NoProjectError: there is no ``percapita.yaml``.
        NoStoreError: nothing was ever taken in.
    """
    from percapita.api import Book  # noqa: PLC0415 importing the package costs nothing

    return Book.open(folder, store)
