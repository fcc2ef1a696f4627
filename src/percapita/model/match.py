"""What a condition of the model means, as an engine expression."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from percapita.model.spec import Condition, Driver
from percapita.model.words import wildcard


def holds(text: ir.StringValue, condition: Condition) -> ir.BooleanValue:
    """Tell whether a value fits a condition; a null fits ``absent`` alone."""
    if condition.present is not None:
        return text.notnull() if condition.present else text.isnull()
    plain = [v for v in condition.values if not set("*?") & set(v)]
    patterns = [v for v in condition.values if set("*?") & set(v)]
    verdict: ir.BooleanValue = text.isin(plain) if plain else ibis.literal(False)
    for pattern in patterns:
        verdict = verdict | text.re_search(wildcard(pattern))
    return verdict.fill_null(False)


def where(rows: ir.Table, conditions: Mapping[str, Condition]) -> ir.BooleanValue:
    """Tell whether a row fits every condition on its columns."""
    verdict: ir.BooleanValue = ibis.literal(True)
    for column, condition in conditions.items():
        verdict = verdict & holds(rows[column], condition)
    return verdict


def reads(rows: ir.Table, driver: Driver) -> ir.BooleanValue:
    """Tell whether a reading counts for a driver."""
    return (rows.meter == driver.meter) & where(rows, driver.where)
