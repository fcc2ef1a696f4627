"""Every extension point on one page: what an engine and a bill format are asked to do.

A stage speaks to an ``Engine`` in tables of ``core/tables`` and never to a database. Relations
are SQL text or Ibis expressions over tables that the engine knows by name: ``named`` and ``stored``
make such a table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from percapita.core.sources import Source
from percapita.core.tables import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

Schema = Mapping[str, str]
"""Column name to type, in the types of ``core/tables``."""


class Engine(Protocol):
    """Runs relations over named tables. Temporary tables vanish with the engine."""

    def create(self, name: str, relation: object, schema: Schema, *, ordered: bool = False) -> int:
        """Make or replace a temporary table of exactly this schema; return its rows.

        ``ordered``: its rows are read in the order of the relation.
        """
        ...

    def insert(self, name: str, relation: object, schema: Schema) -> int:
        """Append to a temporary table made by ``create``; return the rows added."""
        ...

    def load(self, name: str, schema: Schema, rows: Iterable[Sequence[Any]]) -> int:
        """Make or replace a temporary table of these Python rows; return their number."""
        ...

    def view(self, name: str, relation: object) -> None:
        """Make or replace a temporary view."""
        ...

    def rows(self, relation: object) -> list[tuple[Any, ...]]:
        """Return the rows as Python values: Decimal, int, str, datetime in UTC."""
        ...

    def drop(self, name: str) -> None:
        """Forget a temporary table or view, if it is there."""
        ...


class Sink(Protocol):
    """Takes the output tables of one period of one run."""

    def write(self, table: Table, relation: object, part: str) -> int:
        """Write a relation as one more file of the table; return its rows."""
        ...

    def written(self, table: Table) -> str:
        """Return the name of a view over what was written so far."""
        ...


def named(name: str, schema: Schema) -> ir.Table:
    """Return a table that the engine knows by name, as an unbound expression."""
    import ibis  # noqa: PLC0415 reading commands see this page and must not pay for Ibis

    zoned = {c: "timestamp('UTC', 6)" if t == "timestamp" else t for c, t in schema.items()}
    return ibis.table(zoned, name=name)


def stored(table: Table, name: str = "") -> ir.Table:
    """Return a stored table as an unbound expression, under its own name unless said."""
    return named(name or table.name, {column.name: column.type for column in table.columns})


@dataclass(frozen=True, slots=True)
class First:
    """The first of some cells that is not empty."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same text in every row."""

    text: str


@dataclass(frozen=True, slots=True)
class When:
    """One cell or another, depending on what a column says."""

    column: str
    values: tuple[str, ...]
    """What the column must say, in this case of letters; none: anything at all."""
    then: Cell | None
    otherwise: Cell | None = None
    """``None`` is an empty cell."""


@dataclass(frozen=True, slots=True)
class Like:
    """One cell or another, depending on whether the whole text of a column fits a pattern."""

    column: str
    pattern: str
    """A regular expression of RE2."""
    then: Cell | None
    otherwise: Cell | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What a pattern finds in a column's text; empty where it finds nothing."""

    column: str
    pattern: str
    """A regular expression of RE2 whose first group is taken."""


@dataclass(frozen=True, slots=True)
class Inside:
    """The value of a key in a column that holds a JSON object."""

    column: str
    key: str


@dataclass(frozen=True, slots=True)
class Total:
    """The exact sum of amounts, empty cells left out; empty where all of them are."""

    plus: tuple[Cell, ...]
    minus: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Labels:
    """A column that holds a JSON object of tags, and what becomes of its keys."""

    column: str
    without: tuple[str, ...] = ()
    """Beginnings of keys that are cut off."""
    before: str = ""
    """What every key is led by then."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The tags of several columns, for the column ``Tags`` alone."""

    labels: tuple[Labels, ...]


Cell: TypeAlias = str | First | Fixed | When | Like | Part | Inside | Total | Gathered
"""What fills a column of ours: the file's column of that name, or what is made of several."""


@dataclass(frozen=True, slots=True)
class Each:
    """A column that holds a JSON array of objects: each of them becomes one more row.

    Such a row says what its row says, but for the columns named here, which the element fills, and
    but for costs and quantities that are not: costs are 0 there and quantities empty, so that
    nothing counts twice. Keys that fill nothing go to ``Extra`` as ``COLUMN.KEY``.
    """

    column: str
    """The array, as JSON or as Python prints it; an empty cell and ``[]`` have no elements."""
    columns: Mapping[str, Cell]
    """Our column -> what fills it; a ``str`` is a key of the element, ``a.b`` one inside ``a``."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the columns of ``lines`` come from in a bill of one format.

    A column of the file that fills one of ours, alone or as one of ``First``, is done with; every
    other column goes to ``Extra`` under the file's name for it.
    """

    columns: Mapping[str, Cell]
    """Our column, ``tags.KEY`` or ``x_NAME`` -> what fills it."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Likewise -> what stands in for an empty or missing cell."""
    mandatory: tuple[str, ...] = ()
    """Our columns that the format says are never null; nulls in them are reported."""
    each: Each | None = None
    """Charges that a row carries inside a cell."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """Our column -> what the user is told if a row fills it."""
    whole: bool = False
    """A delivery is all that its source has: in mode overwrite it replaces also the months that it
    has no lines of."""


Measured: TypeAlias = Callable[[str, Mapping[str, str]], Sequence[tuple[date, int]]]
"""Gives the usage of a meter by day, as far as cells (``service`` …) say what they are asked."""


def unmeasured(meter: str, where: Mapping[str, str]) -> Sequence[tuple[date, int]]:  # noqa: ARG001
    """Know of no usage: there is no store."""
    return ()


@dataclass(frozen=True, slots=True)
class Document:
    """A text file that need not be a table."""

    path: Path
    """As the user knows it."""
    text: Path
    """Its content, unpacked, as UTF-8."""
    head: str
    """The content's beginning, up to a million characters."""
    measured: Measured = unmeasured
    """What is known of the meters that it names."""


class BillFormat(Protocol):
    """A bill format, named by an entry point of the group ``percapita.bills``."""

    name: str

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell whether a file with these columns is a bill of this format."""
        ...

    def aside(self, header: Sequence[str]) -> str | None:
        """Name the dataset that comes along with such bills but is none, else ``None``."""
        ...

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Say which column is which; ``source`` holds what the user said of it."""
        ...


@runtime_checkable
class ReadsRecords(Protocol):
    """What a bill format has besides where its files are no table of CSV, Parquet or plain JSON.

    JSON needs none of this if each charge is an object: one a line, one after the other, or all in
    one array. It is read for every format, nested objects as columns ``a.b``.
    """

    def records(self, document: Document, source: Source) -> Iterator[Mapping[str, object]] | None:
        """Yield what is to be read as rows, or return ``None`` if the file is none of ours.

        A value is a text, a number (``Decimal`` where digits count), a truth, ``None``, or a
        mapping or list of such: a mapping becomes columns ``a.b``, a list JSON text. The keys of
        all records are the header that ``bind`` gets. Asked before ``recognises``.

        Raises:
            InputError: it is ours and can't be read.
        """
        ...


@runtime_checkable
class TellsApart(Protocol):
    """What a bill format has besides where a provider writes the same charges into two datasets.

    Files of both in one delivery are each read by the format of their dataset.
    """

    def datasets(self) -> Mapping[str, BillFormat]:
        """Return dataset -> the format that reads it beside the others."""
        ...

    def trace(self, header: Sequence[str]) -> Cell | None:
        """Return what a row gives away of its dataset, a word for ``dataset``."""
        ...

    def dataset(self, names: Sequence[str], traces: Collection[str]) -> str:
        """Return the dataset of a file, empty if nothing tells.

        Args:
            names: of the report that its manifest says, of the file, of its folders, innermost
                first.
            traces: what its rows give away.
        """
        ...


@runtime_checkable
class NamesFiles(Protocol):
    """What a bill format has besides where its files name others that belong to them."""

    def beside(self, path: Path) -> Iterable[Path]:
        """Return the files that one names, if it is of this format: a change of them is its own."""
        ...


@runtime_checkable
class NamesMeters(Protocol):
    """What a bill format has besides where its files take quantities from readings."""

    def meters(self, path: Path) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Return the meters that a file names, each with the cells that it asks for."""
        ...


def bill_formats() -> dict[str, BillFormat]:
    """Return every installed bill format by name."""
    from importlib.metadata import entry_points  # noqa: PLC0415 slow, and few commands ask

    found = entry_points(group="percapita.bills")
    return {point.name: point.load() for point in sorted(found, key=lambda point: point.name)}
