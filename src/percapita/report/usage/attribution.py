"""How much of the usage names its user, where it does not, and what that is worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from percapita.core import money
from percapita.core.periods import Period, local_day, zone
from percapita.core.subjects import SESSION, TENANT, USER
from percapita.core.tables import GROUPS, LEDGER
from percapita.model.spec import Model
from percapita.report.table import Column, Page
from percapita.report.usage.usage import NoReadingsError, bind, bounds
from percapita.store import Store, claimed
from percapita.store.read import usage as read_usage
from percapita.store.read.usage import Daily, Nameless, Owned

LEVELS: Final = (USER, SESSION, TENANT, "")
"""What a signal may name, closest first; the last is nobody."""
GOAL: Final = Fraction(95, 100)
"""Share of signals that should name their user."""
_LOST: Final = Fraction(1, 2)
"""A service that names less than this of what the best one names has lost the id on the way."""
_FEW: Final = 20
_PLACES: Final = 12
"""Fractional digits of money that is an estimate."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose the usage of one meter of a service is, as shares."""

    service: str | None
    meter: str
    signals: int
    by_signals: Mapping[str, Fraction]
    by_quantity: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Lost:
    """An operation that lacks an id."""

    service: str | None
    operation: str | None
    meter: str
    signals: int
    """Signals that name nobody."""
    rate: Fraction
    """Share of its signals that name somebody."""
    quantity: int
    money: Decimal | None
    """Of the cost that fell on nobody by this meter, its part; ``None``: no figures yet."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose the usage of a period is."""

    period: str
    rate: Fraction
    """Share of signals that name a user."""
    rows: tuple[Whose, ...]
    trend: tuple[Daily, ...]
    lost: tuple[Lost, ...]
    advice: tuple[str, ...]
    currency: str


def attribution(store: Store, model: Model, period: Period) -> Attribution:
    """Look at the usage of a period.

    Raises:
        NoReadingsError: there is none.
    """
    bind(store, model, whose=claimed.is_any(store))
    within = bounds(period, model)
    owned = read_usage.owned(store.engine, within)
    if not owned:
        raise NoReadingsError(period.label)
    rows = _rows(owned)
    costs = _costs(store, model, period)
    lost = _lost(read_usage.nameless(store.engine, within), owned, costs)
    signals = sum(one.signals for one in owned)
    named = sum(one.signals for one in owned if one.level == USER)
    rate = Fraction(named, signals) if signals else Fraction(0)
    trend = read_usage.daily(store.engine, within, model.timezone)
    return Attribution(
        period.label, rate, rows, tuple(trend), lost, tuple(_advice(rate, rows, lost)),
        model.currency,
    )  # fmt: skip


def _rows(owned: Sequence[Owned]) -> tuple[Whose, ...]:
    grouped: dict[tuple[str, str], list[Owned]] = defaultdict(list)
    for one in owned:
        grouped[one.service or "", one.meter].append(one)
    return tuple(
        Whose(
            service or None, meter, sum(one.signals for one in each),
            _shares({one.level: one.signals for one in each}),
            _shares({one.level: one.quantity for one in each}),
        )
        for (service, meter), each in sorted(grouped.items())
    )  # fmt: skip


def _shares(counts: Mapping[str, int]) -> dict[str, Fraction]:
    whole = sum(counts.values())
    return {level: Fraction(count, whole) for level, count in counts.items() if whole}


def _costs(store: Store, model: Model, period: Period) -> Mapping[str, Decimal] | None:
    """Return driver -> what fell on nobody, of the published figures; ``None`` without any."""
    runs = store.published(model.basis)
    if not runs:
        return None
    store.bind(GROUPS, chosen=runs)
    store.bind(LEDGER, basis=model.basis)
    tz = zone(model.timezone)
    days = (local_day(at, tz) for at in (period.span.start, period.span.end))
    return read_usage.nobodys(store.engine, *days)


def _lost(
    found: Sequence[Nameless], owned: Sequence[Owned], costs: Mapping[str, Decimal] | None
) -> tuple[Lost, ...]:
    nobody: dict[str, int] = defaultdict(int)
    for one in owned:
        if not one.level:
            nobody[one.meter] += one.quantity
    lost = [
        Lost(
            row.service, row.operation, row.meter, row.signals - row.named,
            Fraction(row.named, row.signals), row.quantity,
            _part(row, nobody[row.meter], costs),
        )
        for row in found
        if row.signals
    ]  # fmt: skip
    return tuple(sorted(lost, key=lambda one: (-(one.money or 0), -one.signals, one.meter)))


def _part(row: Nameless, whole: int, costs: Mapping[str, Decimal] | None) -> Decimal | None:
    if costs is None:
        return None
    if row.meter not in costs or not whole:
        return Decimal(0)
    share = Fraction(costs[row.meter]) * Fraction(row.quantity, whole)
    return Decimal(round(share * 10**_PLACES)).scaleb(-_PLACES)


def _advice(rate: Fraction, rows: Sequence[Whose], lost: Sequence[Lost]) -> list[str]:
    """Return what to do first, the worst loss first."""
    if rate >= GOAL:
        return []
    advice = []
    if lost:
        worst = lost[0]
        where = " of ".join(filter(None, (worst.operation, worst.service))) or worst.meter
        advice.append(
            f"Begin with {where}: {worst.signals:,} signals of {worst.meter} name nobody."
        )
    by_service: dict[str, list[Fraction]] = defaultdict(list)
    for row in rows:
        if row.service:
            by_service[row.service].append(row.by_signals.get(USER, Fraction(0)))
    best = {service: max(rates) for service, rates in by_service.items()}
    top = max(best.values(), default=Fraction(0))
    for service, reached in sorted(best.items(), key=lambda pair: pair[1]):
        if top >= _LOST and reached < top * _LOST:
            source = max(best, key=lambda name: best[name])
            advice.append(
                f"{service} names its user on {_percent(reached)} of signals, {source} on"
                f" {_percent(top)}: the id is lost on the way. Pass it on as baggage and copy it to"
                " attributes."
            )
    sessions = sum((row.by_signals.get(SESSION, Fraction(0)) * row.signals for row in rows), 0)
    if sessions and sessions > sum(row.signals for row in rows) * Fraction(1, 10):
        advice.append(
            "Over a tenth of signals name a session only: set the user id at login, and earlier"
            " usage follows."
        )
    return advice


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):.1f} %"


def record(found: Attribution) -> dict[str, object]:
    """Return the attribution as plain values; shares are of 1."""
    return {
        "period": found.period,
        "rate": _share(found.rate),
        "goal": _share(GOAL),
        "currency": found.currency,
        "services": [
            {
                "service": row.service,
                "meter": row.meter,
                "signals": row.signals,
                "by_signals": {_named(k): _share(row.by_signals.get(k)) for k in LEVELS},
                "by_quantity": {_named(k): _share(row.by_quantity.get(k)) for k in LEVELS},
            }
            for row in found.rows
        ],
        "trend": [
            {
                "day": day.day.isoformat(),
                "signals": day.signals,
                "rate": _share(Fraction(day.named, day.signals)) if day.signals else None,
            }
            for day in found.trend
        ],
        "operations": [
            {
                "service": one.service,
                "operation": one.operation,
                "meter": one.meter,
                "signals_of_nobody": one.signals,
                "rate": _share(one.rate),
                "quantity_of_nobody": one.quantity,
                "amount": money.text(one.money),
            }
            for one in found.lost
        ],
        "advice": list(found.advice),
    }


def _named(level: str) -> str:
    return level or "nobody"


def _share(share: Fraction | None) -> str:
    return f"{float(share or 0):.6f}"


def show(page: Page, found: Attribution) -> None:
    """Print whose the usage is, and where ids are lost."""
    page.line(f"{found.period}: {_percent(found.rate)} of signals name their user.")
    page.line()
    columns = [
        Column("Service", [row.service or "none named" for row in found.rows], number=False),
        Column("Meter", [row.meter for row in found.rows], number=False),
        Column("Signals", [f"{row.signals:,}" for row in found.rows]),
    ]
    for level in LEVELS:
        shares = [_percent(row.by_signals.get(level, Fraction(0))) for row in found.rows]
        columns.append(Column(_named(level).capitalize(), shares, rank=level == TENANT))
    page.table(columns)
    if found.lost:
        _show_lost(page, found)
    for advice in found.advice:
        page.line()
        page.line(advice)


def _show_lost(page: Page, found: Attribution) -> None:
    lost = found.lost[:_FEW]
    page.line()
    page.line("Operations that lack an id, the dearest first:")
    priced = any(one.money for one in lost)
    columns = [
        Column("Operation", [one.operation or "none named" for one in lost], number=False),
        Column("Service", [one.service or "" for one in lost], number=False, rank=1),
        Column("Meter", [one.meter for one in lost], number=False),
        Column("Name nobody", [f"{one.signals:,}" for one in lost]),
        Column("Attributed", [_percent(one.rate) for one in lost], rank=2),
    ]
    if priced:
        title = f"At stake, {found.currency}"
        columns.append(Column(title, [f"{one.money or 0:,.2f}" for one in lost]))
    page.table(columns)
    if len(found.lost) > _FEW:
        page.line(f"{len(found.lost) - _FEW:,} more: --format json.")
