"""The split kernel as engine expressions; ``core/split.py`` is the same act in plain Python.

The integer residual closes the sum, so an engine's rounding can never move the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from percapita.core import money
from percapita.core.split import ATOM_PLACES, LIMIT, quotient
from percapita.core.tables import MONEY, WIDE

ATOM = "decimal(13,12)"
"""Type of an atom's size: a BIGINT times it stays a decimal on every engine."""


class Atoms(NamedTuple):
    """An amount as whole atoms, as expressions."""

    places: ir.IntegerValue
    size: ir.DecimalValue
    count: ir.IntegerValue
    tail: ir.DecimalValue


def size_of(places: int) -> Decimal:
    """Return 10^-places."""
    return Decimal(1).scaleb(-places)


def atoms(amount: ir.DecimalValue) -> Atoms:
    """Cut an amount toward zero to whole atoms of the finest size that fits a BIGINT.

    The digits are taken from the text of the amount: decimal arithmetic would overflow or round.
    """
    magnitude = amount.abs()
    fits = [(magnitude < LIMIT // 10**places, places) for places in ATOM_PLACES]
    places = ibis.cases(*fits, else_=0).cast("int32")
    size = ibis.cases(
        *((places == p, ibis.literal(size_of(p), type=ATOM)) for p in ATOM_PLACES),
        else_=ibis.literal(Decimal(1), type=ATOM),
    )
    digits = magnitude.cast(MONEY).cast("string").replace(".", "")
    count = digits.left(digits.length() - (money.PLACES - places)).cast("int64")
    signed = ibis.ifelse(amount < 0, -count, count)
    return Atoms(places, size, signed, (amount - (signed * size).cast(MONEY)).cast(MONEY))


def rounded_part(
    count: ir.IntegerValue, weight: ir.IntegerValue, total: ir.IntegerValue
) -> ir.IntegerValue:
    """Return a weight's part of ``count`` atoms before the residual, with the sign of ``count``."""
    doubles = (number.cast("float64") for number in (count.abs(), weight, total))
    part = quotient(*doubles).floor().cast("int64")
    return ibis.ifelse(count < 0, -part, part)


def amount_of(part: ir.IntegerValue, size: ir.DecimalValue) -> ir.DecimalValue:
    """Return whole atoms as money."""
    return (part * size).cast(MONEY)


def split(rows: ir.Table, group: Sequence[str], amount: str, order: Sequence[str]) -> ir.Table:
    """Split each group's ``amount`` over its rows' ``w``; adds column ``part``, as money.

    ``amount`` is the same on every row of a group; ``w`` is above zero in at least one of them.
    Among rows of equal weight the residual goes to the first by ``order``.
    """
    cut = rows.mutate(**dict(zip(("_places", "_size", "_count", "_tail"), atoms(rows[amount]),
                                 strict=True)))  # fmt: skip
    whole = ibis.window(group_by=list(group))
    cut = cut.mutate(_total=cut.w.sum().over(whole))
    cut = cut.mutate(_part=rounded_part(cut["_count"], cut.w, cut["_total"]))
    ranked = ibis.window(
        group_by=list(group), order_by=[cut.w.desc(), *(cut[name].asc() for name in order)]
    )
    cut = cut.mutate(_rank=ibis.row_number().over(ranked), _sum=cut["_part"].sum().over(whole))
    # A sum of BIGINT is wider than BIGINT on some engines: name both types, so the cast is kept.
    residual = cut["_count"] - cut["_sum"].cast(WIDE).cast("int64")
    holds = cut["_rank"] == 0
    closed = ibis.ifelse(holds, cut["_part"] + residual, cut["_part"])
    tail = ibis.ifelse(holds, cut["_tail"], ibis.literal(Decimal(0), type=MONEY))
    part = (amount_of(closed, cut["_size"]) + tail).cast(MONEY)
    temporary = ("_places", "_size", "_count", "_tail", "_total", "_part", "_rank", "_sum")
    return cut.mutate(part=part).drop(*temporary)
