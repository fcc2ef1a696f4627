"""What telemetry is doing: whose it is, how it is sampled, what is stored, what vendors do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from percapita.core.money import percent, text
from percapita.core.periods import parse
from percapita.core.tables import RATES, SEGMENTS
from percapita.report.cost.kept import statement
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.report.sources import deliveries
from percapita.report.usage import attribution as whose
from percapita.report.usage import calls as whom
from percapita.report.usage.usage import NoReadingsError, bind
from percapita.store.read import endpoints as read_endpoints
from percapita.store.read import live as read_live
from percapita.store.read.rates import rates

_MOST: Final = 12
_MONTHS: Final = 3

Row = dict[str, Any]


def debugging(opened: Opened, period: str) -> Row:
    """Gather a month's state of telemetry."""
    span = parse(period, opened.zone)
    months = [month for month in sorted(opened.runs) if month <= period][-_MONTHS:]
    try:
        attributed: Row | None = whose.record(whose.attribution(opened.store, opened.model, span))
    except NoReadingsError:
        attributed = None
    store, engine = opened.store, opened.engine
    found = read_endpoints.endpoints(engine, span.span.start, span.span.end) if attributed else []
    sampled = read_live.sampling(engine, span.span.start) if attributed else []
    grown = _stored(opened) if attributed else []
    arrived = read_live.arrival(store.catalog)
    return {
        "meta": {
            "period": span.label, "currency": opened.model.currency, "basis": opened.basis,
            "as_of": instant(opened.now), "telemetry": instant(arrived.readings),
            "notes": list(opened.notes),
        },
        "attribution": attributed,
        "sampling": [
            {"meter": m, "signals": n, "sampled": s, "unknown": u} for m, n, s, u in sampled
        ],
        "endpoints": [_endpoint(one) for one in found[:_MOST]],
        "storage": grown,
        "third_party": _third_party(opened, months),
        "calls": whom.record(whom.calls(store, opened.model, span)) if attributed else [],
        "deliveries": [one.json() for one in deliveries(store)],
    }  # fmt: skip


def _endpoint(one: read_endpoints.Endpoint) -> Row:
    took = one.microseconds
    mean = None if took is None else Decimal(took) / 1_000_000 / one.requests
    return {
        "service": one.service, "operation": one.operation, "requests": one.requests,
        "failed": one.failed, "failed_percent": text(percent(Decimal(one.failed), one.requests)),
        "mean_seconds": None if mean is None else text(mean.quantize(Decimal("0.000001"))),
    }  # fmt: skip


def _stored(opened: Opened) -> list[Row]:
    """Return what the largest tenants stored, month by month."""
    opened.bind(SEGMENTS)
    bind(opened.store, opened.model, whose=True)
    found: dict[tuple[str, str], list[Row]] = {}
    for one in read_endpoints.stored(opened.engine, _MOST):
        key = (one.tenant, one.meter)
        found.setdefault(key, []).append({"month": one.month, "quantity": one.quantity})
    return [
        {"tenant": tenant, "meter": meter, "months": months, "growth_percent": _growth(months)}
        for (tenant, meter), months in found.items()
    ]


def _growth(months: Sequence[Row]) -> str | None:
    if len(months) < 2:  # noqa: PLR2004 it takes two to grow
        return None
    before, now = months[-2]["quantity"], months[-1]["quantity"]
    return text(percent(Decimal(now - before), before))


def _third_party(opened: Opened, months: Sequence[str]) -> list[Row]:
    """Return what vendors cost, month by month, and what a call of each costs now."""
    names = [pool.name for pool in opened.model.pools if pool.scope == "third party"]
    costs = {
        month: {row["pool"]: row["total"] for row in statement(opened, ["pool"], month)["rows"]}
        for month in months
    }
    opened.bind(RATES, periods=months[-1:])
    calls = {one.pool: one for one in rates(opened.engine, opened.basis) if one.pool in names}
    return [
        {
            "pool": name,
            "months": [{"month": m, "total": costs[m].get(name)} for m in months],
            "meter": calls[name].meter if name in calls else None,
            "calls": calls[name].total if name in calls else None,
        }
        for name in names
    ]
