"""What was measured: readings by meter, service, subject or feature, and how sure each sum is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

from percapita.attribute.sampling import CONFIDENCE, Measured, Summed, around, measured
from percapita.core.errors import InputError
from percapita.core.periods import Period, local_day, zone
from percapita.model.spec import Model
from percapita.report.table import Column, Page
from percapita.report.usage.totals import Sums, Truth, known
from percapita.store import Store, claimed
from percapita.store.catalog.people import people
from percapita.store.kept import summed_readings
from percapita.store.read import usage as read_usage
from percapita.store.read.live import measured_months
from percapita.store.read.usage import Bounds, Used


class NoReadingsError(InputError):
    """There is no usage to show."""

    def __init__(self, label: str = "") -> None:
        super().__init__(
            f"There are no readings of {label}." if label else "There are no readings yet.",
            hint="Import usage, or send telemetry to percapita serve.",
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One sum of readings."""

    meter: str
    key: str | None
    """Service, subject or feature; ``None``: none is named, or readings are shown by meter."""
    unit: str
    """Base unit; empty for a plain count."""
    sum: Measured
    truth: Truth | None
    """What it comes to where an unsampled meter knows the total of the service."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Usage of a period."""

    by: str
    period: str
    lines: tuple[Line, ...]
    weight: str
    """Weight of signals of unknown probability, as the model says."""


def newest(store: Store) -> str:
    """Return the newest month that has readings.

    Raises:
        NoReadingsError: none has.
    """
    found = measured_months(store.catalog)
    if not found:
        raise NoReadingsError
    return found[0]


def bounds(period: Period, model: Model) -> Bounds:
    """Return a period as readings know it."""
    tz = zone(model.timezone)
    labels = [
        datetime(d.year, d.month, d.day, tzinfo=UTC)
        for d in (local_day(at, tz) for at in (period.span.start, period.span.end))
    ]
    return Bounds(period.span.start, period.span.end, labels[0], labels[1])


def bind(store: Store, model: Model, *, whose: bool) -> None:
    """Make the view ``readings``; where nobody asks whose they are, summed over subjects."""
    if not whose and model.sampling.unknown == 1:
        summed_readings.bind(store)
    else:
        claimed.bind(store, zone(model.timezone), unknown=model.sampling.unknown)


def readings(store: Store, model: Model, period: Period, by: str) -> Readings:
    """Sum the readings of a period.

    Raises:
        NoReadingsError: there are none.
    """
    bind(store, model, whose=by == "subject")
    found = read_usage.used(store.engine, by, bounds(period, model))
    if not found:
        raise NoReadingsError(period.label)
    names = _names(store, found) if by == "subject" else {}
    sums = measured_by_service(store, model, period)
    truths = known(model, sums)
    bases = store.meter_bases()
    grouped: dict[tuple[str, str | int | None], list[Used]] = defaultdict(list)
    for row in found:
        grouped[row.meter, row.key].append(row)
    lines = [
        Line(
            meter,
            names.get(key) if isinstance(key, int) else key,
            bases.get(meter, ""),
            _measured(rows),
            _truth(meter, key, by, sums, truths),
        )
        for (meter, key), rows in grouped.items()
    ]
    lines.sort(key=lambda line: (line.meter, -line.sum.quantity, line.key or ""))
    return Readings(by, period.label, tuple(lines), str(model.sampling.unknown))


def _measured(rows: Sequence[Used]) -> Measured:
    return measured(Summed(r.threshold, r.signals, r.quantity, r.squares) for r in rows)


def _names(store: Store, found: Sequence[Used]) -> Mapping[int, str]:
    numbers = {row.key for row in found if isinstance(row.key, int)}
    return {n: person.name for n, person in people(store.catalog, numbers).items()}


def measured_by_service(store: Store, model: Model, period: Period) -> Sums:
    """Return what each service measured of each meter."""
    bind(store, model, whose=False)
    sums: dict[tuple[str, str | None], list[Used]] = defaultdict(list)
    for row in read_usage.used(store.engine, "service", bounds(period, model)):
        sums[row.meter, None if row.key is None else str(row.key)].append(row)
    return {key: _measured(rows) for key, rows in sums.items()}


def _truth(
    meter: str, key: str | int | None, by: str, sums: Sums, truths: Mapping[Any, Truth]
) -> Truth | None:
    """Return what a line comes to by unsampled meters: of one service, or of all together."""
    if by == "service":
        return truths.get((meter, key))
    mine = {service: one for (of, service), one in truths.items() if of == meter}
    if by != "meter" or not mine:
        return None
    services = [service for of, service in sums if of == meter]
    total = sum(
        (
            mine[service].total if service in mine else Fraction(sums[meter, service].quantity)
            for service in services
        ),
        Fraction(0),
    )
    return Truth(total, ", ".join(dict.fromkeys(one.by for one in mine.values())))


def record(found: Readings) -> dict[str, object]:
    """Return the readings as plain values; quantities that may pass 64 bits are texts."""
    return {
        "period": found.period,
        "by": found.by,
        "confidence": CONFIDENCE,
        "unknown_weight": found.weight,
        "readings": [
            {
                "meter": line.meter,
                **({} if found.by == "meter" else {found.by: line.key}),
                "signals": line.sum.signals,
                "quantity": line.sum.quantity,
                "unit": line.unit,
                "variance": _text(line.sum.variance),
                "low": _bound(line, 0),
                "high": _bound(line, 1),
                "enough": line.sum.enough,
                "unknown": line.sum.unknown,
                "calibrated": None if line.truth is None else round(line.truth.total),
                "calibrated_by": None if line.truth is None else line.truth.by,
            }
            for line in found.lines
        ],
    }


def _text(number: Fraction) -> str:
    return str(round(number))


def _bound(line: Line, side: int) -> int | None:
    """Return a bound of the interval; none where there is not enough data."""
    if not line.sum.enough:
        return None
    found = around(Fraction(line.sum.quantity), line.sum.variance)
    return round((found.low, found.high)[side])


_TITLES: Final = {"service": "Service", "subject": "Subject", "feature": "Feature"}


def show(page: Page, found: Readings, top: int) -> None:
    """Print the readings, the largest of each meter first."""
    lines = found.lines[:top]
    sampled = any(line.sum.squares for line in lines)
    columns = [Column("Meter", [line.meter for line in lines], number=False)]
    if found.by != "meter":
        keys = [line.key or "none named" for line in lines]
        columns.append(Column(_TITLES[found.by], keys, number=False))
    columns += [
        Column("Signals", [f"{line.sum.signals:,}" for line in lines]),
        Column("Quantity", [f"{line.sum.quantity:,}" for line in lines]),
        Column("Unit", [line.unit or "count" for line in lines], number=False),
    ]
    if sampled:
        columns.append(Column(f"±{CONFIDENCE} %", [_width(line) for line in lines]))
    page.table(columns)
    if len(found.lines) > top:
        page.line(f"{len(found.lines) - top:,} more: --top {len(found.lines)}, or --format json.")
    if sampled and any(line.sum.unknown for line in lines):
        page.line(
            "Some signals do not say with which probability they were kept; each counts"
            f" {found.weight} times (sampling: unknown), and no interval covers that."
        )
    for line in lines:
        if line.truth is not None:
            whose = f" of {line.key}" if line.key else ""
            total, by = f"{round(line.truth.total):,}", line.truth.by
            page.line(f"{line.meter}{whose}: {total} by {by}, which is not sampled and wins.")


def _width(line: Line) -> str:
    if not line.sum.enough:
        return "not enough data"
    if not line.sum.variance:
        return ""
    found = around(Fraction(line.sum.quantity), line.sum.variance)
    return f"{round((found.high - found.low) / 2):,}"
