"""Bills become lines: ``take`` imports what a source delivers, ``is_bill`` tells a bill."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from percapita.bills.files.found import find
from percapita.bills.files.objects import brought
from percapita.bills.peek import is_bill
from percapita.bills.taking import Delivery, read, scratch
from percapita.bills.written.whole import gone, with_named
from percapita.core.errors import ProofError
from percapita.core.sources import Source, Taken
from percapita.core.tables import LINES
from percapita.store import Store
from percapita.store.delivery import FileStat, Quarantined
from percapita.store.engine import Engine

if TYPE_CHECKING:
    # Slow to import, and only taking in needs it.
    from percapita.store.imports import ImportTx

__all__ = ["Delivery", "Preview", "is_bill", "local", "preview", "read", "scratch", "take"]


class UnwrittenError(ProofError):
    """The store did not take every line."""

    def __init__(self, period: str, lines: int, written: int) -> None:
        super().__init__(f"{lines} lines of {period} were to be stored, {written} were written.")


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
    """Import what a source delivers, whole or not at all.

    Args:
        store: where the lines go.
        source: what to import and how to read it.
        root: folder of the project, which paths are relative to.
        again: import it even if it is in already.

    Raises:
        InputError: the files are no bill that can be read.
        ProofError: the lines do not hold what the files write.
    """
    source = local(store, dataclasses.replace(source, kind="bill"))
    files = [FileStat.of(path, root) for path in with_named(find(source.path, root))]
    plain = dataclasses.replace(source, currency="")
    if not again and (store.unchanged(plain, files) or store.unchanged(source, files)):
        return _unchanged(store, source, len(files))
    with scratch(store.root / "temp") as folder:
        beside = "" if source.mode == "overwrite" else store.bind(LINES, "bill_live", seen_by="")
        delivery = read(store.engine, source, root, folder, beside, store.key)
        # Where the file says its currency itself, the model's decides nothing.
        read_as = source if delivery.assumed else plain
        with store.begin_import(read_as, files, again=again) as tx:
            _write(tx, delivery)
            if delivery.whole and source.mode == "overwrite":
                tx.replace_all()
                delivery.notes += gone(store, source.name, delivery)
            done = tx.commit(
                rows=delivery.rows, sums=delivery.sums, notes=delivery.notes, keys=delivery.keys,
                form=delivery.format,
            )  # fmt: skip
        if not done:
            return _unchanged(store, source, len(files))
    return Taken(
        source=source.name, import_id=tx.id, kind="bill", format=delivery.format,
        files=len(files), rows=delivery.rows, quarantined=len(delivery.quarantined),
        unchanged=False, sums=delivery.sums, notes=tuple(delivery.notes),
    )  # fmt: skip


def _write(tx: ImportTx, delivery: Delivery) -> None:
    for period, count in delivery.periods.items():
        written = tx.write(LINES, delivery.lines(period), period=period)
        if written != count:
            raise UnwrittenError(period, count, written)
    tx.quarantine(delivery.quarantined)


def _unchanged(store: Store, source: Source, files: int) -> Taken:
    last = store.imports(source.name)[-1]
    return Taken(
        source=source.name, import_id=last.id, kind="bill", format=last.format, files=files,
        rows=last.rows, quarantined=last.quarantined, unchanged=True, sums=last.sums,
        notes=last.notes,
    )  # fmt: skip
