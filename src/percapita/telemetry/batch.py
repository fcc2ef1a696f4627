"""One delivery on its way in: its files, what could not be read, what the user should know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from percapita.core.privacy import Key
from percapita.core.sources import Kind, Source
from percapita.core.subjects import SESSION, USER
from percapita.store import Store
from percapita.store.delivery import Quarantined
from percapita.store.engine import Engine, literal, quote
from percapita.telemetry.columns import DIMENSIONS, Layout
from percapita.telemetry.files import File, Reader

_IDENTITY: Final = {USER, SESSION, "subject", "alias", "of"}
_WORDS: Final = {
    "meter",
    "unit",
    "currency",
    "subject_kind",
    "kind",
    "alias_kind",
    "of_kind",
    *DIMENSIONS,
}
"""Parts whose cells are words; all others but ids are times and numbers."""
_NO_WORD: Final = r"[0-9 .,:/+TZ-]*"
"""Texts of times and numbers, and none at all."""
_SHOWN: Final = 200
"""Characters of a value that quarantine keeps."""


@dataclass(frozen=True, slots=True)
class Table:
    """One file, read and laid out."""

    file: File
    reader: Reader
    layout: Layout
    owned: bool = True
    """Its usage is somebody's; capacity is nobody's."""

    def theirs(self, part: str) -> str:
        """Return the file's name of a column."""
        return self.layout.columns.get(part, part.removeprefix("segment."))


@dataclass(slots=True)
class Batch:
    """A delivery of tables of one kind."""

    store: Store
    source: Source
    kind: Kind
    tables: tuple[Table, ...]
    model_segments: Collection[str]
    scratch: Path
    """Folder for what is parsed; nothing in it names a person."""
    notes: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    words: list[tuple[Table, int, int]] = field(default_factory=list)
    """Words among times and numbers: table, its row, and place in ``quarantined``."""

    @property
    def engine(self) -> Engine:
        """The engine of the store."""
        return self.store.engine

    @property
    def key(self) -> Key:
        """The secret of the pseudonyms."""
        return self.store.key

    def note(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self.notes:
            self.notes.append(text)

    def refuse(
        self, table: Table, row: int, part: str, value: str | None, why: tuple[str, str, str]
    ) -> None:
        """Put a row into quarantine; ``why`` is its code, reason and fix."""
        code, reason, fix = why
        self.quarantined.append(
            Quarantined(
                file=table.file.name,
                row=table.reader.place(row),
                column=table.theirs(part),
                value=self._safe(table, row, part, value or ""),
                code=code,
                reason=reason,
                hint=fix,
            )
        )

    def refuse_broken(self, table: Table) -> None:
        """Put the rows that have no cells into quarantine; call it after the file was read."""
        for broken in table.reader.broken(self.engine):
            why = ("broken-row", broken.reason, broken.fix)
            name = table.file.name
            self.quarantined.append(Quarantined(name, broken.row, "", "", *why))

    def refused(self) -> list[Quarantined]:
        """Return the rows in quarantine, all of a delivery at once.

        A value that is somebody's id anywhere is a pseudonym, and so is a word among times and
        numbers in a row whose cells have changed places: where its own id looks like neither word.
        """
        for table in self.tables:
            for at in self._shifted(table):
                item = self.quarantined[at]
                safe = self.key.pseudonym(USER, item.value)
                self.quarantined[at] = replace(item, value=safe)
        values = {item.value for item in self.quarantined if item.value}
        for kind in (USER, SESSION):
            ids = self.store.door.known(kind, values)
            self.quarantined = [
                replace(item, value=self.key.pseudonym(kind, item.value))
                if item.value in ids
                else item
                for item in self.quarantined
            ]
        return self.quarantined

    def _safe(self, table: Table, row: int, part: str, value: str) -> str:
        # A mail address in a column of numbers is a row whose cells have shifted.
        if value and (part in _IDENTITY or "@" in value):
            kind = part if part in (USER, SESSION) else USER
            return self.key.pseudonym(kind, value)
        if value and part not in _WORDS and not any(map(str.isdigit, value)):
            self.words.append((table, row, len(self.quarantined)))
        return value[:_SHOWN]

    def _shifted(self, table: Table) -> list[int]:
        """Return which rows in quarantine have an id that is empty, or a number or time."""
        rows: dict[int, list[int]] = {}
        for of, row, at in self.words:
            if of is table:
                rows.setdefault(row, []).append(at)
        columns = table.layout.columns
        ids = {w.part: columns[w.part] for w in table.layout.whom if w.part in columns}
        if not rows or not ids:
            return []
        named = " AND ".join(
            f"regexp_full_match(coalesce({quote(part)}, ''), {literal(_NO_WORD)})" for part in ids
        )
        listed = ", ".join(map(str, rows))
        found = self.engine.rows(
            f'SELECT "row" FROM ({table.reader.select(self.engine, ids)})'
            f' WHERE "row" IN ({listed}) AND {named}'
        )
        return [at for (row,) in found for at in rows[row]]


def cell(layout: Layout, part: str) -> str:
    """Return SQL of a part's text over the columns of ``Reader.select``: cell, else fixed value."""
    fixed = layout.values.get(part)
    if part not in layout.columns:
        return "NULL::VARCHAR" if fixed is None else literal(fixed)
    return quote(part) if fixed is None else f"coalesce({quote(part)}, {literal(fixed)})"


def listed(layout: Layout, parts: Iterable[str]) -> str:
    """Return the select list of these parts, each under our name."""
    return ", ".join(f"{cell(layout, part)} AS {quote(part)}" for part in parts)


def first_flaw(checks: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Return SQL of (part, text) of the first check that fails, null where all hold.

    Args:
        checks: part -> SQL that is true where the cell is fine.
        values: part -> SQL of its text.
    """
    cases = " ".join(
        f"WHEN NOT coalesce({check}, false)"
        f" THEN {{'part': {literal(part)}, 'value': {values[part]}}}"
        for part, check in checks.items()
    )
    return f"CASE {cases} END"


FLAW: Final = "STRUCT(part VARCHAR, value VARCHAR)"
"""Type of what ``first_flaw`` makes."""


class Flaw(NamedTuple):
    """A check that a row failed."""

    row: int
    part: str
    value: str | None
    """The cell's text."""


def flawed(engine: Engine, relation: str) -> Iterator[Flaw]:
    """Yield what is wrong in a relation with ``row`` and ``flaw``, one entry for a bad cell."""
    rows = engine.rows(
        'SELECT DISTINCT "row", flaw.part, flaw.value'
        f" FROM ({relation}) WHERE flaw IS NOT NULL ORDER BY ALL"
    )
    yield from (Flaw(*row) for row in rows)
