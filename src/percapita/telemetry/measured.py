"""Readings that a server was asked for: rounded once, summed by the hour, named at the door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import NamedTuple

from percapita.core.subjects import SESSION, TENANT, USER
from percapita.core.tables import READINGS
from percapita.store import Store
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import units
from percapita.telemetry.columns import DIMENSIONS

LEVELS = (USER, SESSION, TENANT)
_STAGED = {column.name: column.type for column in READINGS.columns} | {"period": "string"}
_HOUR = 3600


class Measured(NamedTuple):
    """Usage of one meter by one subject in one hour."""

    hour: datetime
    meter: str
    level: str | None
    name: str
    cells: Mapping[str, str | None]
    """Of ``DIMENSIONS``, those that are known."""
    quantity: int
    """In base units."""
    signals: int


def in_base(amount: Fraction | float, unit: str, scale: int = 1) -> int:
    """Return an amount in whole base units, half to even: measured values carry no more."""
    return _rounded(Fraction(amount) * units.unit(unit, scale).factor)


def held(level_seconds: float, unit: str) -> int:
    """Return a level that was held for a time in base units: byte-hours, or microseconds of one."""
    found = units.unit(unit)
    if found.base == "byte":
        return _rounded(Fraction(level_seconds) * found.factor / _HOUR)
    return _rounded(Fraction(level_seconds) * 1_000_000)


def held_base(unit: str) -> str:
    """Return the base unit of ``held``."""
    return "byte-hour" if units.unit(unit).base == "byte" else "microsecond"


def _rounded(exact: Fraction) -> int:
    quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return int(quotient.to_integral_value(ROUND_HALF_EVEN))


def write(
    store: Store, tx: ImportTx, measured: Iterable[Measured], bases: Mapping[str, str]
) -> int:
    """Stage readings; return how many. ``bases`` are the base units of the meters."""
    rows = [one for one in measured if one.quantity > 0]
    names: dict[str, set[str]] = defaultdict(set)
    for one in rows:
        if one.level and one.name:
            names[one.level].add(one.name)
    numbers = {level: store.door.numbers(level, sorted(of)) for level, of in names.items()}
    listed = []
    for one in rows:
        named = one.level if one.level and one.name else None
        number = numbers[named][one.name] if named else 0
        cells = [one.cells.get(name) or None for name in DIMENSIONS]
        listed.append((
            one.hour, "hour", one.meter, number, named, *cells, one.signals, one.quantity, "0",
            None, f"{one.hour:%Y-%m}",
        ))  # fmt: skip
    store.engine.load("_measured", _STAGED, listed)
    tx.measure(
        {meter: base for meter, base in bases.items() if any(r.meter == meter for r in rows)}
    )
    summed = ", ".join(name for name in _STAGED if name not in ("signals", "quantity"))
    tx.write_by_period(
        READINGS,
        f"SELECT {summed}, CAST(sum(signals) AS BIGINT) AS signals,"
        " CAST(sum(quantity) AS BIGINT) AS quantity FROM _measured GROUP BY ALL"
        " ORDER BY time, meter, subject",
    )
    return len(rows)
