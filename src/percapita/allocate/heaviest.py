"""The heaviest line parts of each group, listed when they are made: readers skip the rest.

Whoever explains a figure names a few of its lines, and a bill has millions. All lines of a group
are shared alike, so the heaviest of any figure are among the heaviest of its groups: if each has
its one part there. Lines with several parts, over days or behind charges, add up over groups: as
far as a group has few, all of them are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.explain import LISTED
from percapita.core.tables import HEAVIEST, MONEY, PARTS
from percapita.plugins import Engine, named, stored

_LISTED_OF_SEVERAL: Final = 1024
"""Other parts listed of each group."""
_GROUP: Final = ("basis", "group")
_SCHEMA: Final = {column.name: column.type for column in HEAVIEST.columns}
_BOUNDS: Final = {
    "its_basis": "string", "its_group": "int64", "all_amount": MONEY, "all_parts": "int64",
    "least": MONEY,
}  # fmt: skip

if TYPE_CHECKING:

    def _largest(values: ir.Value, count: int) -> ir.ArrayValue: ...

else:

    @ibis.udf.agg.builtin(name="max")
    def _largest(values: ibis.dtype(MONEY), count: int) -> ibis.dtype(f"array<{MONEY}>"):
        """Return so many of the largest values."""


def heaviest(engine: Engine, alone: str, several: ir.Table) -> ir.Table:
    """Return the rows of the table ``heaviest``, from the parts of the same run and period.

    Args:
        engine: makes working tables.
        alone: name of the parts (``PARTS``) that are all of their line.
        several: the parts of lines that have several.
    """
    kinds = (("alone", stored(PARTS, alone), LISTED), ("several", several, _LISTED_OF_SEVERAL))
    return ibis.union(*(_kind(engine, *kind) for kind in kinds))


def _kind(engine: Engine, kind: str, rows: ir.Table, most: int) -> ir.Table:
    """List one kind of parts, and sum those that are not listed."""
    engine.create(f"bounds_{kind}", _bounds(rows, most), _BOUNDS)
    bounds, alone = named(f"bounds_{kind}", _BOUNDS), ibis.literal(kind == "alone")
    engine.create(f"listed_{kind}", _listed(rows, bounds, most, alone), _SCHEMA)
    listed = named(f"listed_{kind}", _SCHEMA)
    return ibis.union(listed, _others(listed, bounds))


def _bounds(rows: ir.Table, most: int) -> ir.Table:
    """Return what each group sums to, and the least amount that may be listed."""
    summed = rows.group_by(_GROUP).agg(
        all_amount=rows.amount.sum().cast(MONEY), all_parts=rows.count(),
        most=_largest(rows.amount.abs(), most),
    )  # fmt: skip
    return summed.mutate(least=summed.most.mins()).select(
        "all_amount", "all_parts", "least", its_basis="basis", its_group="group"
    )


def _listed(rows: ir.Table, bounds: ir.Table, most: int, alone: ir.Value) -> ir.Table:
    """Return the heaviest; only those that may be are put in order."""
    met = [rows.basis == bounds.its_basis, rows.group == bounds.its_group]
    near = rows.join(bounds, met)
    near = near.filter(near.amount.abs() >= near.least)
    order = [near.amount.abs().desc(), near.LineId, near.follows, near.start]
    ranked = near.mutate(
        place=ibis.row_number().over(group_by=_GROUP, order_by=order), alone=alone,
        parts=ibis.literal(1),
    )  # fmt: skip
    return ranked.filter(ranked.place < most).select(*_SCHEMA)


def _others(listed: ir.Table, bounds: ir.Table) -> ir.Table:
    """Return a row of what each group has beside the listed parts: their sum and their number."""
    summed = listed.group_by(*_GROUP, "alone").agg(amount=listed.amount.sum(), parts=listed.count())
    both = summed.join(bounds, [summed.basis == bounds.its_basis, summed.group == bounds.its_group])
    rest = both.filter(both.all_parts > both.parts)
    return rest.mutate(
        amount=(rest.all_amount - rest.amount).cast(MONEY), parts=rest.all_parts - rest.parts,
        LineId=ibis.null("string"), follows=ibis.null("string"),
        start=ibis.null("timestamp('UTC', 6)"),
    ).select(*_SCHEMA)  # fmt: skip
