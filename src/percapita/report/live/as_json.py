"""The live estimate for machines: the stable JSON of ``percapita live`` and of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from percapita.core.money import percent, text
from percapita.reconcile.estimate.snapshot import STATUS, Live, Missing, PoolNow, Row
from percapita.reconcile.estimate.spending import Money
from percapita.report.numbers import instant


def statement(live: Live) -> dict[str, Any]:
    """Return the estimate as JSON carries it."""
    return {
        "meta": _meta(live),
        "totals": {
            **_row(live.total),
            "rate_15_minutes": money(live.quarter),
            "unbilled": {
                "since": None if live.unbilled_since is None else str(live.unbilled_since),
                **money(live.unbilled),
            },
        },
        "rows": [{live.by: row.key, **_row(row)} for row in live.rows],
        "classes": [{"class": row.key, **_row(row)} for row in live.beside],
        "pools": [_pool(pool) for pool in live.pools],
        "attribution": [
            {
                "meter": one.meter,
                "quantity": one.quantity,
                "attributed": one.attributed,
                "percent": text(percent(Decimal(one.attributed), one.quantity)),
            }
            for one in live.attribution
        ],
        "sampling": [
            {
                "meter": one.meter,
                "signals": one.signals,
                "sampled": one.sampled,
                "unknown": one.unknown,
            }
            for one in live.sampling
        ],
    }


def _meta(live: Live) -> dict[str, Any]:
    return {
        "status": STATUS,
        "as_of": instant(live.as_of),
        "day": str(live.day),
        "timezone": live.zone,
        "currency": live.currency,
        "basis": live.basis,
        "unit": live.unit,
        "by": live.by,
        "run": live.run,
        "model": live.model,
        "interval": "0.90",
        "bill_through": {source: str(day) for source, day in sorted(live.bills.items())},
        "telemetry": instant(live.telemetry),
        "telemetry_age_seconds": age(live),
        "missing": [_missing(one) for one in live.missing],
        "notes": list(live.notes),
    }


def age(live: Live) -> int | None:
    """Return how many seconds ago readings last came in; ``None`` if never."""
    if live.telemetry is None:
        return None
    return max(int((live.as_of - live.telemetry).total_seconds()), 0)


def money(amount: Money | None) -> dict[str, str | None]:
    """Write an amount with its interval."""
    if amount is None:
        return {"amount": None, "low": None, "high": None}
    return {"amount": text(amount.amount), "low": text(amount.low), "high": text(amount.high)}


def _row(row: Row) -> dict[str, Any]:
    return {
        "today": money(row.today),
        "rate_hour": money(row.hour),
        "active_24h": row.active,
        "cost_per_dau": money(row.per_dau),
    }


def _pool(pool: PoolNow) -> dict[str, Any]:
    return {
        "pool": pool.pool,
        "priced_by": pool.way,
        "meter": pool.meter or None,
        "price": text(pool.price),
        "today": money(pool.today),
        "billed_today": text(pool.billed),
        "rate_hour": money(pool.hour),
        "bill_through": None if pool.through is None else str(pool.through),
        "calibrated_on": pool.errors,
        "cold": pool.cold,
        "silent_hours": text(_rounded(pool.silent)),
    }


def _missing(one: Missing) -> dict[str, Any]:
    since: datetime | None = one.since
    return {
        "meter": one.meter,
        "pools": list(one.pools),
        "since": instant(since),
        "hours_today": text(_rounded(one.hours)),
    }


def _rounded(hours: Decimal) -> Decimal:
    return hours.quantize(Decimal("0.01"))


_LINE: Final = ("line", "key", "today", "low", "high", "rate_hour", "active_24h", "cost_per_dau")


def flat(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows of a statement: rows, named lines, and their total."""
    by = data["meta"]["by"]
    lines = [("row", row[by], row) for row in data["rows"]]
    lines += [(row["class"], None, row) for row in data["classes"]]
    lines.append(("total", None, data["totals"]))
    rows = [
        [
            line, key, *(_amount(row["today"][name]) for name in ("amount", "low", "high")),
            _amount(row["rate_hour"]["amount"]), row["active_24h"],
            _amount(row["cost_per_dau"]["amount"]),
        ]
        for line, key, row in lines
    ]  # fmt: skip
    return list(_LINE), rows


def _amount(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)
