"""Fixed questions to the inputs and the last run: what ``percapita check`` judges by.

The tables ``lines readings counts revenue segments rollup slices findings`` are asked for under
their own names, bound by the caller. Sums are of one currency and basis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from percapita.core.subjects import ANONYMOUS, CLASS_OF_KIND
from percapita.core.tables import COSTS, key_column
from percapita.store.engine import Engine, literal, quote

Required = Mapping[str, Sequence[str]]
"""Required tag key to the values it may have; none listed: any value."""


class Sums(NamedTuple):
    """The bill in a few sums; spend is usage and purchase charges above zero."""

    lines: int
    total: Decimal
    spend: Decimal
    tagged: Decimal
    resources: int
    tagged_resources: int
    first: date | None
    last: date | None


class Key(NamedTuple):
    """Spend and resources that carry one key, and spend whose value is not listed."""

    key: str
    amount: Decimal
    resources: int
    wrong: Decimal


class Spender(NamedTuple):
    """A resource, or what is left of a service, and the required keys it lacks."""

    resource: str
    service: str
    account: str
    amount: Decimal
    missing: tuple[str, ...]


class Signals(NamedTuple):
    """What the readings can tell."""

    meters: list[tuple[str, int, int]]
    """Meter, quantity, quantity that names a subject."""
    grains: frozenset[str]
    levels: frozenset[str]
    features: int
    daily: tuple[int, ...]
    heads: int | None
    heads_from: str
    payers: int
    prices: int
    attributes: frozenset[str]


def currencies(engine: Engine) -> list[tuple[str, int]]:
    """Return the currencies of the lines, the one with most lines first."""
    rows = engine.rows(
        "SELECT coalesce(BillingCurrency, ''), count(*) FROM lines GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return [(row[0], int(row[1])) for row in rows]


def charges(
    engine: Engine, basis: str, currency: str, required: Required, keys: Sequence[str] = ()
) -> None:
    """Make the view ``charges``: each line's cost, and whether it carries each required key.

    ``keys``: of ``Extra``, which the lines have columns of.
    """
    own = "".join(f", {quote(key_column(key))}" for key in keys)
    flags = "".join(
        f", {_has(key, values)} AS ok{at}, {_wrong(key, values)} AS wrong{at}"
        for at, (key, values) in enumerate(required.items())
    )
    every = " AND ".join(f"ok{at}" for at in range(len(required))) or "false"
    cost = quote(COSTS[basis])
    engine.view(
        "charges",
        f"SELECT *, {every} AS tagged FROM (SELECT coalesce({cost}, 0) AS cost,"
        f" coalesce({cost}, 0) > 0 AND coalesce(ChargeCategory, 'Usage') IN ('Usage', 'Purchase')"
        " AS spends, nullif(ResourceId, '') AS resource, coalesce(ServiceName, '') AS service,"
        " coalesce(SubAccountId, BillingAccountId, '') AS account,"
        " coalesce(nullif(ResourceType, ''), nullif(ServiceName, '')) AS type, ServiceName,"
        f" SubAccountId, BillingAccountId, RegionId, SkuId, Tags, Extra{own}, period,"
        f" ChargePeriodStart AS since, ChargePeriodEnd AS till{flags} FROM lines"
        f" WHERE coalesce(BillingCurrency, '') = {literal(currency)})",
    )


def _has(key: str, values: Sequence[str]) -> str:
    found = f"coalesce(Tags[{literal(key)}], '')"
    listed = f" AND {found} IN ({', '.join(map(literal, values))})" if values else ""
    return f"({found} <> ''{listed})"


def _wrong(key: str, values: Sequence[str]) -> str:
    found = f"coalesce(Tags[{literal(key)}], '')"
    return f"({found} NOT IN ('', {', '.join(map(literal, values))}))" if values else "false"


def sums(engine: Engine) -> Sums:
    """Return the sums over ``charges``."""
    ((lines, total, spend, tagged, first, last),) = engine.rows(
        "SELECT count(*), coalesce(sum(cost), 0), coalesce(sum(cost) FILTER (spends), 0),"
        " coalesce(sum(cost) FILTER (spends AND tagged), 0), CAST(min(since) AS DATE),"
        " CAST(max(till) - INTERVAL 1 MICROSECOND AS DATE) FROM charges"
    )
    ((resources, complete),) = engine.rows(
        "SELECT count(*), count(*) FILTER (tagged) FROM (SELECT bool_or(tagged) AS tagged"
        " FROM charges WHERE spends AND resource IS NOT NULL GROUP BY resource)"
    )
    return Sums(lines, total, spend, tagged, resources, complete, first, last)


def keys(engine: Engine, required: Required) -> list[Key]:
    """Return each required key's coverage."""
    found = []
    for at, key in enumerate(required):
        ((amount, wrong),) = engine.rows(
            f"SELECT coalesce(sum(cost) FILTER (ok{at}), 0), coalesce(sum(cost) FILTER (wrong{at}),"
            " 0) FROM charges WHERE spends"
        )
        resources = engine.value(
            "SELECT count(*) FROM (SELECT resource FROM charges"
            f" WHERE spends AND resource IS NOT NULL GROUP BY resource HAVING bool_or(ok{at}))"
        )
        found.append(Key(key, amount, resources, wrong))
    return found


def tag_keys(engine: Engine) -> list[str]:
    """Return every tag key that the lines carry."""
    rows = engine.rows("SELECT DISTINCT unnest(map_keys(Tags)) AS key FROM charges ORDER BY 1")
    return [row[0] for row in rows]


def spans(engine: Engine) -> list[tuple[date, date]]:
    """Return the spans of days, end excluded, with charges that name a resource or a SKU."""
    return engine.rows(
        "SELECT DISTINCT CAST(since AS DATE), CAST(greatest(till - INTERVAL 1 MICROSECOND, since)"
        " AS DATE) + 1 FROM charges WHERE resource IS NOT NULL OR nullif(SkuId, '') IS NOT NULL"
    )


def dearest(engine: Engine, required: Required, limit: int) -> list[Spender]:
    """Return the resources with most spend."""
    return _spenders(engine, required, "resource IS NOT NULL", "resource", limit)


def untagged(engine: Engine, required: Required, limit: int) -> list[Spender]:
    """Return where the spend is that lacks a required key, most first."""
    grouped = "resource, service, account"
    return _spenders(engine, required, "NOT tagged", grouped, limit)


def _spenders(
    engine: Engine, required: Required, where: str, grouped: str, limit: int
) -> list[Spender]:
    flags = "".join(f", bool_or(ok{at})" for at in range(len(required)))
    rows = engine.rows(
        "SELECT coalesce(any_value(resource), ''), min(service), min(account), sum(cost) AS amount"
        f"{flags} FROM charges WHERE spends AND {where} GROUP BY {grouped}"
        f" ORDER BY amount DESC, 1, 2, 3 LIMIT {limit}"
    )
    return [
        Spender(
            resource,
            service,
            account,
            amount,
            tuple(key for key, has in zip(required, flagged, strict=True) if not has),
        )
        for resource, service, account, amount, *flagged in rows
    ]


def types(engine: Engine) -> list[tuple[str, str]]:
    """Return the bill's resource types, each with its service, dearest first."""
    return engine.rows(
        "SELECT type, coalesce(min(ServiceName), '') FROM charges WHERE spends AND type IS NOT NULL"
        " GROUP BY type ORDER BY sum(cost) DESC, type"
    )


_NAMED = f"subject <> 0 AND coalesce(level, '') <> {literal(ANONYMOUS)}"


def meters(engine: Engine) -> list[tuple[str, int, int]]:
    """Return each meter's quantity and the part that names a subject; signals where it is zero."""
    return [
        (meter, int(quantity or signals), int(own if quantity else mine))
        for meter, quantity, own, signals, mine in engine.rows(
            f"SELECT meter, sum(quantity), coalesce(sum(quantity) FILTER ({_NAMED}), 0),"
            f" coalesce(sum(signals), 0), coalesce(sum(signals) FILTER ({_NAMED}), 0)"
            " FROM readings GROUP BY meter ORDER BY meter"
        )
    ]


def signals(engine: Engine, users: int) -> Signals:
    """Return what readings, head counts, revenue and segments can tell.

    ``users``: how many the newest readings name.
    """
    grains = engine.rows("SELECT DISTINCT grain FROM readings")
    levels = engine.rows(f"SELECT DISTINCT level FROM readings WHERE {_NAMED}")
    features = engine.value("SELECT count(DISTINCT nullif(feature, '')) FROM readings")
    daily = engine.rows(
        "SELECT CAST(time AS DATE), sum(signals) FROM readings WHERE grain <> 'month'"
        " GROUP BY 1 ORDER BY 1"
    )
    payers, prices = engine.rows(
        "SELECT count(*), count(DISTINCT amount) FROM revenue WHERE subject <> 0 AND amount > 0"
    )[0]
    attributes = engine.rows("SELECT DISTINCT attribute FROM segments")
    heads, heads_from = _heads(engine, users)
    return Signals(
        meters(engine), _set(grains), _set(levels), features,
        tuple(int(day[1] or 0) for day in daily),
        heads, heads_from, payers, prices, _set(attributes),
    )  # fmt: skip


def _set(rows: Sequence[tuple[Any, ...]]) -> frozenset[str]:
    return frozenset(str(row[0]) for row in rows if row[0])


def _heads(engine: Engine, users: int) -> tuple[int | None, str]:
    counted = engine.value(
        "SELECT coalesce(max(count) FILTER (subject = 0), sum(count)) FROM counts"
        ' WHERE "end" = (SELECT max("end") FROM counts) AND unit IS NOT DISTINCT FROM'
        " (SELECT unit FROM counts ORDER BY unit NULLS FIRST LIMIT 1)"
    )
    if counted is not None:
        return int(counted), "a head count"
    return (users, "users seen in the usage") if users else (None, "")


def classes(engine: Engine, basis: str) -> tuple[Decimal, Decimal]:
    """Return the total of the bound run and what of it is allocated."""
    apart = ", ".join(map(literal, CLASS_OF_KIND))
    ((total, allocated),) = engine.rows(
        "SELECT coalesce(sum(r.amount), 0),"
        f" coalesce(sum(r.amount) FILTER (coalesce(s.kind, '') NOT IN ({apart})), 0)"
        " FROM rollup r LEFT JOIN slices s ON s.period = r.period AND s.slice = r.slice"
        " WHERE r.basis = ?",
        [basis],
    )
    return total, allocated


def findings(engine: Engine) -> list[dict[str, Any]]:
    """Return the findings of the bound run."""
    return engine.records(
        'SELECT period, code, severity, "where", message, amount, advice, owner FROM findings'
        " ORDER BY CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END,"
        ' amount DESC NULLS LAST, code, "where", period'
    )
