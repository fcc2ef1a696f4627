"""The files of a delivery: what format they have, and which of them have the same columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from percapita.bills.files import reading, records
from percapita.bills.files.found import Opened, opened
from percapita.bills.files.reading import Layout
from percapita.core.errors import InputError, nearest
from percapita.core.sources import Source
from percapita.plugins import BillFormat, Document, Measured, bill_formats, unmeasured
from percapita.store.engine import Engine

_AGAIN: Final = re.compile(r"(.+) 2")


class UnknownFormatError(InputError):
    """A file that is no bill any installed format knows."""

    def __init__(self, file: str, header: Sequence[str], formats: Sequence[str]) -> None:
        shown = ", ".join(header[:12]) + (" …" if len(header) > 12 else "")  # noqa: PLR2004
        super().__init__(
            f"{file} is not a bill that {' or '.join(formats)} knows. Its columns: {shown}",
            hint="Say which column is which under columns: with format: mapped, or name the files"
            " of the bill by a pattern such as bills/*.csv.gz.",
        )


class NothingError(InputError):
    """A delivery without a single readable bill."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"Source {source!r} delivers no bill: {why}.")


@dataclass(frozen=True, slots=True)
class _Table:
    """A file as columns, and how its rows are got."""

    names: tuple[str, ...]
    delimiter: str
    rows: Callable[[Path], str]
    """Makes the relation of the rows; takes the place of a columnar copy."""
    form: BillFormat | None = None
    """Known by more than its columns."""
    natives: Mapping[int, str] = field(default_factory=dict)
    """As in ``Layout``."""


@dataclass(slots=True)
class Laid:
    """A delivery, file by file."""

    engine: Engine
    source: Source
    folder: Path
    measured: Measured = unmeasured
    form: BillFormat | None = None
    """That of all files, as long as none is told apart."""
    notes: list[str] = field(default_factory=list)
    unknown: list[UnknownFormatError] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)
    """Files that have a header and no rows."""
    _layouts: dict[tuple[str, ...], tuple[BillFormat, Layout]] = field(default_factory=dict)

    @property
    def layouts(self) -> list[tuple[BillFormat, Layout]]:
        """Return the files' layouts, in the order they were met, and how each is read."""
        return list(self._layouts.values())

    @property
    def name(self) -> str:
        """Return what the delivery's format is called."""
        return "+".join(dict.fromkeys(sorted(form.name for form, _ in self._layouts.values())))

    def divide(self, formats: Mapping[int, BillFormat]) -> None:
        """Give every file, by number, a format of its own."""
        whole, self._layouts = self.layouts, {}
        for _, layout in whole:
            for number, part in zip(layout.files, layout.parts, strict=True):
                new = Layout(layout.names, layout.delimiter, natives=layout.natives)
                self._put(formats[number], new, number, part)

    def _put(self, form: BillFormat, layout: Layout, number: int, rows: str) -> Layout:
        """Add rows to the layout that is the same, which is returned."""
        _, same = self._layouts.setdefault((form.name, *layout.key), (form, layout))
        same.add(number, rows)
        return same

    def add(self, number: int, path: Path) -> None:
        """Take a file in, under the number that it has in the delivery."""
        file = opened(path, number, self.folder / f"{number}.csv")
        if file.note:
            self.notes.append(file.note)
        table = self._table(file)
        if table is None:
            self.notes.append(f"{path.name} is empty.")
        elif form := self._bill(path, table):
            copy = self.folder / f"{number}.parquet"
            rows = table.rows(copy)
            new = Layout(table.names, table.delimiter, natives=table.natives)
            layout = self._put(form, new, number, rows)
            layout.copies += [copy] if copy.exists() else []
            self.notes += _repeated(path.name, table.names)
            if not self.engine.rows(f"SELECT 1 FROM {layout.parts[-1]} LIMIT 1"):
                self.bare.append(number)
                self.notes.append(f"{path.name} has a header and no rows.")
        if file.readable != file.path:
            file.readable.unlink()

    def _table(self, file: Opened) -> _Table | None:
        if file.kind == "text":
            document = Document(file.path, file.readable, file.head, self.measured)
            form, found = records.of(document, self.source)
            if found is not None:
                pieces = records.Pieces(self.folder / f"records{file.number}")
                pieces.take(found)
                rows = pieces.relation(file.number)
                return _Table(pieces.names, records.KIND, lambda _: rows, form) if pieces else None
        head = reading.header(file, self.engine)
        if head is None:
            return None
        return _Table(
            head.names,
            head.delimiter,
            lambda copy: reading.relation(self.engine, file, head, copy),
            natives=reading.natives(file, self.engine),
        )

    def _bill(self, path: Path, table: _Table) -> BillFormat | None:
        """Return the format of a file that is a bill."""
        aside = f"{path.name} was left aside: it is"
        try:
            form = table.form or format_of(self.source, path.name, table.names)
        except UnknownFormatError as error:
            if table.delimiter != records.KIND:
                raise
            # Folders of bills hold JSON that describes them, too.
            self.unknown.append(error)
            self.notes.append(f"{aside} JSON, but no bill.")
            return None
        if isinstance(form, str):
            self.notes.append(f"{aside} the dataset {form}, not a bill.")
            return None
        if self.form is not None and self.form.name != form.name:
            raise NothingError(self.source.name, f"it mixes {self.form.name} and {form.name}")
        self.form = form
        return form


def _repeated(file: str, names: Sequence[str]) -> list[str]:
    """Return the note on columns of one name; ``reading`` numbers all but the first."""
    again = {found[1] for name in names if (found := _AGAIN.fullmatch(name))} & set(names)
    if not again:
        return []
    listed = ", ".join(sorted(again))
    return [f"{file} has several columns called {listed}: the first of each counts."]


def of(
    engine: Engine, source: Source, paths: Sequence[Path], folder: Path,
    measured: Measured = unmeasured,
) -> Laid:  # fmt: skip
    """Read the files of a delivery.

    Args:
        engine: reads them.
        source: what the user says of them.
        paths: of the files.
        folder: scratch folder.
        measured: what is known of meters that they name.

    Raises:
        InputError: none of them is a bill, or one can't be read.
    """
    laid = Laid(engine, source, folder, measured)
    for number, path in enumerate(paths):
        laid.add(number, path)
    if laid.form is None:
        if laid.unknown:
            raise laid.unknown[0]
        why = "; ".join(laid.notes).rstrip(".") or "no file holds a row"
        raise NothingError(source.name, why)
    return laid


def format_of(source: Source, file: str, header: Sequence[str]) -> BillFormat | str:
    """Return a file's format, or the name of the dataset it is that is no bill.

    Raises:
        InputError: the format that the user names is not installed, or none fits.
    """
    formats = bill_formats()
    if source.format:
        if source.format not in formats:
            raise InputError(
                f"Source {source.name!r} has the format {source.format!r}, which is not installed.",
                hint=nearest(source.format, formats),
            )
        chosen = formats[source.format]
        return chosen.aside(header) or chosen
    for form in formats.values():
        if form.recognises(header):
            return form
    asides = (form.aside(header) for form in formats.values())
    if dataset := next(filter(None, asides), None):
        return dataset
    if source.columns:
        return formats["mapped"]
    raise UnknownFormatError(file, header, [name for name in formats if name != "mapped"])
