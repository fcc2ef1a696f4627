"""Which cells of a pool an estimate falls on: by what is there now, else as the bill last said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from typing import Final

import ibis

from percapita.allocate.pools import json_list
from percapita.allocate.usage import KEYS
from percapita.core.money import ZERO
from percapita.core.split import split
from percapita.core.tables import READINGS
from percapita.model.match import reads
from percapita.model.spec import Driver, Model, Pool
from percapita.plugins import Engine, stored
from percapita.reconcile.estimate.ways import ways
from percapita.store.read.live import Piece

_EXACT: Final = Context(prec=60)
_NANO: Final = 9

Weights = Mapping[str, int]
"""A cell's weight in its pool, above zero."""


def billed(pieces: Sequence[Piece]) -> dict[str, dict[str, Decimal]]:
    """Return what each cell of each pool had."""
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for piece in pieces:
        found[piece.pool][piece.cell] += piece.amount
    return {pool: dict(cells) for pool, cells in found.items()}


def measured(model: Model, pool: Pool) -> Driver | None:
    """Return the one meter that tells a pool's cells apart, if it has such."""
    first = ways(model, pool.name)[0]
    if len(first.terms) != 1 or not pool.within or not set(pool.within) <= set(KEYS):
        return None
    return first.terms[0][0]


def units(
    engine: Engine, pool: Pool, driver: Driver, table: str, first: datetime, last: datetime
) -> dict[str, int]:
    """Return the units of each cell between two instants; readings by the month say nothing."""
    rows = stored(READINGS, table)
    begins, ends = (ibis.literal(at, type="timestamp('UTC', 6)") for at in (first, last))
    rows = rows.filter(
        reads(rows, driver), rows.time >= begins, rows.time < ends, rows.grain != "month"
    )
    cell = json_list([rows[column] for column in pool.within])
    summed = rows.group_by(cell=cell).agg(units=rows.quantity.sum())
    return {str(name): int(found) for name, found in engine.rows(summed) if found and found > 0}


def by_now(now: Mapping[str, int], past: Mapping[str, int], had: Mapping[str, Decimal]) -> Weights:
    """Weigh cells by their units of now at the price they last had; new ones at the pool's."""
    priced = {cell: amount / past[cell] for cell, amount in had.items() if past.get(cell)}
    known = sum((had[cell] for cell in priced), ZERO)
    usual = known / sum(past[cell] for cell in priced) if known > 0 else Decimal(1)
    return _weights({cell: units * priced.get(cell, usual) for cell, units in now.items()})


def as_billed(had: Mapping[str, Decimal]) -> Weights:
    """Weigh cells by what they had."""
    return _weights(had)


def _weights(amounts: Mapping[str, Decimal]) -> Weights:
    found = {cell: int(_EXACT.scaleb(amount, _NANO)) for cell, amount in amounts.items()}
    return {cell: w for cell, w in sorted(found.items()) if w > 0}


def divided(amount: Decimal, weights: Weights) -> dict[str, Decimal]:
    """Divide an amount over cells, exactly; all of it on the pool where none is known."""
    if not weights:
        return {"": amount}
    return dict(zip(weights, split(amount, list(weights.values())), strict=True))
