"""The live estimate for the terminal: one screen, the figure first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from percapita.reconcile.estimate.snapshot import Live, Row
from percapita.reconcile.estimate.spending import Money
from percapita.report import numbers
from percapita.report.cost.as_text import NAMED
from percapita.report.live.as_json import age
from percapita.report.table import Column, Page

_ROWS = 12
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def show(page: Page, live: Live) -> None:
    """Print the estimate."""
    local = live.as_of.astimezone(ZoneInfo(live.zone))
    page.line(
        f"Estimate at {local:%H:%M} on {live.day} ({live.zone}), {live.basis} cost in"
        f" {live.currency}; 90 % intervals."
    )
    page.line(_fresh(live))
    page.line()
    _totals(page, live)
    page.line()
    hidden = _rows(page, live)
    _beside(page, live)
    for note in _notes(live, hidden):
        page.line(f"Note: {note}")


def _fresh(live: Live) -> str:
    ends = sorted(set(live.bills.values()))
    if not ends:
        bill = "no bill yet"
    elif ends[0] == ends[-1]:
        bill = f"Bill to {_day(ends[0])}"
    else:
        bill = f"Bills to {_day(ends[0])} … {_day(ends[-1])}"
    seconds = age(live)
    heard = "no telemetry yet" if seconds is None else f"telemetry {_ago(seconds)} ago"
    return f"{bill}, {heard}."


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _ago(seconds: int) -> str:
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{seconds // _DAY} days"


def _totals(page: Page, live: Live) -> None:
    total = live.total
    money = [("today so far", total.today, ""), ("last 60 minutes", total.hour, "/hour"),
             ("last 15 minutes", live.quarter, "/hour")]  # fmt: skip
    if total.per_dau is not None:
        money.append(("per daily active user", total.per_dau, "/day"))
    if live.unbilled_since is not None:
        money.append((f"not billed since {_day(live.unbilled_since)}", live.unbilled, ""))
    places = [_places(its) for _, its, _ in money]
    page.table(
        [
            Column("", [name for name, _, _ in money], number=False),
            Column(live.currency, [numbers.amount(its.amount, n) + per
                                   for (_, its, per), n in zip(money, places, strict=True)]),
            Column("between", [_between(its, n)
                               for (_, its, _), n in zip(money, places, strict=True)]),
        ]
    )  # fmt: skip
    active = "nobody" if not total.active else f"{total.active:,}"
    page.line(f"Active in the last 24 hours ({live.unit}): {active}.")


def _places(money: Money) -> int:
    return numbers.places([money.amount])


def _between(money: Money, places: int) -> str:
    return f"{numbers.amount(money.low, places)} … {numbers.amount(money.high, places)}"


def _rows(page: Page, live: Live) -> list[str]:
    rows = list(live.rows[:_ROWS])
    rest = live.rows[_ROWS:]
    names = [row.key if row.key is not None else "not known" for row in rows]
    if rest:
        names.append(f"{len(rest)} more")
        rows.append(Row(None, _sum([r.today for r in rest]), _sum([r.hour for r in rest])))
    columns = [
        Column(live.by, names, number=False),
        *_money_columns(live, rows),
        Column("active\n24 h", [numbers.count(row.active) for row in rows], rank=2),
        Column(
            "per DAU\nUSD/day".replace("USD", live.currency),
            [_per_dau(row) for row in rows],
            rank=1,
        ),
    ]
    told = any(row.active is not None for row in rows)
    hidden = page.table(columns if told else columns[:-2])
    return [*hidden]


def _per_dau(row: Row) -> str:
    if row.per_dau is None:
        return numbers.UNDEFINED if row.active == 0 else numbers.UNKNOWN
    return numbers.amount(row.per_dau.amount, _places(row.per_dau))


def _money_columns(live: Live, rows: Sequence[Row]) -> list[Column]:
    today = numbers.money_places(live.total.today.amount)
    hour = numbers.money_places(live.total.hour.amount)
    return [
        Column(f"today\n{live.currency}", [numbers.amount(r.today.amount, today) for r in rows]),
        Column("between", [_between(row.today, today) for row in rows], rank=3),
        Column(f"last hour\n{live.currency}/h", [numbers.amount(r.hour.amount, hour)
                                                 for r in rows]),
    ]  # fmt: skip


def _sum(parts: Sequence[Money]) -> Money:
    total = Money(Decimal(0), Decimal(0), Decimal(0))
    for part in parts:
        total = total.plus(part)
    return total


def _beside(page: Page, live: Live) -> None:
    if not live.beside:
        return
    page.line()
    names = [NAMED[row.key or ""] for row in live.beside]
    page.table([Column("beside the rows", names, number=False), *_money_columns(live, live.beside)])


def _notes(live: Live, hidden: Sequence[str]) -> list[str]:
    notes = []
    for one in live.missing:
        since = _since(one.since, ZoneInfo(live.zone))
        notes.append(f"{one.meter} {since}; {', '.join(one.pools)} is taken to cost what is usual.")
    for known in live.attribution:
        if known.attributed < known.quantity:
            part = Decimal(100 * known.attributed) / known.quantity
            if part < _LITTLE:
                notes.append(
                    f"{numbers.share(part)} % of {known.meter} names a user; the rest is anonymous."
                )
    unsure = [one.meter for one in live.sampling if one.unknown]
    if unsure:
        notes.append(f"How these were sampled is not known: {', '.join(unsure)}.")
    if hidden:
        notes.append(f"Too narrow for: {', '.join(hidden)}. Use --format json.")
    return [*notes, *live.notes]


_LITTLE = 95


def _since(moment: datetime | None, tz: ZoneInfo) -> str:
    if moment is None:
        return "was never heard"
    return f"says nothing since {moment.astimezone(tz):%Y-%m-%d %H:%M}"
