"""Bills become lines: ``take`` imports what a source delivers, ``is_bill`` tells a bill."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from percapita.bills.arrival import Arrival
from percapita.bills.files.objects import brought
from percapita.bills.peek import instead, is_bill
from percapita.bills.taking import Delivery, read, scratch
from percapita.core.sources import Source, Taken
from percapita.store import Store
from percapita.store.delivery import Quarantined
from percapita.store.engine import Engine

__all__ = [
    "Delivery",
    "Preview",
    "instead",
    "is_bill",
    "local",
    "preview",
    "read",
    "scratch",
    "take",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """What a source would become if it were imported."""

    format: str
    lines: tuple[dict[str, Any], ...]
    """In order of file and row, column to value."""
    quarantined: tuple[Quarantined, ...]
    sums: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]


def preview(source: Source, *, root: Path) -> Preview:
    """Read a source as ``take`` does, into memory and into no store. For bills that fit there.

    Raises:
        InputError: the files are no bill that can be read.
    """
    engine = Engine()
    with closing(engine), scratch(None) as folder:
        delivery = read(engine, source, root, folder)
        lines = engine.records(f'SELECT * FROM ({delivery.lines()}) ORDER BY "file", "row", LineId')
    return Preview(
        delivery.format, tuple(lines), tuple(delivery.quarantined), delivery.sums,
        tuple(delivery.notes),
    )  # fmt: skip


def local(store: Store, source: Source, progress: Callable[[str], None] = lambda _: None) -> Source:
    """Return the source with a path on this machine: what an object store holds is copied first.

    Args:
        store: keeps the copies, so that the next time only what is new is fetched.
        source: any; one that is local stays as it is.
        progress: is told each object that is fetched.

    Raises:
        InputError: the object store does not give what the source names.
    """
    return brought(source, store.root / "objects", progress)


def take(store: Store, source: Source, *, root: Path, again: bool = False) -> Taken:
    """Import what a source delivers, whole or not at all; files that are in are not read again.

    Args:
        store: where the lines go.
        source: what to import and how to read it.
        root: folder of the project, which paths are relative to.
        again: import all of it even if it is in already.

    Raises:
        InputError: the files are no bill that can be read.
        ProofError: the lines do not hold what the files write.
    """
    return Arrival(store, local(store, source), root, again=again).take()
