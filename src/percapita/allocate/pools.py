"""Lines into pools: each line belongs to the first pool whose ``match`` it fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.core.tables import COSTS, LINES, MONEY, ORIGINALS, key_column
from percapita.model.match import holds
from percapita.model.spec import Match, Model, Pool
from percapita.model.words import extra_keys
from percapita.plugins import named

UNALLOCATED: Final = "unallocated"
ROUNDING: Final = "rounding"
CREDITS: Final = "credits"
IMPLICIT: Final = (UNALLOCATED, ROUNDING, CREDITS)
"""Pools every model has: what no rule takes, what rounding left, credits with nothing to follow."""

ROUNDING_MARK: Final = "rounding"
ROUNDING_KEY: Final = "percapita"

POOLED: Final = {
    "LineId": "string",
    "basis": "string",
    "pool": "string",
    "cell": "string",
    "amount": MONEY,
    "positive": "bool",
    "credit": "bool",
    "charge": "bool",
    "measure": MONEY,
    "start": "timestamp",
    "end": "timestamp",
    "billing_start": "timestamp",
    "billing_end": "timestamp",
    "source": "string",
    "file": "string",
    "row": "int64",
    "commitment": "string",
    "resource": "string",
    "sku": "string",
    "subaccount": "string",
    "service": "string",
    "account": "string",
}
"""A line in its pool. ``measure`` is its cost in the model's basis, which all weights are taken
from; ``positive`` says that it is above zero; ``cell`` is a JSON list of the pool's cell values."""


def originals(model: Model) -> bool:
    """Tell whether the model asks what lines were converted from."""
    return any(column.removeprefix("x_") in ORIGINALS for column in _wanted(model))


def lines_of(model: Model, name: str) -> ir.Table:
    """Return a table of lines, with what they were converted from if the model asks for it."""
    more = [*(ORIGINALS if originals(model) else ()), *map(key_column, keys(model))]
    own = {column.name: column.type for column in LINES.columns}
    return named(name, own | dict.fromkeys(more, "string"))


def keys(model: Model) -> list[str]:
    """Return the keys of ``Extra`` that pools ask for; lines have a column of each."""
    return extra_keys([f"x_{ROUNDING_KEY}", *_wanted(model)])


def pooled(model: Model, bases: Sequence[str], lines_name: str = "lines") -> ir.Table:
    """Return every line of a table in its pool, once per basis that has an amount."""
    lines = lines_of(model, lines_name)
    wanted = _wanted(model)
    # Map look-ups are written once, not once per pool.
    lines = lines.mutate(**{name: value(lines, column) for column, name in wanted.items()})
    taken = [(fits(lines, pool.match, wanted), pool) for pool in model.pools]
    rounding = value(lines, f"x_{ROUNDING_KEY}").fill_null("") == ROUNDING_MARK
    pool = ibis.cases(
        (rounding, ROUNDING), *((fit, pool.name) for fit, pool in taken), else_=UNALLOCATED
    )
    lines = lines.mutate(pool=pool)
    cells = [
        (lines.pool == p.name, json_list([lines[wanted[c]] for c in columns(p)]))
        for p in model.pools
        if columns(p)
    ]
    cell = ibis.cases(*cells, else_="") if cells else ibis.literal("")
    measure = lines[COSTS[model.basis]]
    gross = lines.ChargeCategory.isin(["Usage", "Purchase"])
    correction = (lines.ChargeClass == "Correction").fill_null(False)
    lines = lines.mutate(
        cell=cell,
        measure=measure,
        positive=(measure > 0).fill_null(False),
        credit=((lines.ChargeCategory == "Credit") | (correction & (measure < 0))).fill_null(False),
        charge=(gross & ~correction & (measure > 0)).fill_null(False),
    )
    return ibis.union(*(_in_basis(lines, basis) for basis in bases))


def _in_basis(lines: ir.Table, basis: str) -> ir.Table:
    amount = lines[COSTS[basis]]
    return lines.filter(amount.notnull()).select(
        "LineId", "pool", "cell", "positive", "credit", "charge", "measure", "source", "file",
        "row",
        basis=ibis.literal(basis),
        amount=amount,
        start=lines.ChargePeriodStart,
        end=lines.ChargePeriodEnd,
        billing_start=lines.BillingPeriodStart,
        billing_end=lines.BillingPeriodEnd,
        commitment=lines.CommitmentDiscountId,
        resource=lines.ResourceId,
        sku=lines.SkuId,
        subaccount=lines.SubAccountId,
        service=lines.ServiceName,
        account=lines.BillingAccountId,
    )  # fmt: skip


def columns(pool: Pool) -> list[str]:
    """Return the line columns whose values make the pool's cells."""
    if pool.direct is not None:
        return [pool.direct.column]
    return list(pool.within.values())


def value(lines: ir.Table, column: str) -> ir.StringValue:
    """Return a line's value of a model column: a FOCUS name, ``tags.KEY`` or ``x_NAME``."""
    if column.startswith("tags."):
        found = lines.Tags.get(column.removeprefix("tags."))
    elif column in lines.columns:
        found = lines[column].cast("string")
    elif column.removeprefix("x_") in ORIGINALS:
        found = lines[column.removeprefix("x_")]
    else:
        found = _key(lines, column).coalesce(_key(lines, column.removeprefix("x_")))
    return found.nullif("")


def _key(lines: ir.Table, key: str) -> ir.StringValue:
    name = key_column(key)
    found: ir.StringValue = lines[name] if name in lines.columns else lines.Extra.get(key)
    return found


def json_list(values: Sequence[ir.StringValue]) -> ir.StringValue:
    """Return values as the JSON list that names a cell; a missing value is ``null``, a cell too."""
    return ibis.literal("[").concat(ibis.literal(",").join([_json(v) for v in values]), "]")


def _json(text: ir.StringValue) -> ir.StringValue:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return ibis.literal('"').concat(quoted, '"').fill_null("null")


def fits(lines: ir.Table, match: Match, wanted: dict[str, str]) -> ir.BooleanValue:
    """Tell whether a line fits every condition of a match."""
    verdict: ir.BooleanValue = ibis.literal(True)
    for column, condition in match.columns.items():
        verdict = verdict & holds(lines[wanted[column]], condition)
    return verdict


def _wanted(model: Model) -> dict[str, str]:
    names: dict[str, str] = {}
    for pool in model.pools:
        for column in (*pool.match.columns, *columns(pool)):
            names.setdefault(column, f"_column{len(names)}")
    return names
