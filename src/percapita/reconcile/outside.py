"""Somebody else's allocation table, read as it was published.

Three shapes are understood: long (pool, segment value, amount), wide (pool, and a column for each
segment value, or the other way round), and totals only (a row for each segment value). A row or
column called total is what the table says of itself, not money of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from percapita.core.errors import InputError
from percapita.core.money import ZERO, exact, text, total

Shape = Literal["long", "wide", "totals"]

_AMOUNTS: Final = ("amount", "total", "totalcost", "cost", "allocated", "sum", "totalusd")
_TOTALS: Final = ("total", "totals", "sum", "all", "grandtotal", "overall")
_BLANK: Final = ("", "-", "\u2013", "\u2014", "n/a", "na")


@dataclass(slots=True)
class Outside:
    """A table's money by pool and segment value; the pool is ``None`` in totals only."""

    shape: Shape
    segment: str
    """Segment of the model that its values are of."""
    cells: dict[tuple[str | None, str], Decimal] = field(default_factory=dict)
    places: int = 0
    """Fractional digits it writes: what lies below half of the last is rounding, not a gap."""
    stated: dict[str, Decimal] = field(default_factory=dict)
    """What its total row says of each column."""

    @property
    def tolerance(self) -> Decimal:
        """Half of the last digit that the table writes."""
        return Decimal(5).scaleb(-self.places - 1)

    @property
    def whole(self) -> Decimal:
        """The sum of its cells."""
        return total(list(self.cells.values()))

    def contradictions(self) -> list[str]:
        """Return where the table's own totals are not the sums of its cells."""
        found = []
        for value, stated in self.stated.items():
            amounts = [a for (_, at), a in self.cells.items() if value in ("", at)]
            if abs(total(amounts) - stated) > self.tolerance * max(len(amounts), 1):
                name = value or "everything"
                summed = text(total(amounts))
                found.append(f"Its total of {name} is {text(stated)}, its cells sum to {summed}.")
        return found


class TableShapeError(InputError):
    """The table is none of the known shapes."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be compared: {reason}.",
            hint="Give the columns pool, segment value and amount; or pool and a column for each"
            " segment value; or a segment column and total.",
        )


def read(
    path: Path,
    segments: Mapping[str, Collection[str]],
    *,
    pools: Collection[str] = (),
    segment: str = "",
) -> Outside:
    """Read a published table.

    Args:
        path: a CSV file.
        segments: each segment of the model with its values.
        pools: of the model; where they are column names, the table is turned.
        segment: which one the table is by; found out unless said.

    Raises:
        TableShapeError: it is none of the known shapes.
        InputError: it cannot be read, or an amount is not a number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[field.strip() for field in row] for row in csv.reader(file)]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    rows = [row for row in rows if any(row)]
    if len(rows) < 2:  # noqa: PLR2004 a header and something below it
        raise TableShapeError(path, "it has no rows")
    header, *body = _turned(rows, pools)
    return _Reader(path, header, body, segments, segment).read()


def _turned(rows: Sequence[Sequence[str]], pools: Collection[str]) -> Sequence[Sequence[str]]:
    """Return the rows with a pool each, where the table has a column for each pool."""
    known = {folded(pool) for pool in pools}
    pooled = [at for at, title in enumerate(rows[0]) if folded(title) in known]
    if "pool" in map(folded, rows[0]) or not pooled or folded(rows[0][0]) in known:
        return rows
    sums = [at for at, title in enumerate(rows[0]) if folded(title) in _TOTALS]
    padded = [[*row, *[""] * (len(rows[0]) - len(row))] for row in rows]
    return [["pool", *(row[0] for row in padded[1:])]] + [
        [row[at] for row in padded] for at in (*pooled, *sums)
    ]


class _Reader:
    def __init__(
        self,
        path: Path,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        segments: Mapping[str, Collection[str]],
        segment: str,
    ) -> None:
        self.path = path
        self.header = header
        self.rows = rows
        self.segments = {segment: segments.get(segment, ())} if segment else segments
        self.columns = {folded(name): at for at, name in enumerate(header)}

    def read(self) -> Outside:
        pool = self.columns.get("pool")
        if pool is None and (wide := self._by_header()):
            # The column before the values names the pools, whatever it is called.
            return self._wide(0, *wide)
        if pool is not None and (wide := self._by_header()):
            return self._wide(pool, *wide)
        named, at = self._by_column(besides=pool)
        amount = self._amount_column(besides=(pool, at))
        result = Outside("totals" if pool is None else "long", named)
        for number, row in enumerate(self.rows, start=1):
            value = self._field(row, at)
            where = None if pool is None else self._field(row, pool)
            self._take(result, where, value, self._number(row, amount, number))
        return result

    def _wide(self, pool: int, segment: str, values: Mapping[int, str]) -> Outside:
        result = Outside("wide", segment)
        sums = {at: "" for name, at in self.columns.items() if name in _TOTALS}
        for number, row in enumerate(self.rows, start=1):
            name = self._field(row, pool)
            for at, value in values.items():
                self._take(result, name, value, self._number(row, at, number))
            if folded(name) in _TOTALS:
                for at in sums:
                    result.stated[""] = self._number(row, at, number)
        if not result.cells:
            # A row of totals and nothing else is all that the table says.
            result.shape = "totals"
            result.cells = {(None, value): a for value, a in result.stated.items() if value}
            result.stated = {}
        return result

    def _take(self, result: Outside, pool: str | None, value: str, amount: Decimal) -> None:
        exponent = amount.as_tuple().exponent
        places = -exponent if isinstance(exponent, int) else 0
        result.places = max(result.places, places)
        if pool is not None and folded(pool) in _TOTALS:
            result.stated[value] = amount
        elif folded(value) in _TOTALS:
            if pool is None:
                result.stated[""] = amount
        else:
            key = (pool, value)
            result.cells[key] = total([result.cells.get(key, ZERO), amount])

    def _by_header(self) -> tuple[str, dict[int, str]] | None:
        """Find the segment whose values are column names."""
        best: tuple[str, dict[int, str]] | None = None
        for name, values in self.segments.items():
            known = {folded(value): value for value in values}
            found = {at: known[f] for f, at in self.columns.items() if f in known}
            if found and (best is None or len(found) > len(best[1])):
                best = name, found
        return best

    def _by_column(self, *, besides: int | None) -> tuple[str, int]:
        """Find the column that holds values of a segment, by its name or by what is in it."""
        for name in self.segments:
            for title in (name, "segment", "segment value"):
                at = self.columns.get(folded(title))
                if at is not None and at != besides and self._share(name, at):
                    return name, at
        shares = [
            (self._share(name, at), name, at)
            for name in self.segments
            for at in range(len(self.header))
            if at != besides
        ]
        best = max(shares, default=(0, "", 0))
        if not best[0]:
            known = ", ".join(self.segments) or "none"
            raise TableShapeError(self.path, f"no column holds values of a segment ({known})")
        return best[1], best[2]

    def _share(self, segment: str, at: int) -> int:
        known = {folded(value) for value in self.segments[segment]}
        return sum(folded(self._field(row, at)) in known for row in self.rows)

    def _amount_column(self, *, besides: Collection[int | None]) -> int:
        for name in _AMOUNTS:
            if name in self.columns and self.columns[name] not in besides:
                return self.columns[name]
        numeric = [
            at
            for at in range(len(self.header))
            if at not in besides and all(_is_number(self._field(row, at)) for row in self.rows)
        ]
        if len(numeric) != 1:
            raise TableShapeError(self.path, "it has no column amount or total")
        return numeric[0]

    def _field(self, row: Sequence[str], at: int) -> str:
        return row[at] if at < len(row) else ""

    def _number(self, row: Sequence[str], at: int, number: int) -> Decimal:
        written = self._field(row, at)
        if written.casefold() in _BLANK:
            return ZERO
        try:
            return exact(written)
        except ValueError as error:
            title = self.header[at]
            raise InputError(f"{self.path}, row {number}, column {title}: {error}.") from error


def _is_number(written: str) -> bool:
    if written.casefold() in _BLANK:
        return True
    try:
        exact(written)
    except ValueError:
        return False
    return True


def folded(name: str) -> str:
    """Return a name as names are compared: letters and digits alone, case folded."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())
