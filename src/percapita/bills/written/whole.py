"""Deliveries of written documents: the files they name beside them, and what they no longer say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from percapita.bills.taking import Delivery
from percapita.core.tables import LINES, READINGS
from percapita.plugins import NamesFiles, NamesMeters, bill_formats
from percapita.store import Store
from percapita.store.delivery import FileStat
from percapita.store.engine import literal
from percapita.store.read.metered import by_day


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


def metered(store: Store, paths: Sequence[Path]) -> Iterator[FileStat]:
    """Yield, as files of their own, the usage that documents take quantities from."""
    formats = [form for form in bill_formats().values() if isinstance(form, NamesMeters)]
    seen: set[str] = set()
    for path in paths:
        for form in formats:
            for meter, where in form.meters(path):
                name = " ".join([f"meter {meter}", *(f"{k}={v}" for k, v in sorted(where.items()))])
                if name not in seen and set(where) <= set(READINGS.names):
                    seen.add(name)
                    used = repr(by_day(store, meter, where)).encode()
                    yield FileStat(name, 0, hashlib.sha256(used).hexdigest())


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
