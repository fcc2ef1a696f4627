"""In which base unit each meter is kept: one for all sources, or its sums would mean nothing."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError
from percapita.store.catalog.tables import IMPORTS, METERS


class OtherUnitError(InputError):
    """Two sources measure one meter in units that cannot be summed."""

    def __init__(self, meter: str, source: str, base: str, other: str, others: str) -> None:
        super().__init__(
            f"Source {source!r} measures {meter!r} in {_named(base)}, source {other!r} in"
            f" {_named(others)}.",
            hint="Say unit: in percapita.yaml where one is missing, or call one of the meters"
            " otherwise.",
        )


def record(connection: Connection, import_id: str, source: str, bases: Mapping[str, str]) -> None:
    """Remember the base unit of each meter of a delivery.

    Raises:
        OtherUnitError: another live delivery keeps one of them in another unit.
    """
    if not bases:
        return
    known = (
        sa.select(METERS.c.meter, METERS.c.base, IMPORTS.c.source)
        .join(IMPORTS, IMPORTS.c.id == METERS.c.import_id)
        .where(IMPORTS.c.state == "live", METERS.c.import_id != import_id)
        .order_by(METERS.c.meter, IMPORTS.c.seq)
    )
    for meter, base, other in connection.execute(known):
        if bases.get(meter, base) != base:
            raise OtherUnitError(meter, source, bases[meter], other, base)
    rows = [{"import_id": import_id, "meter": m, "base": base} for m, base in bases.items()]
    connection.execute(sa.insert(METERS), rows)


def bases(connection: Connection) -> dict[str, str]:
    """Return meter to base unit, of the deliveries that are live."""
    wanted = (
        sa.select(METERS.c.meter, METERS.c.base)
        .join(IMPORTS, IMPORTS.c.id == METERS.c.import_id)
        .where(IMPORTS.c.state == "live")
    )
    return {row.meter: row.base for row in connection.execute(wanted)}


def _named(base: str) -> str:
    return f"{base}s" if base else "plain counts"
