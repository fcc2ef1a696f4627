"""Leaf groups split over the shares of a window, in the engine: the hot path of a run.

Each leaf's atoms and total weight are known here; the engine rounds every part, and one row of each
group, its holder, takes the integer residual and the tail.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import ibis
import ibis.expr.types as ir

from percapita.allocate.book import Group, Leaf, Receiver
from percapita.allocate.capacity import WHOLE, Totals
from percapita.allocate.cascade import with_whole
from percapita.allocate.drivers import DIMENSIONS, RECEIVER, SHARES, totals
from percapita.allocate.kernel import ATOM, amount_of, rounded_part, size_of
from percapita.allocate.usage import in_blocks
from percapita.core.split import shift_of, shifted
from percapita.core.tables import LEDGER, MONEY, ROLLUP, WIDE
from percapita.plugins import Engine, Schema, Sink, named

_LEAVES: Final = {
    "basis": "string", "group": "int64", "driver": "int32", "cell": "string", "count": "int64",
    "size": ATOM, "total": "int64", "shift": "int32", "largest": "int64",
}  # fmt: skip
_CLOSED: Final = {**_LEAVES, "residual": "int64", "tail": MONEY, "holder": "int64",
                  "in_slice": "int64", **{f"in_{d}": "string" for d in DIMENSIONS}}  # fmt: skip
_SUMS: Final = {
    "group": "int64", "slice": "int64", **dict.fromkeys(DIMENSIONS, "string"), "w": WIDE,
    "part": "int64", "receivers": "int64", "first": "int64",
}  # fmt: skip
"""Parts before the residual, summed over subjects. ``first`` is the smallest subject with the
group's largest weight, null where none has it."""


class _Form(NamedTuple):
    """What the statements of a window can leave out."""

    basis: str | None
    """The one basis of all leaves, if there is one."""
    dims: tuple[str, ...]
    """Dimensions that the model asks for."""
    cells: bool
    """Some leaf splits one of several cells."""
    merged: bool
    """Some leaf splits over all cells."""
    ordered: bool
    """``shares`` is in blocks of subjects, and nothing but a row by row look-up is done to it."""


def split_leaves(
    engine: Engine,
    sink: Sink,
    leaves: Sequence[Leaf],
    part: str,
    *,
    dims: Collection[str],
    ordered: bool = False,
    known: Totals | None = None,
) -> None:
    """Split the leaves over ``shares`` and write their ledger and roll-up rows as one file each.

    Fills in each group's total, shift, holder, residual and receivers.

    Args:
        engine: has the table ``shares``.
        sink: takes the rows.
        leaves: what is split.
        part: name of the files.
        dims: the dimensions that the model asks for.
        ordered: ``shares`` is in blocks of subjects.
        known: the totals of ``shares``, where they were asked for already.
    """
    # Parts that cancel out are split too: each line can be followed. Nothing at all is not.
    live = [leaf for leaf in leaves if leaf.group.moves]
    if not live:
        return
    form = _form(live, tuple(d for d in DIMENSIONS if d in dims), ordered=ordered)
    rows = _weighed(engine, live, known or {})
    engine.load("leaves", _LEAVES, rows)
    engine.create("sums", _sums(form), _SUMS)
    closing = _close(engine, {leaf.group.number: leaf.group for leaf in live})
    engine.load("closed", _CLOSED, [(*row, *closing[row[1]]) for row in rows])
    sink.write(LEDGER, _ledger(form), part)
    sink.write(ROLLUP, _rollup(), part)
    for name in ("leaves", "sums", "closed"):
        engine.drop(name)


def _form(leaves: Sequence[Leaf], dims: tuple[str, ...], *, ordered: bool) -> _Form:
    bases = {leaf.group.entry.basis for leaf in leaves}
    merged = any(leaf.cell is None for leaf in leaves)
    return _Form(
        bases.pop() if len(bases) == 1 else None,
        dims,
        cells=any(leaf.cell for leaf in leaves),
        merged=merged,
        ordered=ordered and not merged,
    )


def _weighed(engine: Engine, leaves: Sequence[Leaf], known: Totals) -> list[tuple[Any, ...]]:
    """Set each group's total weight, shifted under the limit where it must be; return its row."""
    if not all((leaf.driver, leaf.cell or WHOLE) in known for leaf in leaves):
        known = with_whole(totals(engine))
    over_all = _largest_over_all(engine, {leaf.driver for leaf in leaves if leaf.cell is None})
    rows = []
    for leaf in leaves:
        group, weights = leaf.group, known[leaf.driver, leaf.cell or WHOLE]
        largest = over_all[leaf.driver] if leaf.cell is None else weights.largest
        group.shift = shift_of(weights.sum)
        group.total = weights.sum if not group.shift else _shifted_total(engine, leaf)
        group.largest = shifted(largest, group.shift)
        places, count, _ = group.atoms
        rows.append(
            (group.entry.basis, group.number, leaf.driver, leaf.cell, count, size_of(places),
             group.total, group.shift, group.largest)
        )  # fmt: skip
    return rows


def _largest_over_all(engine: Engine, drivers: Collection[int]) -> dict[int, int]:
    """Return the largest weight that a receiver has over all cells of a driver."""
    if not drivers:
        return {}
    rows = named("shares", SHARES)
    rows = rows.filter(rows.driver.isin(sorted(drivers)))
    summed = rows.group_by(["driver", *RECEIVER]).agg(w=rows.w.sum())
    largest = summed.group_by("driver").agg(w=summed.w.max())
    return {driver: int(weight) for driver, weight in engine.rows(largest)}


def _shifted_total(engine: Engine, leaf: Leaf) -> int:
    rows = named("shares", SHARES)
    rows = rows.filter(rows.driver == leaf.driver)
    if leaf.cell is not None:
        rows = rows.filter(rows.cell == leaf.cell)
    rows = rows.group_by(list(RECEIVER)).agg(w=rows.w.sum().cast(WIDE))
    return sum(max(int(row[0]) >> leaf.group.shift, 1) for row in engine.rows(rows.select("w")))


def _cut(form: _Form, name: str, schema: Schema) -> ir.Table:
    """Return every part before the residual, with all that its leaf in the table ``name`` knows."""
    rows, leaves = named("shares", SHARES), named(name, schema)
    asked = leaves.rename(number="driver", at="cell")
    # Where no leaf has a cell, its driver has none either.
    in_one = asked.filter(asked["at"].notnull()) if form.merged else asked
    same = [rows.driver == in_one.number]
    if form.cells:
        same.append(rows.cell == in_one["at"])
    columns = [c for c in schema if c not in ("driver", "cell")]
    receiver = ("subject", "slice", *form.dims)
    cut = rows.join(in_one, same).select(*receiver, "w", *columns)
    if form.merged:
        anywhere = asked.filter(asked["at"].isnull())
        summed = rows.semi_join(anywhere, rows.driver == anywhere.number)
        summed = summed.group_by(["driver", *receiver]).agg(w=summed.w.sum())
        over_all = summed.join(anywhere, summed.driver == anywhere.number)
        cut = ibis.union(cut, over_all.select(*receiver, "w", *columns))
    weight = ibis.ifelse(cut.shift == 0, cut.w, ibis.greatest(cut.w >> cut.shift, 1))
    cut = cut.mutate(w=weight)
    return cut.mutate(part=rounded_part(cut["count"], cut.w, cut.total))


def _with_dims(rows: ir.Table, form: _Form) -> ir.Table:
    missing = [d for d in DIMENSIONS if d not in form.dims]
    return rows.mutate(**{d: ibis.null("string") for d in missing})


@cache
def _sums(form: _Form) -> ir.Table:
    rows = _cut(form, "leaves", _LEAVES)
    summed = rows.group_by(["group", "slice", *form.dims]).agg(
        w=rows.w.sum(), part=rows.part.sum(), receivers=rows.count(),
        first=rows.subject.min(where=rows.w == rows.largest),
    )  # fmt: skip
    return _with_dims(summed, form)


def _close(engine: Engine, groups: Mapping[int, Group]) -> dict[int, tuple[Any, ...]]:
    """Find each group's holder and residual; return the columns that ``closed`` adds."""
    holders: dict[int, Receiver] = {}
    for number, *who in engine.rows(_firsts()):
        holder = Receiver(*who)
        before = holders.get(number)
        holders[number] = holder if before is None else min(before, holder, key=_order)
    return {
        number: _closing(
            groups[number], holders[number], int(part), int(receivers), int(known or 0)
        )
        for number, part, receivers, known in engine.rows(_facts())
    }


@cache
def _facts() -> ir.Table:
    rows = named("sums", _SUMS)
    # Named receivers have slices of their own, below zero.
    subjects = rows.receivers.sum(where=rows.slice >= 0).fill_null(0)
    return rows.group_by("group").agg(
        part=rows.part.sum(), receivers=rows.receivers.sum(), subjects=subjects
    )


@cache
def _firsts() -> ir.Table:
    """Return the first subject of each group, in every slice where it has the largest weight."""
    rows = named("sums", _SUMS)
    first = rows.group_by("group").agg(least=rows["first"].min())
    first = first.select("least", in_group=first.group)
    held = rows.join(first, [rows.group == first.in_group, rows["first"] == first.least])
    return held.select("group", subject="first", slice="slice", **{d: d for d in DIMENSIONS})


def _order(receiver: Receiver) -> tuple[Any, ...]:
    dims = ((d is not None, d or "") for d in receiver[2:])
    return (receiver.subject, receiver.slice, *dims)


def _closing(
    group: Group, holder: Receiver, part: int, rows: int, subjects: int
) -> tuple[Any, ...]:
    cut = group.atoms
    group.subjects = subjects
    group.holder, group.residual, group.receivers = holder, cut.whole - part, rows
    return (group.residual, cut.tail, *holder)


@cache
def _ledger(form: _Form) -> ir.Table:
    rows = _cut(form, "closed", _CLOSED)
    amount = amount_of(rows.part, rows["size"])
    closed = (amount_of(rows.part + rows.residual, rows["size"]) + rows.tail).cast(MONEY)
    rows = rows.mutate(amount=ibis.ifelse(is_holder(rows, form.dims), closed, amount))
    known = [] if form.basis else ["basis"]
    # What is the same in every row need not be sorted with it.
    rows = rows.select(*known, "group", "subject", "slice", *form.dims, "w", "amount")
    if not form.ordered:
        rows = rows.order_by(in_blocks(rows.subject))
    rows = _with_dims(rows, form)
    if form.basis:
        rows = rows.mutate(basis=ibis.literal(form.basis))
    return rows.select(*(column.name for column in LEDGER.columns))


def is_holder(rows: ir.Table, dims: Sequence[str] = DIMENSIONS) -> ir.BooleanValue:
    """Tell whether a row is its group's holder: ``holder``, ``in_slice``, ``in_feature`` …."""
    same = (rows.subject == rows.holder) & (rows.slice == rows.in_slice)
    for dimension in dims:
        same = same & rows[dimension].identical_to(rows[f"in_{dimension}"])
    return same


@cache
def _rollup() -> ir.Table:
    rows = named("sums", _SUMS)
    closed = named("closed", _CLOSED).rename(its_group="group").drop("cell")
    rows = rows.join(closed, rows.group == closed.its_group)
    same = rows.slice == rows.in_slice
    for dimension in DIMENSIONS:
        same = same & rows[dimension].identical_to(rows[f"in_{dimension}"])
    amount = amount_of(rows.part, rows["size"])
    held = (amount_of(rows.part + rows.residual, rows["size"]) + rows.tail).cast(MONEY)
    return rows.mutate(amount=ibis.ifelse(same, held, amount)).select(
        *(column.name for column in ROLLUP.columns)
    )
