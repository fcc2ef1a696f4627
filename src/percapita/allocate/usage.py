"""Readings of one window, summed by who and what: the weights every driver is made from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.kernel import rounded_part
from percapita.core.periods import Span
from percapita.core.subjects import NOBODY, PSEUDO_SLICE
from percapita.core.tables import INTERVALS, READINGS, USED, WIDE
from percapita.plugins import Engine, named, stored

KEYS: Final = ("service", "resource", "cluster", "namespace", "feature", "operation", "region")
"""Columns of a reading that a model can ask for, as cell, condition or dimension."""


@dataclass(frozen=True, slots=True)
class Window:
    """A day or a month of the model's time zone."""

    first: date
    last: date
    """The day after."""
    span: Span
    grain: str
    """day or month."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the model asks of the readings."""

    meters: Collection[str]
    """The meters that it names."""
    keys: Sequence[str]
    """Columns of ``KEYS`` to keep apart."""
    every: bool = False
    """Other meters count too, because any reading makes a subject active."""
    level: bool = False
    """Levels of subject are kept apart, because some pool names one."""


METERS: Final = {"number": "int32", "its_meter": "string"}
"""Working table ``meters``: rows are grouped by a number, which is faster than by a text."""


def numbered(asked: Asked) -> dict[str, int]:
    """Return the number that stands for each meter; those not asked for have none."""
    return {meter: number for number, meter in enumerate(sorted(asked.meters))}


def apart(asked: Asked) -> tuple[str, ...]:
    """Return the columns that rows of one subject and meter are kept apart by."""
    return (*(["level"] if asked.level else []), *asked.keys)


def used_rows(keys: Sequence[str]) -> ir.Table:
    """Return the table behind ``used``: one row for each number, keys, subject and slice."""
    return named("used_rows", _rows_of(keys))


def _rows_of(keys: Sequence[str]) -> dict[str, str]:
    names = ("subject", "slice", "w")
    return {"number": "int32", **dict.fromkeys(keys, "string"), **dict.fromkeys(names, "int64")}


_CROSSING: Final = {"subject": "int64"}


def collect(engine: Engine, window: Window, asked: Asked, *, own_grain: bool = False) -> None:
    """Make ``used`` (``USED``) of one window from ``readings`` and ``intervals``.

    The rows themselves are in the table ``used_rows``; ``used`` is a view of them.

    Subjects whose attributes change inside the window are joined reading by reading, each to the
    interval of its hour; a coarser reading is divided over the intervals by time. A month holds the
    readings of its days and hours too, unless ``own_grain``.
    """
    readings = _in_window(window, asked)
    if own_grain:
        readings = readings.filter(readings.grain == window.grain)
    # Only these views know the window: what is asked of them is compiled once for all windows.
    engine.view("window_readings", readings)
    engine.view("window_held", _held(window))
    engine.load("meters", METERS, [(n, meter) for meter, n in numbered(asked).items()])
    crossing = engine.create("crossing", _crossing(window), _CROSSING)
    keys = apart(asked)
    columns = _rows_of(keys)
    settled = _settled(keys, every=asked.every, crossing=bool(crossing))
    engine.create("used_rows", settled, columns)
    if crossing:
        engine.create("moving", _moving(window), _MOVING)
        engine.insert("used_rows", _divided(keys, every=asked.every), columns)
        engine.drop("moving")
    engine.drop("crossing")
    engine.view("used", _named(keys))


def _in_window(window: Window, asked: Asked) -> ir.Table:
    rows = stored(READINGS)
    # Days and months are labels of the model's zone, whatever the instant they stand for.
    first, last = _label(window.first), _label(window.last)
    labelled = (rows.time >= first) & (rows.time < last)
    fits = rows.grain.isin(["day", "month"] if window.grain == "month" else ["day"]) & labelled
    hourly = (rows.grain == "hour") & (rows.time >= window.span.start)
    fits = fits | (hourly & (rows.time < window.span.end))
    # Bounds that hold for every grain let the engine skip files and row groups.
    early = min(first, window.span.start)
    late = max(last, window.span.end)
    rows = rows.filter((rows.time >= early) & (rows.time < late), fits, rows.quantity > 0)
    return rows if asked.every else rows.filter(rows.meter.isin(sorted(asked.meters)))


def _label(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _crossing(window: Window) -> ir.Table:
    rows = named("intervals", INTERVALS)
    inside = (rows.start > window.span.start) & (rows.start < window.span.end)
    return rows.filter(inside).select("subject").distinct()


def _held(window: Window) -> ir.Table:
    held = named("intervals", INTERVALS)
    held = held.filter((held.start <= window.span.start) & (held.end >= window.span.end))
    return held.select("slice", who=held.subject)


def _summed(
    rows: ir.Table, keys: Sequence[str], quantity: str, *also: str, every: bool
) -> ir.Table:
    meters = named("meters", METERS)
    rows = rows.join(meters, rows.meter == meters.its_meter, how="left" if every else "inner")
    # What nobody splits by only shows that a subject was active: its sum means nothing.
    counted = ibis.ifelse(rows.number.isnull(), 0, rows[quantity]) if every else rows[quantity]
    return rows.group_by(["number", *keys, "subject", *also]).agg(w=counted.sum())


@cache
def _settled(keys: tuple[str, ...], *, every: bool, crossing: bool) -> ir.Table:
    rows = stored(READINGS, "window_readings")
    if crossing:
        rows = rows.anti_join(named("crossing", _CROSSING), "subject")
    summed = _summed(rows, keys, "quantity", every=every)
    held = named("window_held", {"slice": "int64", "who": "int64"})
    joined = summed.left_join(held, summed.subject == held.who)
    return joined.mutate(slice=_slice(joined)).select(*_rows_of(keys))


def _slice(rows: ir.Table) -> ir.IntegerValue:
    known = rows.slice.fill_null(0)
    return ibis.ifelse(rows.subject == NOBODY, PSEUDO_SLICE[NOBODY], known).cast("int64")


@cache
def _named(keys: tuple[str, ...]) -> ir.Table:
    """Return ``used`` over its rows: meters by name, what is not kept apart as null."""
    rows, meters = used_rows(keys), named("meters", METERS).rename(its_number="number")
    rows = rows.left_join(meters, rows.number == meters.its_number)
    missing = {key: ibis.null("string") for key in ("level", *KEYS) if key not in keys}
    return rows.mutate(meter=rows.its_meter, **missing).select(*USED)


_MOVING: Final = {
    "id": "int64", "meter": "string", "level": "string", **dict.fromkeys(KEYS, "string"),
    "subject": "int64", "slice": "int64", "quantity": "int64", "at": "timestamp", "time": "int64",
}  # fmt: skip


def _moving(window: Window) -> ir.Table:
    rows = stored(READINGS, "window_readings")
    rows = rows.semi_join(named("crossing", _CROSSING), "subject")
    days = named(
        "days", {"day": "date", "start": "timestamp", "end": "timestamp", "month": "string"}
    )
    rows = rows.mutate(id=ibis.row_number(), label=rows.time.date())
    days = days.select("day", day_start=days.start, day_end=days.end)
    rows = rows.left_join(days, rows.label == days.day)
    month = rows.grain == "month"
    hour = rows.grain == "hour"
    start = ibis.cases((hour, rows.time), (month, window.span.start), else_=rows.day_start)
    instant = rows.time + ibis.interval(microseconds=1)
    end = ibis.cases((hour, instant), (month, window.span.end), else_=rows.day_end)
    rows = rows.mutate(begins=start, ends=end).drop("time", "label", "day", "day_start", "day_end")
    held = named("intervals", INTERVALS)
    held = held.select("slice", who=held.subject, at=held.start, until=held.end)
    joined = rows.join(
        held, [rows.subject == held.who, held.at < rows.ends, held.until > rows.begins]
    )
    overlap = ibis.least(joined.until, joined.ends).delta(
        ibis.greatest(joined["at"], joined.begins), unit="microsecond"
    )
    return joined.mutate(time=overlap).select(*_MOVING)


@cache
def _divided(keys: tuple[str, ...], *, every: bool) -> ir.Table:
    rows = named("moving", _MOVING)
    whole = ibis.window(group_by="id")
    rows = rows.mutate(total=rows.time.sum().over(whole))
    rows = rows.mutate(part=rounded_part(rows.quantity, rows.time, rows.total))
    order = ibis.window(group_by="id", order_by=[rows.time.desc(), rows["at"].asc()])
    rows = rows.mutate(rank=ibis.row_number().over(order), parts=rows.part.sum().over(whole))
    residual = rows.quantity - rows.parts.cast(WIDE).cast("int64")
    rows = rows.mutate(part=ibis.ifelse(rows["rank"] == 0, rows.part + residual, rows.part))
    summed = _summed(rows.filter(rows.part > 0), keys, "part", "slice", every=every)
    return summed.select(*_rows_of(keys))
