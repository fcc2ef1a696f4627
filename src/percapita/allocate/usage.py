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

    meters: Collection[str] | None
    """``None``: every meter, because any reading makes a subject active."""
    keys: Sequence[str]
    """Columns of ``KEYS`` to keep apart."""


_CROSSING: Final = {"subject": "int64"}


def collect(engine: Engine, window: Window, asked: Asked, *, own_grain: bool = False) -> None:
    """Make the table ``used`` (``USED``) of one window from ``readings`` and ``intervals``.

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
    crossing = engine.create("crossing", _crossing(window), _CROSSING)
    engine.create("used", _settled(tuple(asked.keys), crossing=bool(crossing)), USED)
    if crossing:
        engine.create("moving", _moving(window), _MOVING)
        engine.insert("used", _divided(tuple(asked.keys)), USED)
        engine.drop("moving")
    engine.drop("crossing")


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
    return rows if asked.meters is None else rows.filter(rows.meter.isin(sorted(asked.meters)))


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


def _summed(rows: ir.Table, keys: Sequence[str], quantity: str, *also: str) -> ir.Table:
    return rows.group_by(["meter", "level", *keys, "subject", *also]).agg(w=rows[quantity].sum())


@cache
def _settled(keys: tuple[str, ...], *, crossing: bool) -> ir.Table:
    rows = stored(READINGS, "window_readings")
    if crossing:
        rows = rows.anti_join(named("crossing", _CROSSING), "subject")
    summed = _summed(rows, keys, "quantity")
    held = named("window_held", {"slice": "int64", "who": "int64"})
    joined = summed.left_join(held, summed.subject == held.who)
    return _complete(joined.mutate(slice=_slice(joined)), keys)


def _slice(rows: ir.Table) -> ir.IntegerValue:
    known = rows.slice.fill_null(0)
    return ibis.ifelse(rows.subject == NOBODY, PSEUDO_SLICE[NOBODY], known).cast("int64")


def _complete(rows: ir.Table, keys: Sequence[str]) -> ir.Table:
    missing = {key: ibis.null("string") for key in KEYS if key not in keys}
    return rows.mutate(**missing).select(*USED)


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
def _divided(keys: tuple[str, ...]) -> ir.Table:
    rows = named("moving", _MOVING)
    whole = ibis.window(group_by="id")
    rows = rows.mutate(total=rows.time.sum().over(whole))
    rows = rows.mutate(part=rounded_part(rows.quantity, rows.time, rows.total))
    order = ibis.window(group_by="id", order_by=[rows.time.desc(), rows["at"].asc()])
    rows = rows.mutate(rank=ibis.row_number().over(order), parts=rows.part.sum().over(whole))
    residual = rows.quantity - rows.parts.cast(WIDE).cast("int64")
    rows = rows.mutate(part=ibis.ifelse(rows["rank"] == 0, rows.part + residual, rows.part))
    return _complete(_summed(rows.filter(rows.part > 0), keys, "part", "slice"), keys)
