"""Whose: the attributes that subjects have now, and the windows that estimates are split in."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from percapita.allocate.book import Entry
from percapita.allocate.coarse import monthly_pools
from percapita.allocate.drivers import ACTIVE, demands, drivers, want
from percapita.allocate.drivers import asked as asks
from percapita.allocate.entries import Calendar
from percapita.allocate.spread import DAYS
from percapita.allocate.usage import Window, collect, traits
from percapita.attribute.activity import activity
from percapita.attribute.segments import slices
from percapita.core.money import ZERO
from percapita.core.periods import Span, day_span, days, month_label, month_span
from percapita.core.subjects import SEGMENT, SESSION, TENANT, USER, segment_name
from percapita.core.tables import ACTIVITY, COUNTS, SEGMENTS
from percapita.live.cells import Weights, divided
from percapita.model.spec import Model, Pool
from percapita.store import Store
from percapita.store.read import live as read_live
from percapita.store.read.live import Attributed
from percapita.store.read.usage import Bounds


@dataclass(frozen=True, slots=True)
class Attribution:
    """What holds for every estimate until other data than readings comes in."""

    store: Store
    model: Model
    calendar: Calendar
    today: date
    read_this_month: frozenset[str]
    """Meters with readings this month."""
    read_before: frozenset[str]
    """Meters with readings last month."""
    summed: str
    """View of readings for what does not ask whose they are."""

    def window(self, pool: Pool | None, day: Window) -> Window:
        """Return the window whose usage splits a pool's estimate of some time today.

        A pool that is read by the month, or has not been read since last month, is split as it was
        when it was last read.
        """
        if pool is None:
            return day
        this = month_label(self.today)
        before = month_label(self.today.replace(day=1) - timedelta(days=1))
        meters = {driver.meter for driver in drivers(pool) if driver.meter != ACTIVE}
        unread = bool(meters) and not meters & self.read_this_month and meters & self.read_before
        if unread:
            return self.calendar.month(before)
        if (pool.name, this) in self.calendar.monthly:
            return self.calendar.month(this)
        return day

    def entries(
        self, amounts: Mapping[str, Decimal], cells: Mapping[str, Weights], day: Window
    ) -> list[Entry]:
        """Return what is to be split, as a run would have it."""
        known = {pool.name: pool for pool in self.model.pools}
        found = [
            Entry(
                self.model.basis, name, cell, self.window(known.get(name), day), part,
                max(part, ZERO), part != 0,
            )
            for name, amount in amounts.items()
            for cell, part in _of_pool(known.get(name), amount, cells.get(name, {})).items()
        ]  # fmt: skip
        return sorted(found, key=lambda e: (e.window.first, e.window.grain, e.pool, e.cell))

    def units(self, entries: Iterable[Entry]) -> dict[tuple[str, str], int]:
        """Return the numbers of the units that cells and overhead weights name."""
        wanted: dict[str, set[tuple[str, str]]] = {}
        for level, name in _named(self.model, entries):
            kind = level if level in (USER, SESSION, TENANT) else SEGMENT
            wanted.setdefault(kind, set()).add((level, name))
        numbers: dict[tuple[str, str], int] = {}
        for kind, units in sorted(wanted.items()):
            ids = {u: segment_name(*u) if kind == SEGMENT else u[1] for u in units}
            found = self.store.door.numbers(kind, sorted(ids.values()))
            numbers |= {unit: found[name] for unit, name in ids.items()}
        return numbers

    def active(self, span: Span) -> None:
        """Make ``live_active``: who was active in a span, for each unit."""
        engine, model = self.store.engine, self.model
        numbers = demands(model)
        want(engine, model, numbers)
        window = Window(self.today, self.today + timedelta(days=1), span, "day")
        collect(engine, window, asks(model, numbers), traits(engine), in_order=False)
        schema = {column.name: column.type for column in ACTIVITY.columns}
        engine.create("live_active", activity(engine, model, self.today), schema)

    def used(self, span: Span) -> list[Attributed]:
        """Return what was used in a span, and how much of it names a subject; by meter."""
        tomorrow = self.today + timedelta(days=1)
        labels = (datetime(day.year, day.month, day.day, tzinfo=UTC)
                  for day in (self.today, tomorrow))  # fmt: skip
        bounds = Bounds(span.start, span.end, *labels)
        asked = asks(self.model, demands(self.model)).meters
        return [
            one
            for one in read_live.attributed(self.store.engine, bounds, self.summed)
            if one.meter in asked
        ]


def _of_pool(pool: Pool | None, amount: Decimal, weights: Weights) -> dict[str, Decimal]:
    if pool is None or not (pool.within or pool.direct):
        return {"": amount}
    found = divided(amount, weights)
    if "" in found:
        # Nothing says which cell: one without a value in any column.
        columns = 1 if pool.direct else len(pool.within)
        return {f"[{','.join(['null'] * columns)}]": amount}
    return found


def _named(model: Model, entries: Iterable[Entry]) -> set[tuple[str, str]]:
    direct = {pool.name: pool.direct for pool in model.pools if pool.direct}
    found = {
        (direct[entry.pool].level, str(name))
        for entry in entries
        if entry.pool in direct and (name := json.loads(entry.cell, strict=False)[0]) is not None
    }
    for pool in model.pools:
        if pool.overhead:
            found |= {(pool.overhead.attribute, name) for name, _ in pool.overhead.weights}
    return found


def attribution(store: Store, model: Model, today: date, tz: ZoneInfo, summed: str) -> Attribution:
    """Work out which attributes every subject has; both views of readings are bound already."""
    engine = store.engine
    for table in (SEGMENTS, COUNTS):
        store.bind(table)
    before = today.replace(day=1) - timedelta(days=1)
    around = Span(
        month_span(before.year, before.month, tz).start, month_span(today.year, today.month, tz).end
    )
    engine.load("days", DAYS, [(day, s.start, s.end, month_label(day))
                               for day, s in days(around, tz)])  # fmt: skip
    store.subjects_view("subject_kinds")
    slices(engine, model)
    labels = [month_label(before), month_label(today)]
    calendar = Calendar(tz, monthly_pools(engine, model, labels))
    this, last = (_meters(store, at, tz, summed) for at in (today, before))
    return Attribution(store, model, calendar, today, this, last, summed)


def _meters(store: Store, day: date, tz: ZoneInfo, summed: str) -> frozenset[str]:
    span = month_span(day.year, day.month, tz)
    rows = store.engine.rows(
        f"SELECT DISTINCT meter FROM {summed} WHERE quantity > 0 AND"
        " CASE WHEN grain = 'hour' THEN time >= ? AND time < ?"
        " ELSE strftime(time AT TIME ZONE 'UTC', '%Y-%m') = ? END",
        [span.start, span.end, month_label(day)],
    )
    return frozenset(str(row[0]) for row in rows)


def with_dimension(model: Model, by: str, known: Collection[str]) -> Model:
    """Return the model with one more dimension kept apart, if ``by`` is one it does not keep."""
    if by not in known or by in model.dimensions:
        return model
    return replace(model, dimensions=(*model.dimensions, by))


def drivers_of(model: Model, name: str) -> bool:
    """Tell whether a pool is split by what its users do, hour by hour."""
    pool = next((pool for pool in model.pools if pool.name == name), None)
    return pool is not None and (bool(drivers(pool)) or pool.through is not None)


def today_window(today: date, tz: ZoneInfo, span: Span | None = None) -> Window:
    """Return today as a window, or a span of it that stands for today."""
    return Window(today, today + timedelta(days=1), span or day_span(today, tz), "day")
