"""Overhead: pools without a driver of their own, weighed by what everything else has cost."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.book import CUTS, Book, Group
from percapita.allocate.drivers import DIMENSIONS, RECEIVER, SHARES
from percapita.allocate.kernel import ATOM, amount_of, rounded_part, size_of
from percapita.allocate.leaves import is_holder
from percapita.allocate.weights import fitted, nano
from percapita.core.split import atoms
from percapita.core.subjects import CLASS_OF_KIND
from percapita.core.tables import LEDGER, MONEY, SLICES, WIDE
from percapita.plugins import Engine, Sink, named, stored

_GROSS: Final = {
    "group": "int64", "count": "int64", "size": ATOM, "tail": MONEY, "total": "int64",
    "same": "bool", "holder": "int64", "in_slice": "int64",
    **{f"in_{d}": "string" for d in DIMENSIONS},
}  # fmt: skip
_ROWS: Final = {"group": "int64", **{c: SHARES[c] for c in RECEIVER}, "w": "int64",
                "amount": MONEY, "part": "int64"}  # fmt: skip
_COSTS: Final = {**{c: SHARES[c] for c in RECEIVER}, "amount": MONEY}


def weigh_by_cost(
    engine: Engine,
    sink: Sink,
    book: Book,
    *,
    basis: str,
    pools: Collection[str],
    allocated_only: bool,
    driver: int,
) -> int | None:
    """Make ``shares`` of one driver from what the pools gave each receiver, gross.

    Gross is what a group's positive lines alone would have given: the same split of its gross
    amount. Returns the shift of the weights; ``None`` where nobody has any.
    """
    fixed = {id(given.group) for given in book.fixed}
    leaves = [
        g for g in book.groups
        if g.entry.basis == basis and g.entry.pool in pools and g.gross > 0 and g.total
        and id(g) not in fixed and g.method not in CUTS
    ]  # fmt: skip
    given = [
        (*f.receiver, f.gross)
        for f in book.fixed
        if f.group.entry.basis == basis and f.group.entry.pool in pools and f.gross > 0
    ]
    engine.load("gross", _GROSS, [_row(g) for g in leaves])
    engine.create("gross_rows", _rows(sink.written(LEDGER)), _ROWS)
    engine.create("costs", _costs(), _COSTS)
    engine.load("fixed_costs", _COSTS, given)
    engine.insert("costs", named("fixed_costs", _COSTS), _COSTS)
    weights = _weights(allocated_only=allocated_only, driver=driver)
    engine.create("weighed", weights, {**SHARES, "w": WIDE})
    shifts = fitted(engine, "weighed", "shares", SHARES, ["driver"])
    for name in ("gross", "gross_rows", "costs", "fixed_costs", "weighed"):
        engine.drop(name)
    return shifts.get(driver, 0) if engine.rows(named("shares", SHARES).limit(1)) else None


def _row(group: Group) -> tuple[Any, ...]:
    cut = atoms(group.gross)
    holder = group.holder or (0, 0, None, None, None)
    same = group.gross == group.amount
    return (group.number, cut.whole, size_of(cut.places), cut.tail, group.total, same, *holder)


def _rows(ledger: str) -> ir.Table:
    rows, gross = stored(LEDGER, ledger), named("gross", _GROSS).rename(its_group="group")
    joined = rows.join(gross, rows.group == gross.its_group)
    part = rounded_part(joined["count"], joined.w, joined.total)
    return joined.mutate(part=ibis.ifelse(joined.same, 0, part)).select(*_ROWS)


def _costs() -> ir.Table:
    """Return each row's gross: its amount, or the same split of the gross amount anew."""
    rows, gross = named("gross_rows", _ROWS), named("gross", _GROSS).rename(its_group="group")
    sums = rows.group_by("group").agg(parts=rows.part.sum().cast(WIDE).cast("int64"))
    sums = sums.rename(sum_group="group")
    gross = gross.join(sums, gross.its_group == sums.sum_group)
    joined = rows.join(gross, rows.group == gross.its_group)
    holds = is_holder(joined)
    residual = ibis.ifelse(holds, joined["count"] - joined.parts, 0)
    tail = ibis.ifelse(holds, joined.tail, ibis.literal(Decimal(0), type=MONEY))
    anew = (amount_of(joined.part + residual, joined["size"]) + tail).cast(MONEY)
    cost = ibis.ifelse(joined.same, joined.amount, anew).cast(MONEY)
    joined = joined.mutate(cost=cost)
    return joined.group_by(list(RECEIVER)).agg(amount=joined.cost.sum().cast(MONEY))


def _weights(*, allocated_only: bool, driver: int) -> ir.Table:
    rows = named("costs", _COSTS)
    if allocated_only:
        kinds = stored(SLICES)
        apart = kinds.filter(kinds.kind.isin(list(CLASS_OF_KIND))).select(number=kinds.slice)
        rows = rows.anti_join(apart, rows.slice == apart.number)
    summed = rows.group_by(list(RECEIVER)).agg(amount=rows.amount.sum().cast(MONEY))
    summed = summed.filter(summed.amount > 0)
    weighed = summed.mutate(
        driver=ibis.literal(driver, type="int32"), cell=ibis.literal(""), w=nano(summed.amount)
    )
    return weighed.filter(weighed.w > 0).select(*SHARES)
