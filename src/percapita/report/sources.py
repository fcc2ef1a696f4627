"""What was taken in, delivery by delivery, and the rows that were set aside."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from percapita.core import money
from percapita.core.errors import InputError
from percapita.core.tables import COSTS, LINES
from percapita.store import Store
from percapita.store.catalog.records import Import
from percapita.store.live.files import LEAD

COLUMNS: Final = ("source", "file", "row", "column", "value", "code", "reason", "fix")
"""Of a row that was set aside."""
_LINE: Final = "broken-line"
"""Code of what is a line of a log, not a row of a table."""
_LIVE, _PARTLY, _REPLACED = "live", "partly replaced", "replaced"
_FLAT: Final = (
    "source", "import", "kind", "format", "imported_at", "state", "files", "rows", "quarantined",
    "currency", *COSTS,
)  # fmt: skip

Sums = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One import, and what of it counts now."""

    record: Import
    state: str
    """live, partly replaced or replaced."""
    rows: int
    """Rows that count now; of signals those delivered, as long as any counts."""
    sums: Sums
    """Of what counts now: currency to basis (of revenue: its kind) to money text."""

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.record.source

    @property
    def at(self) -> str:
        """When it was taken in."""
        return self.record.committed_at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def json(self) -> dict[str, Any]:
        """Return it as JSON carries it."""
        of = self.record
        return {
            "source": of.source, "import": of.id, "kind": of.kind, "format": of.format,
            "mode": of.mode, "imported_at": self.at, "state": self.state,
            "live": self.state != _REPLACED,
            "files": [
                {"path": file.path, "bytes": file.bytes, "sha256": file.digest}
                for file in of.files
            ],
            "rows": self.rows, "quarantined": of.quarantined, "sums": self.sums,
            "delivered": {"rows": of.rows, "sums": of.sums}, "notes": list(of.notes),
        }  # fmt: skip

    def shown(self) -> tuple[object, ...]:
        """Return the row of the terminal's table."""
        of = self.record
        return of.source, of.kind, len(of.files), self.rows, of.quarantined, self.at, self.state

    def flat(self) -> list[tuple[object, ...]]:
        """Return the rows of a CSV file, one a currency."""
        of = self.record
        head = (of.source, of.id, of.kind, of.format, self.at, self.state, len(of.files),
                self.rows, of.quarantined)  # fmt: skip
        by_currency = self.sums or {"": {}}
        return [
            (*head, currency, *(sums.get(basis) for basis in COSTS))
            for currency, sums in by_currency.items()
        ]


def flat(found: list[Delivery]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return header and rows of a CSV file."""
    return _FLAT, [row for one in found for row in one.flat()]


def deliveries(store: Store) -> list[Delivery]:
    """Return every import, oldest first; what was received and counted is one."""
    live = _live_lines(store)
    result = []
    for record in _received_as_one(store.imports()):
        if record.kind != "bill":
            state = _LIVE if record.live else _REPLACED
            sums = record.sums if record.live else {}
            result.append(Delivery(record, state, record.rows if record.live else 0, sums))
            continue
        rows, sums = live.get(record.id, (0, {}))
        state = _LIVE if rows == record.rows and record.live else _PARTLY if rows else _REPLACED
        result.append(Delivery(record, state, rows, sums))
    return result


def _received_as_one(records: list[Import]) -> list[Import]:
    """Join the many small imports of what was received: they are one delivery that goes on."""
    received = [record for record in records if record.id.startswith(LEAD)]
    live = [record for record in received if record.live]
    if not live:
        return records
    rows = sum(record.rows for record in live)
    broken = sum(record.quarantined for record in live)
    others = [record for record in records if record not in received]
    return [*others, replace(live[-1], rows=rows, quarantined=broken)]


def _live_lines(store: Store) -> dict[str, tuple[int, Sums]]:
    """Return import -> lines and sums that count now."""
    view = store.bind(LINES, "sources_lines", seen_by="")
    costs = ", ".join(f"sum({column})" for column in COSTS.values())
    rows: dict[str, int] = defaultdict(int)
    sums: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for owner, currency, count, *amounts in store.engine.rows(
        f"SELECT \"import\", coalesce(BillingCurrency, ''), count(*), {costs} FROM {view}"
        " GROUP BY ALL ORDER BY ALL"
    ):
        rows[owner] += count
        by_basis = zip(COSTS, amounts, strict=True)
        sums[owner][currency] = {b: str(money.text(a)) for b, a in by_basis if a is not None}
    return {owner: (count, sums[owner]) for owner, count in rows.items()}


def broken_rows(store: Store, source: str = "", root: Path | None = None) -> list[list[Any]]:
    """Return the rows set aside, in the order of ``COLUMNS``.

    Args:
        store: where they are listed.
        source: only of this source.
        root: the project's folder, to read each row again from its file; its text comes last.
    """
    names = [source] if source else sorted({record.source for record in store.imports()})
    found: list[list[Any]] = [
        [name, q.file, q.row, q.column, q.value, q.code, q.reason, q.hint]
        for name in names
        for q in store.quarantined(source=name)
    ]
    if root is None:
        return found
    texts = _texts(root, found)
    return [[*row, texts.get((str(row[1]), int(row[2])), "")] for row in found]


def _texts(root: Path, found: list[list[Any]]) -> dict[tuple[str, int], str]:
    wanted: dict[str, set[int]] = defaultdict(set)
    logs = {row[1] for row in found if row[5] == _LINE}
    for _, file, row, *_ in found:
        wanted[file].add(row)
    return {
        (file, row): text
        for file, rows in wanted.items()
        for row, text in _of_file(root, file, rows, lines=file in logs)
    }


def _of_file(root: Path, name: str, rows: set[int], *, lines: bool) -> Iterator[tuple[int, str]]:
    """Yield the text of some rows of a file; nothing of a file that is gone."""
    from percapita.bills.files import archives  # noqa: PLC0415
    from percapita.telemetry.peek import originals  # noqa: PLC0415

    # What could be read once may have been damaged since.
    with suppress(InputError), archives.named(root, name) as path:
        if path is None:
            return
        for row, cells in originals(path, rows, lines=lines):
            yield row, cells if isinstance(cells, str) else _csv(cells)


def _csv(cells: list[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(cells)
    return stream.getvalue().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
