"""What one unit of a meter costs in an hour, by the live estimate: a price for single spans.

An hour's estimate of a pool, over the units that its driver had in that hour and cell. Capacity
that nobody used, and what no meter splits (overhead, fees, direct lines), is in no price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal
from fractions import Fraction
from typing import ClassVar, Final, NamedTuple

from percapita.allocate.usage import KEYS
from percapita.core.periods import Span
from percapita.live.cells import Weights, divided
from percapita.live.desk import Desk, Known
from percapita.model.conditions import fits
from percapita.model.spec import Driver, Mix, Model, Pool
from percapita.reconcile.estimate.meters import HOUR
from percapita.store.read.hourly import Hourly, hourly

Place = Mapping[str, str | None]
"""Where something was used: a value of each of ``KEYS``."""
_EXACT: Final = Context(prec=80)
_PLACES: Final = Decimal("1e-18")


class Part(NamedTuple):
    """What a quantity costs of one pool."""

    meter: str
    pool: str
    amount: Decimal


class _Way(NamedTuple):
    """A driver that splits a pool, or a part of it."""

    pool: Pool
    driver: Driver
    factor: Decimal

    @property
    def cells(self) -> tuple[str, ...]:
        """Columns of a reading that name a cell; none where cells are told by other things."""
        return tuple(self.pool.within) if set(self.pool.within) <= set(KEYS) else ()


@dataclass(slots=True)
class Prices:
    """Prices of the hours that somebody asks for."""

    keys: ClassVar = KEYS
    """What a place is told by."""
    known: Known
    cells: Mapping[str, Weights]
    now: datetime
    _ways: list[_Way] = field(default_factory=list)
    _used: dict[datetime, list[tuple[str, Place, int]]] = field(default_factory=dict)
    _splits: dict[str, list[int]] = field(init=False)
    """Meter to the places in ``_ways`` of what it splits."""
    _rates: dict[tuple[datetime, int, str], Fraction] = field(default_factory=dict)
    _hours: dict[datetime, Mapping[str, Decimal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find out what each meter splits."""
        self._splits = defaultdict(list)
        for number, way in enumerate(self._ways):
            self._splits[way.driver.meter].append(number)

    def parts(self, hour: datetime, meter: str, quantity: int, place: Place) -> Iterator[Part]:
        """Yield what a quantity costs, a part for each pool that the meter splits there."""
        for number in self._splits.get(meter, ()):
            way = self._ways[number]
            if _counts(way.driver, place):
                rate = self._rate(hour, number, _cell(way.cells, place))
                if rate:
                    yield Part(meter, way.pool.name, _money(rate * quantity))

    def _rate(self, hour: datetime, number: int, cell: str) -> Fraction:
        key = hour, number, cell
        if key not in self._rates:
            way = self._ways[number]
            units = self._units(hour, way.driver, way.cells, cell)
            amount = self._amount(hour, way, cell)
            self._rates[key] = amount / units if units > 0 else Fraction(0)
        return self._rates[key]

    def _amount(self, hour: datetime, way: _Way, cell: str) -> Fraction:
        """Return what a driver splits of a cell's estimate of an hour."""
        if hour not in self._hours:
            until = min(hour + HOUR, self.now)
            span = Span(hour, until)
            spent = self.known.spending.over(span, self.now) if until > hour else {}
            self._hours[hour] = {pool: one.money.amount for pool, one in spent.items()}
        whole = self._hours[hour].get(way.pool.name, Decimal(0))
        if way.cells:
            whole = divided(whole, self.cells.get(way.pool.name, {})).get(cell, Decimal(0))
        return Fraction(whole) * Fraction(way.factor) * self._busy(hour, way, cell)

    def _busy(self, hour: datetime, way: _Way, cell: str) -> Fraction:
        """Return the share of a pool's capacity that was used; all where nobody sets it apart."""
        idle = way.pool.idle
        if idle is None or idle.to == "share":
            return Fraction(1)
        capacity, used = (
            self._units(hour, driver, way.cells, cell) for driver in (idle.capacity, idle.used)
        )
        return Fraction(used, capacity) if capacity > used else Fraction(1)

    def _units(self, hour: datetime, driver: Driver, cells: Sequence[str], cell: str) -> int:
        return sum(
            quantity
            for meter, place, quantity in self._used.get(hour, ())
            if meter == driver.meter and _counts(driver, place) and _cell(cells, place) == cell
        )


def prices(desk: Desk, now: datetime, first: datetime, last: datetime) -> Prices:
    """Return the prices of the hours from ``first`` up to ``last``.

    Raises:
        NothingPublishedError: no run was ever published: there are no prices.
    """
    known = desk.refresh(now)
    ways = list(_ways(known.opened.model))
    idle = [way.pool.idle for way in ways if way.pool.idle]
    drivers = [way.driver for way in ways] + [d for one in idle for d in (one.capacity, one.used)]
    asked = {name for driver in drivers for name in driver.where}
    asked |= {name for way in ways for name in way.cells}
    columns = [name for name in KEYS if name in asked]
    meters = {driver.meter for driver in drivers}
    found = hourly(desk.store.engine, meters, columns, first, last) if meters else []
    return Prices(known, desk.cells(known), now, ways, _by_hour(found, columns))


def _ways(model: Model) -> Iterator[_Way]:
    for pool in model.pools:
        if pool.exclude or pool.by is None:
            continue
        parts = pool.by.parts if isinstance(pool.by, Mix) else ((pool.by, Decimal(1)),)
        whole = sum((factor for _, factor in parts), Decimal(0))
        for driver, factor in parts:
            if driver.meter != "active" and whole:
                yield _Way(pool, driver, factor / whole)


def _by_hour(
    found: Sequence[Hourly], columns: Sequence[str]
) -> dict[datetime, list[tuple[str, Place, int]]]:
    used: dict[datetime, list[tuple[str, Place, int]]] = defaultdict(list)
    for one in found:
        place = dict.fromkeys(KEYS) | dict(zip(columns, one.place, strict=True))
        used[one.time].append((one.meter, place, one.quantity))
    return used


def _counts(driver: Driver, place: Place) -> bool:
    return all(fits(place[name], condition) for name, condition in driver.where.items())


def _cell(columns: Sequence[str], place: Place) -> str:
    """Return the name of a cell, as ``allocate/pools.py`` writes it."""
    if not columns:
        return ""
    return f"[{','.join(_quoted(place[name]) for name in columns)}]"


def _quoted(text: str | None) -> str:
    if text is None:
        return "null"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _money(amount: Fraction) -> Decimal:
    exact = _EXACT.divide(Decimal(amount.numerator), Decimal(amount.denominator))
    return exact.quantize(_PLACES, context=_EXACT)
