"""Money as integer weights, and weights brought under the limit of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

import ibis
import ibis.expr.types as ir

from percapita.core.split import LIMIT, scaled
from percapita.core.tables import WIDE
from percapita.plugins import Engine, Schema, named

NANO = 9
"""Money weighs in 10^-9: every cent counts, and four billion fit a BIGINT."""
LEAST = Decimal(1).scaleb(-NANO)
"""The least amount that weighs anything."""


def nano(amount: ir.DecimalValue) -> ir.DecimalValue:
    """Return a positive amount in whole 10^-9, floored; taken from its text, so it is exact."""
    digits = amount.cast("string").replace(".", "")
    return digits.left(digits.length() - (18 - NANO)).cast(WIDE)


def fitted(
    engine: Engine, source: str, target: str, schema: Schema, group: Sequence[str]
) -> dict[Any, int]:
    """Make ``target`` from ``source`` with ``w`` as BIGINT, each group's sum under the limit.

    Returns the shift of each group that needed one. Such groups are rare (more than four billion
    of money in one) and take the way through Python.
    """
    wide = named(source, {**schema, "w": WIDE})
    totals = wide.group_by(list(group)).agg(total=wide.w.sum()).filter(ibis._.total >= LIMIT)
    large = [row[:-1] for row in engine.rows(totals)]
    if not large:
        engine.create(target, wide.mutate(w=wide.w.cast("int64")), schema)
        return {}
    engine.load("_large", {name: schema[name] for name in group}, large)
    marks = named("_large", {name: schema[name] for name in group})
    engine.create(
        target, wide.anti_join(marks, list(group)).mutate(w=ibis._.w.cast("int64")), schema
    )
    rows, shifts = _shift(engine, wide.semi_join(marks, list(group)), schema, group)
    engine.load("_shifted", schema, rows)
    engine.insert(target, named("_shifted", dict(schema)), schema)
    for name in ("_large", "_shifted"):
        engine.drop(name)
    return shifts


def _shift(
    engine: Engine, wide: ir.Table, schema: Schema, group: Sequence[str]
) -> tuple[list[tuple[Any, ...]], dict[Any, int]]:
    names = list(schema)
    key = itemgetter(*(names.index(name) for name in group))
    at = names.index("w")
    result: list[tuple[Any, ...]] = []
    shifts: dict[Any, int] = {}
    for mark, members in groupby(sorted(engine.rows(wide.select(*names)), key=key), key):
        rows = list(members)
        weights, shifts[mark] = scaled([int(row[at]) for row in rows])
        result += [(*row[:at], w, *row[at + 1 :]) for row, w in zip(rows, weights, strict=True)]
    return result, shifts
