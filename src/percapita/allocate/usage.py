"""Readings of one window, summed by who and what: the weights every driver is made from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Final, NamedTuple

import ibis
import ibis.expr.types as ir

from percapita.allocate.kernel import rounded_part
from percapita.core.periods import EVER, Span
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


def numbered(asked: Asked) -> tuple[str, ...]:
    """Return the meters in the order of the numbers that stand for them.

    Rows are grouped by a number, which is faster than by a text.
    """
    return tuple(sorted(asked.meters))


def apart(asked: Asked) -> tuple[str, ...]:
    """Return the columns that rows of one subject and meter are kept apart by."""
    return (*(["level"] if asked.level else []), *asked.keys)


def used_rows(keys: Sequence[str]) -> ir.Table:
    """Return the table behind ``used``: one row for each number, keys, subject and slice."""
    return named("used_rows", _rows_of(keys))


def _rows_of(keys: Sequence[str]) -> dict[str, str]:
    names = ("subject", "slice", "w")
    return {"number": "int32", **dict.fromkeys(keys, "string"), **dict.fromkeys(names, "int64")}


def in_blocks(subject: ir.IntegerValue) -> ir.IntegerValue:
    """Return what puts rows in order of subjects, as well as a reader of few of them needs it.

    A short key sorts in half the time.
    """
    return (subject >> 8).cast("int32")


_CROSSING: Final = {"subject": "int64"}


class Traits(NamedTuple):
    """What need not be looked for in every window, because there is none of it at all."""

    moves: bool = True
    """Attributes of some subject change."""
    monthly: bool = True
    """There are readings by the month."""
    zeros: bool = True
    """There are readings of nothing."""
    levels: bool = True
    """There are readings of more than one level of subject."""


def traits(engine: Engine) -> Traits:
    """Find out; the bounds of the stored files tell."""
    intervals, rows = named("intervals", INTERVALS), stored(READINGS)
    changed = intervals.start > ibis.literal(EVER[0], type="timestamp('UTC', 6)")
    bounds = rows.agg(
        grain=rows.grain.max(),
        least=rows.quantity.min(),
        first=rows.level.min(),
        last=rows.level.max(),
    )
    ((grain, least, first, last),) = engine.rows(bounds)
    return Traits(
        moves=bool(engine.rows(intervals.filter(changed).limit(1))),
        # Of hour, day and month it is the last.
        monthly=grain == "month",
        zeros=least is not None and least <= 0,
        levels=first != last,
    )


def collect(
    engine: Engine,
    window: Window,
    asked: Asked,
    known: Traits = Traits(),  # noqa: B008
    *,
    own_grain: bool = False,
    in_order: bool = True,
) -> None:
    """Make ``used`` (``USED``) of one window from ``readings`` and ``intervals``.

    The rows themselves are in the table ``used_rows``, ``in_order`` in blocks of subjects; ``used``
    is a view of them.

    Subjects whose attributes change inside the window are joined reading by reading, each to the
    interval of its hour; a coarser reading is divided over the intervals by time. A month holds the
    readings of its days and hours too, unless ``own_grain``.
    """
    readings = _in_window(window, asked, known)
    if own_grain:
        readings = readings.filter(readings.grain == window.grain)
    # Only these views know the window: what is asked of them is compiled once for all windows.
    engine.view("window_readings", readings)
    engine.view("window_held", _held(window if known.moves else None))
    crossing = known.moves and engine.create("crossing", _crossing(window), _CROSSING)
    form = _Form(apart(asked), numbered(asked), asked.every)
    columns = _rows_of(form.keys)
    settled = _settled(form, crossing=bool(crossing), in_order=in_order)
    engine.create("used_rows", settled, columns, ordered=in_order)
    if crossing:
        engine.create("moving", _moving(window), _MOVING)
        engine.insert("used_rows", _divided(form), columns)
        engine.drop("moving")
    if known.moves:
        engine.drop("crossing")
    engine.view("used", _named(form))


class _Form(NamedTuple):
    """What is the same in all windows of a run."""

    keys: tuple[str, ...]
    meters: tuple[str, ...]
    every: bool


def _in_window(window: Window, asked: Asked, known: Traits) -> ir.Table:
    rows = stored(READINGS)
    # Days and months are labels of the model's zone, whatever the instant they stand for.
    first, last = _label(window.first), _label(window.last)
    # Bounds that hold for every grain let the engine skip files and row groups.
    early = min(first, window.span.start)
    late = max(last, window.span.end)
    fits = [rows.time >= early, rows.time < late]
    if window.grain == "day" and known.monthly:
        fits.append(rows.grain != "month")
    if (first, last) != (window.span.start, window.span.end):
        labelled = (rows.time >= first) & (rows.time < last)
        hourly = (rows.time >= window.span.start) & (rows.time < window.span.end)
        fits.append(ibis.ifelse(rows.grain == "hour", hourly, labelled))
    if known.zeros:
        fits.append(rows.quantity > 0)
    if not asked.every:
        fits.append(rows.meter.isin(sorted(asked.meters)))
    return rows.filter(*fits)


def _label(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _crossing(window: Window) -> ir.Table:
    rows = named("intervals", INTERVALS)
    inside = (rows.start > window.span.start) & (rows.start < window.span.end)
    return rows.filter(inside).select("subject").distinct()


def _held(window: Window | None) -> ir.Table:
    held = named("intervals", INTERVALS)
    if window is not None:
        held = held.filter((held.start <= window.span.start) & (held.end >= window.span.end))
    return held.select("slice", who=held.subject)


def _summed(rows: ir.Table, form: _Form, quantity: str, *also: str) -> ir.Table:
    # A look-up, unlike a choice of cases, is done once for each text and not for each row.
    numbers = dict(zip(form.meters, range(len(form.meters)), strict=True))
    number = ibis.literal(numbers, type="map<string, int32>").get(rows.meter)
    rows = rows.mutate(number=number)
    summed = rows.group_by(["number", *form.keys, "subject", *also]).agg(w=rows[quantity].sum())
    # What nobody splits by only shows that a subject was active: its sum means nothing.
    return summed.mutate(w=ibis.ifelse(summed.number.isnull(), 0, summed.w))


@cache
def _settled(form: _Form, *, crossing: bool, in_order: bool) -> ir.Table:
    rows = stored(READINGS, "window_readings")
    if crossing:
        rows = rows.anti_join(named("crossing", _CROSSING), "subject")
    summed = _summed(rows, form, "quantity")
    held = named("window_held", {"slice": "int64", "who": "int64"})
    joined = summed.left_join(held, summed.subject == held.who)
    rows = joined.mutate(slice=_slice(joined)).select(*_rows_of(form.keys))
    return rows.order_by(in_blocks(rows.subject)) if in_order else rows


def _slice(rows: ir.Table) -> ir.IntegerValue:
    known = rows.slice.fill_null(0)
    return ibis.ifelse(rows.subject == NOBODY, PSEUDO_SLICE[NOBODY], known).cast("int64")


@cache
def _named(form: _Form) -> ir.Table:
    """Return ``used`` over its rows: meters by name, what is not kept apart as null."""
    rows = used_rows(form.keys)
    meter = ibis.literal(list(form.meters), type="array<string>")[rows.number]
    missing = {key: ibis.null("string") for key in ("level", *KEYS) if key not in form.keys}
    return rows.mutate(meter=meter, **missing).select(*USED)


class MeterSum(NamedTuple):
    """Usage of one meter in one window."""

    meter: str | None
    """``None``: of all meters that the model does not name, whose usage is not summed."""
    quantity: int
    attributed: int
    """Of it, what names a subject."""
    named: bool
    """Some of it names a subject."""
    largest: int
    """The largest row of ``used``."""
    rows: int


def sums(engine: Engine, asked: Asked) -> list[MeterSum]:
    """Return the sums of ``used`` by meter."""
    meters = numbered(asked)
    rows = used_rows(apart(asked))
    whose = rows.subject > NOBODY
    summed = rows.group_by("number").agg(
        quantity=rows.w.sum(), attributed=rows.w.sum(where=whose), named=whose.any(),
        largest=rows.w.max(), rows=rows.count(),
    )  # fmt: skip
    return [
        MeterSum(None if n is None else meters[n], int(w), int(known or 0), *rest)
        for n, w, known, *rest in engine.rows(summed)
    ]


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
def _divided(form: _Form) -> ir.Table:
    rows = named("moving", _MOVING)
    whole = ibis.window(group_by="id")
    rows = rows.mutate(total=rows.time.sum().over(whole))
    rows = rows.mutate(part=rounded_part(rows.quantity, rows.time, rows.total))
    order = ibis.window(group_by="id", order_by=[rows.time.desc(), rows["at"].asc()])
    rows = rows.mutate(rank=ibis.row_number().over(order), parts=rows.part.sum().over(whole))
    residual = rows.quantity - rows.parts.cast(WIDE).cast("int64")
    rows = rows.mutate(part=ibis.ifelse(rows["rank"] == 0, rows.part + residual, rows.part))
    summed = _summed(rows.filter(rows.part > 0), form, "part", "slice")
    return summed.select(*_rows_of(form.keys))
