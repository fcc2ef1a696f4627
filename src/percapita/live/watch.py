"""What an on-call page watches: the last day by the hour, what happened, and what is dear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from percapita.core.money import quotient, text
from percapita.core.periods import Span
from percapita.reconcile.estimate.meters import HOUR
from percapita.report.live.as_json import statement
from percapita.report.numbers import instant
from percapita.store.read import endpoints as read_endpoints
from percapita.store.read import events as read_events

if TYPE_CHECKING:
    from percapita.live.desk import Desk, Known
    from percapita.live.usual import Usual

HOURS: Final = 24
KINDS: Final = ("deploy", "flag", "incident", "maintenance", "scale")
_MOST: Final = 20
_SECOND: Final = 1_000_000
_NONE: Final = Fraction(0)

Row = dict[str, Any]


def watch(desk: Desk, now: datetime) -> Row:
    """Gather the last day.

    Raises:
        NothingPublishedError: no run was ever published: there are no prices.
    """
    from percapita.live.standing import look  # noqa: PLC0415 loads Ibis

    by_service = statement(look(desk, now, "service"))
    by_operation = statement(look(desk, now, "operation"))
    known = desk.known(now)
    return {
        **by_service,
        "services": by_service["rows"],
        "hours": _hours(desk, known, now),
        "events": _events(desk, now),
        "endpoints": _endpoints(desk, now, by_operation["rows"]),
    }


def _hours(desk: Desk, known: Known, now: datetime) -> list[Row]:
    """Return what each of the last hours cost, the one that runs as far as it has come."""
    from percapita.live.usual import Hours  # noqa: PLC0415 likewise

    this = now.replace(minute=0, second=0, microsecond=0)
    starts = [this - back * HOUR for back in range(HOURS - 1, -1, -1)]
    each = Hours(desk, known, now)
    heads, usual = each.active(starts[0], this + HOUR), each.usual(starts[:-1])
    rows = []
    for start in starts:
        spent = known.spending.over(Span(start, min(start + HOUR, now)), now).values()
        amount = sum((one.money.amount for one in spent), Decimal(0))
        billed = sum((one.billed for one in spent), Decimal(0))
        ends = [billed + end for end in known.spending.whole.around(amount - billed)]
        rows.append({
            "start": instant(start), "amount": text(amount),
            "low": text(ends[0]), "high": text(ends[1]), "whole": start < this,
            "active_24h": heads.get(start),
            "cost_per_dau": _per_head([ends[0], amount, ends[1]], heads.get(start, 0))
            if start < this else None,
            "usual": _usual(usual[start]) if start < this else None,
        })  # fmt: skip
    return rows


def _per_head(money: Sequence[Decimal], heads: int) -> Row:
    low, amount, high = (text(quotient(at * 24, heads)) for at in money)
    return {"amount": amount, "low": low, "high": high}


def _usual(found: Usual) -> Row:
    return {"low": text(found.low), "high": text(found.high), "days": found.days}


def _events(desk: Desk, now: datetime) -> list[Row]:
    since = now - timedelta(hours=HOURS)
    found = read_events.events(desk.store, Span(since, now), KINDS)
    return [
        {"at": instant(one.at), "kind": one.kind, "name": one.name, "service": one.service,
         "resource": one.resource}
        for one in found
    ]  # fmt: skip


def _endpoints(desk: Desk, now: datetime, costs: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the dearest operations: what they cost an hour, how long they take, what fails."""
    did = _did(desk, now)
    rows = []
    for row in costs:
        requests, failed, took = did.get(row["operation"], (_NONE, _NONE, _NONE))
        rate = row["rate_hour"]["amount"]
        rows.append({
            "operation": row["operation"], "rate_hour": row["rate_hour"],
            "requests": round(requests),
            "cost_per_request": text(_each(None if rate is None else Fraction(rate), requests)),
            "mean_seconds": text(_each(took / _SECOND or None, requests)),
            "failed_percent": text(_each(failed * 100, requests)),
        })  # fmt: skip
    rows.sort(key=lambda row: -Decimal(row["rate_hour"]["amount"] or 0))
    return rows[:_MOST]


def _each(whole: Fraction | None, requests: Fraction) -> Decimal | None:
    if whole is None or not requests:
        return None
    each = whole / requests
    return quotient(Decimal(each.numerator), each.denominator)


def _did(desk: Desk, now: datetime) -> dict[str | None, list[Fraction]]:
    """Return of each operation the requests of the last 60 minutes, those that failed, their time.

    Readings are hourly: the hour before this one counts for the part of it that lies within, as it
    does for the money.
    """
    this = now.replace(minute=0, second=0, microsecond=0)
    parts = {this: Fraction(1), this - HOUR: 1 - Fraction((now - this) / HOUR)}
    did: dict[str | None, list[Fraction]] = {}
    for first, part in parts.items():
        for one in read_endpoints.endpoints(desk.store.engine, first, first + HOUR):
            sums = did.setdefault(one.operation, [_NONE] * 3)
            for at, found in enumerate((one.requests, one.failed, one.microseconds or 0)):
                sums[at] += found * part
    return did
