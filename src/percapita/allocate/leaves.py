"""Leaf groups split over the shares of a window, in the engine: the hot path of a run.

Each leaf's atoms and total weight are known here; the engine rounds every part, and one row of each
group, its holder, takes the integer residual and the tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.book import Group, Leaf, Receiver
from percapita.allocate.drivers import DIMENSIONS, RECEIVER, SHARES
from percapita.allocate.kernel import ATOM, amount_of, rounded_part, size_of
from percapita.core.split import shift_of
from percapita.core.tables import LEDGER, MONEY, ROLLUP, WIDE
from percapita.plugins import Engine, Sink, named

_LEAVES: Final = {
    "basis": "string", "group": "int64", "driver": "int32", "cell": "string", "count": "int64",
    "size": ATOM, "total": "int64", "shift": "int32",
}  # fmt: skip
_CUT: Final = {
    "basis": "string", "group": "int64", "subject": "int64", "slice": "int64",
    **dict.fromkeys(DIMENSIONS, "string"), "w": "int64", "part": "int64", "size": ATOM,
}  # fmt: skip
_CLOSING: Final = {"group": "int64", "residual": "int64", "tail": MONEY, "holder": "int64",
                   "in_slice": "int64", **{f"in_{d}": "string" for d in DIMENSIONS}}  # fmt: skip


def split_leaves(engine: Engine, sink: Sink, leaves: Sequence[Leaf], part: str) -> None:
    """Split the leaves over ``shares`` and write their ledger and roll-up rows as one file each.

    Fills in each group's total, shift, holder, residual and receivers.
    """
    live = [leaf for leaf in leaves if leaf.group.amount or leaf.group.gross]
    if not live:
        return
    _totals(engine, live)
    engine.load("leaves", _LEAVES, [_row(leaf) for leaf in live])
    engine.create("cut", _cut(), _CUT)
    closing = _close(engine, {leaf.group.number: leaf.group for leaf in live})
    engine.load("closing", _CLOSING, closing)
    ledger = _ledger()
    sink.write(LEDGER, ledger.order_by([ledger.basis, *(ledger[k] for k in RECEIVER)]), part)
    sink.write(ROLLUP, _rollup(), part)
    for name in ("leaves", "cut", "closing"):
        engine.drop(name)


def _row(leaf: Leaf) -> tuple[Any, ...]:
    group = leaf.group
    cut = group.atoms
    return (group.entry.basis, group.number, leaf.driver, leaf.cell, cut.whole, size_of(cut.places),
            group.total, group.shift)  # fmt: skip


def _totals(engine: Engine, leaves: Sequence[Leaf]) -> None:
    """Set each group's total weight, shifted under the limit where it must be."""
    rows = named("shares", SHARES)
    cells = {(d, c): int(w) for d, c, w in engine.rows(
        rows.group_by(["driver", "cell"]).agg(w=rows.w.sum()))}  # fmt: skip
    whole: dict[int, int] = {}
    for (driver, _), weight in cells.items():
        whole[driver] = whole.get(driver, 0) + weight
    for leaf in leaves:
        total = whole[leaf.driver] if leaf.cell is None else cells[leaf.driver, leaf.cell]
        leaf.group.shift = shift_of(total)
        leaf.group.total = total if not leaf.group.shift else _shifted_total(engine, leaf)


def _shifted_total(engine: Engine, leaf: Leaf) -> int:
    rows = named("shares", SHARES)
    rows = rows.filter(rows.driver == leaf.driver)
    if leaf.cell is not None:
        rows = rows.filter(rows.cell == leaf.cell)
    rows = rows.group_by(list(RECEIVER)).agg(w=rows.w.sum().cast(WIDE))
    return sum(max(int(row[0]) >> leaf.group.shift, 1) for row in engine.rows(rows.select("w")))


@cache
def _cut() -> ir.Table:
    rows, leaves = named("shares", SHARES), named("leaves", _LEAVES)
    asked = leaves.select(
        "basis", "group", "count", "size", "total", "shift", number=leaves.driver, at=leaves.cell
    )
    in_one = asked.filter(asked["at"].notnull())
    in_cell = rows.join(in_one, [rows.driver == in_one.number, rows.cell == in_one["at"]])
    columns = ("basis", "group", *RECEIVER, "w", "count", "size", "total", "shift")
    anywhere = asked.filter(asked["at"].isnull())
    summed = rows.semi_join(anywhere, rows.driver == anywhere.number)
    summed = summed.group_by(["driver", *RECEIVER]).agg(w=summed.w.sum())
    over_all = summed.join(anywhere, summed.driver == anywhere.number)
    cut = ibis.union(in_cell.select(*columns), over_all.select(*columns))
    weight = ibis.ifelse(cut.shift == 0, cut.w, ibis.greatest(cut.w >> cut.shift, 1))
    cut = cut.mutate(w=weight)
    cut = cut.mutate(part=rounded_part(cut["count"], cut.w, cut.total))
    return cut.select(*_CUT)


def _close(engine: Engine, groups: dict[int, Group]) -> list[tuple[Any, ...]]:
    """Find each group's holder and residual; return the rows of ``closing``."""
    rows = named("cut", _CUT)
    summed = rows.group_by("group").agg(part=rows.part.sum(), largest=rows.w.max(), n=rows.count())
    facts = {int(g): (int(p), int(w), int(n)) for g, p, w, n in engine.rows(summed)}
    most = summed.select("largest", in_group=summed.group)
    top = rows.join(most, [rows.group == most.in_group, rows.w == most.largest])
    first = top.group_by("group").agg(subject=top.subject.min())
    first = first.select(at_group=first.group, least=first.subject)
    held = top.join(first, [top.group == first.at_group, top.subject == first.least])
    holders: dict[int, Receiver] = {}
    for number, *who in engine.rows(held.select("group", *RECEIVER)):
        holder = Receiver(*who)
        before = holders.get(number)
        holders[number] = holder if before is None else min(before, holder, key=_order)
    return [_closing(groups[g], holders[g], *facts[g]) for g in sorted(facts)]


def _order(receiver: Receiver) -> tuple[Any, ...]:
    dims = ((d is not None, d or "") for d in receiver[2:])
    return (receiver.subject, receiver.slice, *dims)


def _closing(group: Group, holder: Receiver, part: int, _: int, rows: int) -> tuple[Any, ...]:
    cut = group.atoms
    group.holder, group.residual, group.receivers = holder, cut.whole - part, rows
    return (group.number, group.residual, cut.tail, *holder)


@cache
def _ledger() -> ir.Table:
    rows, closing = named("cut", _CUT), named("closing", _CLOSING)
    closing = closing.rename(its_group="group")
    joined = rows.join(closing, rows.group == closing.its_group)
    amount = amount_of(joined.part, joined["size"])
    closed = (amount_of(joined.part + joined.residual, joined["size"]) + joined.tail).cast(MONEY)
    return joined.mutate(amount=ibis.ifelse(is_holder(joined), closed, amount)).select(
        *(column.name for column in LEDGER.columns)
    )


def is_holder(rows: ir.Table) -> ir.BooleanValue:
    """Tell whether a row is its group's holder: ``holder``, ``in_slice``, ``in_feature`` …."""
    same = (rows.subject == rows.holder) & (rows.slice == rows.in_slice)
    for dimension in DIMENSIONS:
        same = same & rows[dimension].identical_to(rows[f"in_{dimension}"])
    return same


@cache
def _rollup() -> ir.Table:
    rows = _ledger()
    return rows.group_by(["basis", "group", "slice", *DIMENSIONS]).agg(
        w=rows.w.sum().cast(WIDE), amount=rows.amount.sum().cast(MONEY), receivers=rows.count()
    )
