"""Fixed questions about tags: the view ``charges`` of ``read_check`` cut by month and more.

Spend is usage and purchase charges above zero; a resource counts once, tagged if any of its charges
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from percapita.core.tables import MONEY
from percapita.model.tags import RAW, RULE
from percapita.store.engine import Engine, literal
from percapita.store.runs.lines import column_sql


class Cut(NamedTuple):
    """Spend and resources of one month and value; ``None`` is all months, or all values."""

    month: str | None
    value: str | None
    whole: bool
    """Of all values together; a value of ``None`` is otherwise where there is none."""
    spend: Decimal
    tagged: Decimal
    resources: int
    tagged_resources: int
    keys: tuple[tuple[Decimal, int], ...]
    """Spend and resources that carry each required key."""


class Odd(NamedTuple):
    """A value of a key that the taxonomy does not list."""

    value: str
    spend: Decimal
    resources: int
    first: str
    last: str


class Kind(NamedTuple):
    """Resources of one type."""

    type: str
    service: str
    spend: Decimal
    resources: int
    tagged: Decimal
    keyed: Decimal
    """Spend that carries any tag at all."""


class Change(NamedTuple):
    """A tag of a resource that is not what it was the month before."""

    resource: str
    service: str
    account: str
    key: str
    before: str | None
    after: str | None
    spend: Decimal
    """Of the later month."""


class Patch(NamedTuple):
    """A tag that a rule supplies to a resource, and that the resource does not carry."""

    resource: str
    service: str
    account: str
    key: str
    value: str
    present: str | None
    rule: str
    spend: Decimal


_KEPT: Final = {
    "cost": MONEY, "spends": "bool", "tagged": "bool", "resource": "string", "service": "string",
    "account": "string", "type": "string", "ServiceName": "string", "Tags": "map<string,string>",
    "period": "string", "since": "timestamp",
}  # fmt: skip


def keep(engine: Engine, required: int, cuts: Sequence[str] = (), keys: Sequence[str] = ()) -> None:
    """Put ``charges`` in a table: many questions follow, and each would read the bill again.

    Args:
        engine: holds the view.
        required: how many required keys it was made with.
        cuts: columns of a line, as the model names them, by which coverage is asked.
        keys: of ``Extra``, which the view has columns of.
    """
    flags = {f"{what}{at}": "bool" for at in range(required) for what in ("ok", "wrong")}
    values = "".join(f", {column_sql(cut, keys)} AS cut{at}" for at, cut in enumerate(cuts))
    kept = {**_KEPT, **flags, **{f"cut{at}": "string" for at in range(len(cuts))}}
    engine.create("kept_charges", f"SELECT *{values} FROM charges", kept)
    engine.view("charges", "SELECT * FROM kept_charges")


def coverage(engine: Engine, required: int, cut: int | None = None) -> list[Cut]:
    """Return coverage by month, in all, and likewise by each value of a cut.

    Args:
        engine: holds ``charges``.
        required: how many required keys it was made with.
        cut: position among the cuts that were kept; nothing: months alone.
    """
    value = "NULL::VARCHAR" if cut is None else f"cut{cut}"
    counted = ["true", "tagged", *(f"ok{at}" for at in range(required))]
    sums = ", ".join(
        f"coalesce(sum(cost) FILTER ({test}), 0), count(DISTINCT resource) FILTER ({test})"
        for test in counted
    )
    rows = engine.rows(
        f"SELECT period, cut, GROUPING(cut), {sums} FROM"
        f" (SELECT *, {value} AS cut FROM charges WHERE spends)"
        " GROUP BY GROUPING SETS ((period, cut), (cut), (period), ()) ORDER BY 1 NULLS FIRST, 2"
    )
    found = []
    for month, name, whole, *figures in rows:
        (spend, resources), (tagged, complete), *keys = zip(
            figures[::2], figures[1::2], strict=True
        )
        found.append(Cut(month, name, bool(whole), spend, tagged, resources, complete, tuple(keys)))
    return found


def odd_values(engine: Engine, at: int, key: str) -> list[Odd]:
    """Return the values of a required key that are not listed, most spend first.

    Args:
        engine: holds ``charges``.
        at: position of the key among the required ones.
        key: its name.
    """
    rows = engine.rows(
        f"SELECT Tags[{literal(key)}] AS value, sum(cost) AS spend, count(DISTINCT resource),"
        f" min(period), max(period) FROM charges WHERE spends AND wrong{at}"
        " GROUP BY 1 ORDER BY spend DESC, 1"
    )
    return [Odd(*row) for row in rows]


def kinds(engine: Engine) -> list[Kind]:
    """Return the bill's resource types, dearest first; a service stands for a missing type."""
    rows = engine.rows(
        "SELECT type, coalesce(min(ServiceName), ''), sum(cost) AS spend,"
        " count(DISTINCT resource), coalesce(sum(cost) FILTER (tagged), 0),"
        " coalesce(sum(cost) FILTER (cardinality(Tags) > 0), 0)"
        " FROM charges WHERE spends AND type IS NOT NULL GROUP BY type ORDER BY spend DESC, type"
    )
    return [Kind(*row) for row in rows]


def months(engine: Engine) -> list[str]:
    """Return the billing months with charges."""
    return [row[0] for row in engine.rows("SELECT DISTINCT period FROM charges ORDER BY 1")]


_LAST = """
    SELECT resource, period, key, arg_max(value, since) AS value FROM (
        SELECT resource, period, since, unnest(map_keys(Tags)) AS key,
               unnest(map_values(Tags)) AS value
        FROM charges WHERE resource IS NOT NULL AND Tags IS NOT NULL AND period IN (?, ?)
    ) WHERE coalesce(value, '') <> '' GROUP BY resource, period, key
"""


def changes(engine: Engine, before: str, after: str, keys: Sequence[str] = ()) -> list[Change]:
    """Return the tags of resources charged in both months that differ, most spend first.

    A tag's value is the one on the resource's last charge of the month that carries it.

    Args:
        engine: holds ``charges``.
        before: the earlier month.
        after: the later one.
        keys: these keys alone.
    """
    only = f" AND key IN ({', '.join(map(literal, keys))})" if keys else ""
    rows = engine.rows(
        f"WITH tags AS ({_LAST}),"
        " lasting AS (SELECT resource, min(service) AS service, min(account) AS account,"
        " sum(cost) FILTER (period = ?) AS spend FROM charges WHERE resource IS NOT NULL"
        " AND period IN (?, ?) GROUP BY resource HAVING count(DISTINCT period) = 2)"
        " SELECT b.resource, b.service, b.account, key, o.value, n.value, coalesce(b.spend, 0)"
        " FROM (SELECT * FROM tags WHERE period = ?) o"
        " FULL JOIN (SELECT * FROM tags WHERE period = ?) n USING (resource, key)"
        " JOIN lasting b USING (resource)"
        f" WHERE o.value IS DISTINCT FROM n.value{only} ORDER BY b.spend DESC, 1, 4",
        [before, after, after, before, after, before, after],
    )
    return [Change(*row) for row in rows]


def patches(engine: Engine) -> list[Patch]:
    """Return the tags that rules supply to resources, most spend first.

    A resource that a rule gave several values gets that of its last charge.
    """
    rows = engine.rows(
        "SELECT resource, min(service), min(account), key, arg_max(Tags[key], since),"
        f" arg_max(Tags[{literal(RAW)} || key], since), arg_max(rule, since), sum(cost) AS spend"
        f" FROM (SELECT *, substr(e.key, {len(RULE) + 1}) AS key, e.value AS rule FROM"
        " (SELECT *, unnest(map_entries(Tags)) AS e FROM charges WHERE resource IS NOT NULL)"
        f" WHERE starts_with(e.key, {literal(RULE)})) GROUP BY resource, key"
        " ORDER BY spend DESC, 1, 4"
    )
    return [Patch(*row) for row in rows]
