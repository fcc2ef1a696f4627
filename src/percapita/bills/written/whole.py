"""Deliveries of written documents: the files they name beside them, and what they no longer say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from percapita.bills.taking import Delivery
from percapita.core.tables import LINES
from percapita.plugins import NamesFiles, bill_formats
from percapita.store import Store
from percapita.store.engine import literal


def with_named(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of a delivery, and those that they name: a change of one is a change."""
    formats = [form for form in bill_formats().values() if isinstance(form, NamesFiles)]
    seen = {path.resolve() for path in paths}
    yield from paths
    for path in paths:
        for form in formats:
            for other in form.beside(path):
                if other.resolve() not in seen:
                    seen.add(other.resolve())
                    yield other


def gone(store: Store, source: str, delivery: Delivery) -> list[str]:
    """Return the note on months that the source had lines of and a whole delivery has none of."""
    lines = store.bind(LINES, "bill_live", seen_by="")
    held = store.engine.rows(
        f"SELECT DISTINCT period FROM {lines} WHERE source = {literal(source)} ORDER BY 1"
    )
    months = [period for (period,) in held if period not in delivery.periods]
    if not months:
        return []
    return [f"No longer in the files, and taken back: the lines of {', '.join(months)}."]
