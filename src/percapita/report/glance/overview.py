"""A month at a glance, and the year before it: what pages and reports of the month show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, Final

from percapita.core.money import percent, quotient, text, total
from percapita.core.roles import EVERYTHING, Sight
from percapita.core.tables import FINDINGS
from percapita.report.check.sighted import visible
from percapita.report.cost import sighted
from percapita.report.cost.kept import statement
from percapita.report.glance.marks import marked
from percapita.report.opened import Opened
from percapita.report.timeline import timeline, to_json
from percapita.store.read import check as read_check

WINDOWS: Final = {30: 1, 90: 3, 365: 12}
"""Days -> whole months: units are counted by month."""
_USUAL: Final = 3
"""Months that it takes to say what is usual."""
_EXACT: Final = Context(prec=60)
_NINETY: Final = Decimal("1.645")
"""Standard deviations that hold nine in ten."""
_TOP: Final = 10
_FINDINGS: Final = 3
_EVENTS: Final = ("deploy", "flag", "incident", "maintenance", "scale")
_MOST_EVENTS: Final = 40

Row = dict[str, Any]


def overview(
    opened: Opened, period: str, *, by: str = "", unit: str = "", sight: Sight = EVERYTHING
) -> dict[str, Any]:
    """Gather a month.

    Args:
        opened: the figures.
        period: the month.
        by: what its rows are; the model's first segment unless said.
        unit: what cost is divided by; the primary one unless said.
        sight: what whoever asks may see.

    Raises:
        InputError: a name is not known, or the month has no figures.
    """
    segment, cohort = _cuts(opened, by, sight)
    months = _months(opened, period, sight)

    def asked(cut: str, month: str) -> dict[str, Any]:
        return statement(opened, [cut], month, unit=unit, sight=sight)

    each = {month: asked(segment, month) for month in months}
    pools = {month: asked("pool", month) for month in months}
    now, before = each[period], ["", *months][-2]
    return {
        **now,
        "segment": segment,
        "windows": _windows(months, each),
        "trend": _trend(months, each),
        "scopes": _scopes(opened, months, pools, each),
        "by_month": [{**row, "month": month} for month in months for row in each[month]["rows"]],
        "cohort": cohort,
        "cohorts": _dearest(now if cohort == segment else asked(cohort, period)),
        "changes": _changes(pools, period, before),
        "compared_with": before or None,
        **marked(opened, months, sight).to_json(),
        "events": _events(opened, period) if sight.tenants else [],
        "findings": _findings(opened, period, sight) if sight.tenants else [],
    }


def _months(opened: Opened, period: str, sight: Sight) -> list[str]:
    """Return the year of months up to one, those left out that have too few people to be shown."""
    earlier = [one for one in sorted(opened.runs) if one < period][1 - WINDOWS[365] :]
    return [*(one for one in earlier if sighted.crowded(opened, one, sight)), period]


def _cuts(opened: Opened, by: str, sight: Sight) -> tuple[str, str]:
    """Return what the rows are, and what cohorts are."""
    segments = [one.name for one in opened.model.segments]
    offered = segments if sight.people else sighted.segments(opened.model, sight)
    segment = by or next(iter(offered), "pool")
    return segment, "cohort" if "cohort" in segments and sight.people else segment


def _windows(months: Sequence[str], each: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return cost per unit over the last month, quarter and year, as far as they are known."""
    found = []
    for days, length in WINDOWS.items():
        chosen, earlier = months[-length:], months[-2 * length : -length]
        cost, units = _sums(chosen, each)
        was = quotient(*_sums(earlier, each)) if len(earlier) == length else None
        here = quotient(cost, units)
        change = None if here is None or was is None else percent(here - was, was)
        found.append({
            "days": days, "months": len(chosen), "total": text(cost), "units": units,
            "cost_per_unit": text(here), "change_percent": text(change),
        })  # fmt: skip
    return found


def _sums(
    months: Sequence[str], each: Mapping[str, Mapping[str, Any]]
) -> tuple[Decimal, int | None]:
    totals = [each[month]["totals"] for month in months]
    units = [one["units"] for one in totals]
    known = [n for n in units if n is not None]
    return (
        total([Decimal(one["total"]) for one in totals]),
        sum(known) if len(known) == len(units) and units else None,
    )


def _trend(months: Sequence[str], each: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return each month's totals, and between what its cost per unit usually lies."""
    rows = []
    past: list[Decimal] = []
    for month in months:
        totals = each[month]["totals"]
        low, high = _usual(past)
        rows.append({"month": month, **totals, "low": text(low), "high": text(high)})
        if totals["cost_per_unit"] is not None:
            past.append(Decimal(totals["cost_per_unit"]))
    return rows


def _usual(past: Sequence[Decimal]) -> tuple[Decimal | None, Decimal | None]:
    """Return between what nine in ten months lie, judged by those before; from the third on."""
    if len(past) < _USUAL:
        return None, None
    mean = total(list(past)) / len(past)
    spread = sum(((one - mean) ** 2 for one in past), Decimal(0)) / (len(past) - 1)
    half = _NINETY * spread.sqrt(_EXACT)
    low, high = (quotient(one, 1) for one in (mean - half, mean + half))
    return low, high


def _scopes(
    opened: Opened,
    months: Sequence[str],
    pools: Mapping[str, Mapping[str, Any]],
    each: Mapping[str, Mapping[str, Any]],
) -> list[Row]:
    """Return each month's allocated cost by the scope of its pool."""
    scope = {pool.name: pool.scope for pool in opened.model.pools}
    rows = []
    for month in months:
        sums: dict[str, list[Decimal]] = {}
        for row in pools[month]["rows"]:
            sums.setdefault(scope.get(row["pool"], ""), []).append(Decimal(row["total"]))
        units = each[month]["totals"]["units"]
        found = {name: total(amounts) for name, amounts in sums.items() if name}
        for name, cost in sorted(found.items(), key=lambda pair: (-pair[1], pair[0])):
            per = text(quotient(cost, units))
            rows.append({"month": month, "scope": name, "total": text(cost), "cost_per_unit": per})
    return rows


def _dearest(found: Mapping[str, Any]) -> list[Row]:
    """Return the dearest cohorts, each with what it brings."""
    return sorted(found["rows"], key=lambda row: -Decimal(row["total"]))[:_TOP]


def _changes(pools: Mapping[str, Mapping[str, Any]], period: str, before: str) -> list[Row]:
    """Return what each pool's allocated cost changed by, the largest changes first."""
    if not before:
        return []
    now = {row["pool"]: Decimal(row["total"]) for row in pools[period]["rows"]}
    then = {row["pool"]: Decimal(row["total"]) for row in pools[before]["rows"]}
    rows = []
    for pool in dict.fromkeys((*now, *then)):
        a, b = now.get(pool, Decimal(0)), then.get(pool, Decimal(0))
        rows.append({"pool": pool, "before": text(b), "now": text(a), "change": text(a - b)})
    return sorted(rows, key=lambda row: -abs(Decimal(str(row["change"]))))


def _events(opened: Opened, period: str) -> list[Row]:
    """Return what happened in the month, the newest last."""
    found = timeline(opened.store, zone=opened.zone, now=opened.now, period=period, kinds=_EVENTS)
    return list(to_json(found)["events"])[-_MOST_EVENTS:]


def _findings(opened: Opened, period: str, sight: Sight) -> list[Row]:
    """Return what a month's run found, most money first."""
    opened.bind(FINDINGS, periods=[period])
    rows = visible(read_check.findings(opened.engine), sight)
    rows.sort(key=lambda row: -(row["amount"] or Decimal(0)))
    return [{**row, "amount": text(row["amount"])} for row in rows[:_FINDINGS]]
