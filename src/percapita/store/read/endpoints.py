"""How requests of a span did, as readings have it: how many, how long, how many failed.

The view ``readings`` is bound by the caller.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from percapita.store.engine import Engine


class Endpoint(NamedTuple):
    """Requests of one operation of a service."""

    service: str | None
    operation: str | None
    requests: int
    failed: int
    microseconds: int | None
    """All of them took together; ``None`` where it was not measured."""


class Stored(NamedTuple):
    """What a tenant's users held of a meter in a month."""

    tenant: str
    meter: str
    month: str
    quantity: int


def endpoints(engine: Engine, first: datetime, last: datetime) -> list[Endpoint]:
    """Return the operations that were asked for in the hours from ``first`` on, busiest first."""
    rows = engine.rows(
        "SELECT service, operation,"
        " coalesce(sum(quantity) FILTER (meter = 'requests'), 0)::BIGINT,"
        " coalesce(sum(quantity) FILTER (meter = 'errors'), 0)::BIGINT,"
        " (sum(quantity) FILTER (meter = 'request.time'))::BIGINT"
        " FROM readings WHERE grain = 'hour' AND meter IN ('requests', 'errors', 'request.time')"
        " AND time >= ? AND time < ? GROUP BY service, operation ORDER BY 3 DESC, 1, 2",
        [first, last],
    )
    return [Endpoint(*row) for row in rows if row[2]]


def stored(engine: Engine, most: int) -> list[Stored]:
    """Return what the largest tenants stored, month by month, by meters of storage.

    The view ``segments`` says whose tenant a user is.
    """
    rows = engine.rows(
        "WITH whose AS (SELECT subject, arg_max(value, start) AS tenant FROM segments"
        " WHERE attribute = 'tenant' GROUP BY subject),"
        " held AS (SELECT w.tenant, r.meter, strftime(r.time, '%Y-%m') AS month,"
        " sum(r.quantity)::HUGEINT AS quantity FROM readings r JOIN whose w"
        " ON w.subject = r.subject WHERE r.meter LIKE 'storage%' GROUP BY ALL),"
        " top AS (SELECT tenant, meter FROM held GROUP BY ALL ORDER BY max(quantity) DESC, tenant"
        f" LIMIT {int(most)})"
        " SELECT h.tenant, h.meter, h.month, CAST(h.quantity AS VARCHAR) FROM held h JOIN top t"
        " ON t.tenant = h.tenant AND t.meter = h.meter ORDER BY ALL"
    )
    return [Stored(tenant, meter, month, int(quantity)) for tenant, meter, month, quantity in rows]
