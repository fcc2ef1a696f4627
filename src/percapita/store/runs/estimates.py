"""What was estimated before a bill was there, and what each bill then said: kept for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.money import text
from percapita.store.catalog.tables import METADATA, Instant
from percapita.store.site import Site

_KEY = ("basis", "pool", "source", "day")


def _columns() -> list[sa.Column[str]]:
    return [
        sa.Column("basis", sa.String(16), primary_key=True),
        sa.Column("pool", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
    ]


ESTIMATES = sa.Table(
    "estimates",
    METADATA,
    *_columns(),
    # Amounts are texts: every digit, on every database.
    sa.Column("amount", sa.Text, nullable=False),
    sa.Column("low", sa.Text, nullable=False),
    sa.Column("high", sa.Text, nullable=False),
    # Of it, credits and commitments as they were in proportion.
    sa.Column("apart", sa.Text, nullable=False),
    # meter, time or cost; the meter; its units as read by then, and the price of one.
    sa.Column("way", sa.String(16), nullable=False),
    sa.Column("meter", sa.Text, nullable=False),
    sa.Column("units", sa.Text),
    sa.Column("price", sa.Text),
    sa.Column("run_id", sa.String(32), nullable=False),
    sa.Column("made_at", Instant, nullable=False),
)
TRUE_UPS = sa.Table(
    "true_ups",
    METADATA,
    *_columns(),
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("final", sa.Text, nullable=False),
    sa.Column("apart", sa.Text, nullable=False),
    sa.Column("units", sa.Text),
    sa.Column("at", Instant, nullable=False),
)


class Estimate(NamedTuple):
    """What one source was estimated to bill of a pool for a day that had ended."""

    basis: str
    pool: str
    source: str
    day: date
    amount: Decimal
    low: Decimal
    high: Decimal
    apart: Decimal
    way: str
    meter: str
    units: Decimal | None
    price: Decimal | None
    run: str
    """The run whose prices it was made with."""
    made_at: datetime


class TrueUp(NamedTuple):
    """What a published run's bill says of an estimated day, where no earlier one said the same."""

    basis: str
    pool: str
    source: str
    day: date
    run: str
    final: Decimal
    apart: Decimal
    units: Decimal | None
    at: datetime


class Estimates:
    """The estimates of a store."""

    def __init__(self, site: Site) -> None:
        self._site = site
        with site.catalog.read() as connection:
            there = sa.inspect(connection).has_table(TRUE_UPS.name)
        if not there:
            site.catalog.prepare((ESTIMATES, TRUE_UPS))

    def keep(self, made: Iterable[Estimate]) -> int:
        """Keep estimates; a day that has one keeps its first. Returns how many are new."""
        wanted = {one[:4]: one for one in made}
        if not wanted.keys() - self._known():
            return 0
        with self._site.catalog.write() as connection:
            fresh = [one for key, one in wanted.items() if key not in _keys(connection)]
            if fresh:
                connection.execute(sa.insert(ESTIMATES), [_estimate_row(one) for one in fresh])
        return len(fresh)

    def true_up(self, found: Iterable[TrueUp]) -> int:
        """Keep what bills say now, where it is news. Returns how many are."""
        last = {one[:4]: one for one in self.true_ups()}
        news = [
            one
            for one in found
            if (before := last.get(one[:4])) is None
            or (before.final, before.apart) != (one.final, one.apart)
        ]
        if news:
            with self._site.catalog.write() as connection:
                connection.execute(sa.insert(TRUE_UPS), [_true_up_row(one) for one in news])
        return len(news)

    def all(self, basis: str = "") -> list[Estimate]:
        """Return the estimates, of one basis or all, by day, pool and source."""
        wanted = sa.select(ESTIMATES)
        if basis:
            wanted = wanted.where(ESTIMATES.c.basis == basis)
        order = (ESTIMATES.c.day, ESTIMATES.c.pool, ESTIMATES.c.source)
        with self._site.catalog.read() as connection:
            rows = connection.execute(wanted.order_by(*order)).all()
        return [
            Estimate(
                row.basis, row.pool, row.source, date.fromisoformat(row.day), Decimal(row.amount),
                Decimal(row.low), Decimal(row.high), Decimal(row.apart), row.way, row.meter,
                _decimal(row.units), _decimal(row.price), row.run_id, row.made_at,
            )
            for row in rows
        ]  # fmt: skip

    def true_ups(self, basis: str = "") -> list[TrueUp]:
        """Return what bills said of estimated days, in the order they said it."""
        wanted = sa.select(TRUE_UPS)
        if basis:
            wanted = wanted.where(TRUE_UPS.c.basis == basis)
        order = (TRUE_UPS.c.at, TRUE_UPS.c.run_id, TRUE_UPS.c.day, TRUE_UPS.c.pool)
        with self._site.catalog.read() as connection:
            rows = connection.execute(wanted.order_by(*order)).all()
        return [
            TrueUp(
                row.basis, row.pool, row.source, date.fromisoformat(row.day), row.run_id,
                Decimal(row.final), Decimal(row.apart), _decimal(row.units), row.at,
            )
            for row in rows
        ]  # fmt: skip

    def _known(self) -> Collection[Sequence[object]]:
        with self._site.catalog.read() as connection:
            return _keys(connection)


def _keys(connection: Connection) -> set[tuple[object, ...]]:
    rows = connection.execute(sa.select(*(ESTIMATES.c[name] for name in _KEY)))
    return {(*row[:3], date.fromisoformat(row[3])) for row in rows}


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _estimate_row(one: Estimate) -> dict[str, object]:
    amounts = {name: text(getattr(one, name)) for name in ("amount", "low", "high", "apart")}
    return {
        "basis": one.basis, "pool": one.pool, "source": one.source, "day": str(one.day), **amounts,
        "way": one.way, "meter": one.meter, "units": _plain(one.units), "price": _plain(one.price),
        "run_id": one.run, "made_at": one.made_at,
    }  # fmt: skip


def _true_up_row(one: TrueUp) -> dict[str, object]:
    return {
        "basis": one.basis, "pool": one.pool, "source": one.source, "day": str(one.day),
        "run_id": one.run, "final": text(one.final), "apart": text(one.apart),
        "units": _plain(one.units), "at": one.at,
    }  # fmt: skip


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
