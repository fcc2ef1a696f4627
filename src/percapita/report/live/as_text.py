"""The live estimate for the terminal: one screen, the figure first.

It is drawn from the document that programs get, so that it says the same, whoever worked it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from percapita.report import numbers
from percapita.report.named import NAMED
from percapita.report.table import Column, Page

_ROWS = 12
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

Data = Mapping[str, Any]


def show(page: Page, data: Data) -> None:
    """Print the estimate that ``as_json.statement`` wrote."""
    meta = data["meta"]
    local = datetime.fromisoformat(meta["as_of"]).astimezone(ZoneInfo(meta["timezone"]))
    page.line(
        f"Estimate at {local:%H:%M} on {meta['day']} ({meta['timezone']}), {meta['basis']} cost in"
        f" {meta['currency']}; 90 % intervals."
    )
    page.line(_fresh(meta))
    page.line()
    _totals(page, data)
    page.line()
    hidden = _rows(page, data)
    _beside(page, data)
    for note in _notes(data, hidden):
        page.line(f"Note: {note}")


def _fresh(meta: Data) -> str:
    ends = sorted(set(meta["bill_through"].values()))
    if not ends:
        bill = "no bill yet"
    elif ends[0] == ends[-1]:
        bill = f"Bill to {_day(ends[0])}"
    else:
        bill = f"Bills to {_day(ends[0])} … {_day(ends[-1])}"
    seconds = meta["telemetry_age_seconds"]
    heard = "no telemetry yet" if seconds is None else f"telemetry {_ago(seconds)} ago"
    return f"{bill}, {heard}."


def _day(written: str) -> str:
    day = date.fromisoformat(written)
    return f"{day.day} {day:%b %Y}"


def _ago(seconds: int) -> str:
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{seconds // _DAY} days"


def _totals(page: Page, data: Data) -> None:
    total, currency = data["totals"], data["meta"]["currency"]
    money = [("today so far", total["today"], ""), ("last 60 minutes", total["rate_hour"], "/hour"),
             ("last 15 minutes", total["rate_15_minutes"], "/hour")]  # fmt: skip
    if total["cost_per_dau"]["amount"] is not None:
        money.append(("per daily active user", total["cost_per_dau"], "/day"))
    if (since := total["unbilled"]["since"]) is not None:
        money.append((f"not billed since {_day(since)}", total["unbilled"], ""))
    places = [numbers.places([_of(its)]) for _, its, _ in money]
    page.table(
        [
            Column("", [name for name, _, _ in money], number=False),
            Column(currency, [numbers.amount(_of(its), n) + per
                              for (_, its, per), n in zip(money, places, strict=True)]),
            Column("between", [_between(its, n)
                               for (_, its, _), n in zip(money, places, strict=True)]),
        ]
    )  # fmt: skip
    active = total["active_24h"]
    heads = f"{active:,}" if active else "nobody"
    page.line(f"Active in the last 24 hours ({data['meta']['unit']}): {heads}.")


def _of(money: Data, end: str = "amount") -> Decimal:
    return Decimal(money[end])


def _between(money: Data, places: int) -> str:
    low, high = (numbers.amount(_of(money, end), places) for end in ("low", "high"))
    return f"{low} … {high}"


def _rows(page: Page, data: Data) -> list[str]:
    by, rows = data["meta"]["by"], list(data["rows"])
    names = [row[by] if row[by] is not None else "not known" for row in rows[:_ROWS]]
    if rest := rows[_ROWS:]:
        names.append(f"{len(rest)} more")
    rows[_ROWS:] = [_together(rest)] if rest else []
    columns = [
        Column(by, names, number=False),
        *_money_columns(data, rows),
        Column("active\n24 h", [numbers.count(row["active_24h"]) for row in rows], rank=2),
        Column(f"per DAU\n{data['meta']['currency']}/day", [_per_dau(row) for row in rows], rank=1),
    ]
    told = any(row["active_24h"] is not None for row in rows)
    hidden = page.table(columns if told else columns[:-2])
    return [*hidden]


def _together(rows: Sequence[Data]) -> Data:
    """Return the sum of rows; the ends are added, as if all erred the same way."""
    sums = {
        name: {end: sum(_of(row[name], end) for row in rows) for end in ("amount", "low", "high")}
        for name in ("today", "rate_hour")
    }
    return {**sums, "active_24h": None, "cost_per_dau": {"amount": None}}


def _per_dau(row: Data) -> str:
    if row["cost_per_dau"]["amount"] is None:
        return numbers.UNDEFINED if row["active_24h"] == 0 else numbers.UNKNOWN
    found = _of(row["cost_per_dau"])
    return numbers.amount(found, numbers.places([found]))


def _money_columns(data: Data, rows: Sequence[Data]) -> list[Column]:
    total, currency = data["totals"], data["meta"]["currency"]
    today, hour = (numbers.money_places(_of(total[name])) for name in ("today", "rate_hour"))
    return [
        Column(f"today\n{currency}", [numbers.amount(_of(r["today"]), today) for r in rows]),
        Column("between", [_between(row["today"], today) for row in rows], rank=3),
        Column(f"last hour\n{currency}/h", [numbers.amount(_of(r["rate_hour"]), hour)
                                            for r in rows]),
    ]  # fmt: skip


def _beside(page: Page, data: Data) -> None:
    rows = data["classes"]
    if not rows:
        return
    page.line()
    names = [NAMED[row["class"]] for row in rows]
    page.table([Column("beside the rows", names, number=False), *_money_columns(data, rows)])


def _notes(data: Data, hidden: Sequence[str]) -> list[str]:
    notes, meta = [], data["meta"]
    zone = ZoneInfo(meta["timezone"])
    for one in meta["missing"]:
        since, pools = _since(one, meta["as_of"], zone), ", ".join(one["pools"])
        notes.append(f"{one['meter']} {since} {pools} is taken to cost what is usual.")
    for known in data["attribution"]:
        if known["attributed"] < known["quantity"]:
            part = Decimal(100 * known["attributed"]) / known["quantity"]
            if part < _LITTLE:
                said = f"{numbers.share(part)} % of {known['meter']} names a user"
                notes.append(f"{said}; the rest is anonymous.")
    unsure = [one["meter"] for one in data["sampling"] if one["unknown"]]
    if unsure:
        notes.append(f"How these were sampled is not known: {', '.join(unsure)}.")
    if hidden:
        notes.append(f"Too narrow for: {', '.join(hidden)}. Use --format json.")
    return [*notes, *data["meta"]["notes"]]


_LITTLE = 95
_LATELY = timedelta(minutes=15)


def _since(one: Data, now: str, tz: ZoneInfo) -> str:
    if one["since"] is None:
        return "was never heard;"
    since = datetime.fromisoformat(one["since"])
    if datetime.fromisoformat(now) - since < _LATELY:
        return f"speaks again; for the {one['hours_today']} h of today that it was silent"
    return f"says nothing since {since.astimezone(tz):%Y-%m-%d %H:%M};"
