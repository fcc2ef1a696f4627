"""How unsure it is whose an estimate is, where the readings that split it are sampled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from percapita.attribute.sampling import DEVIATIONS, Measured, Summed, measured, share
from percapita.core.subjects import CLASS_OF_KIND
from percapita.model.spec import Driver, Model
from percapita.store.engine import Engine
from percapita.store.read import live as read_live

_EXACT: Final = Context(prec=40)

Receiver = tuple[str | None, str | None]
"""Class of nobody in particular, or ``None`` and the value of the question."""
Spreads = Mapping[str, Mapping[Receiver, Decimal]]
"""Pool to the half-width of each receiver's share of it."""


def spreads(
    engine: Engine, model: Model, column: str, first: datetime, last: datetime,
    sampled: Collection[str],
) -> Spreads:  # fmt: skip
    """Return the half-widths of shares between two instants, for pools split by sampled meters.

    Args:
        engine: has ``readings``, ``intervals`` and ``slices``.
        model: the cost model.
        column: SQL of what rows are told apart by.
        first: from when on.
        last: exclusive.
        sampled: meters of which some signals were sampled.
    """
    pools = {pool.name: meter for pool in model.pools if (meter := _split_by(pool.by)) in sampled}
    if not pools:
        return {}
    found = read_live.thresholds(engine, column, first, last, sorted(set(pools.values())))
    by_meter = {meter: _of_meter(found, meter) for meter in set(pools.values())}
    return {pool: by_meter[meter] for pool, meter in pools.items()}


def _split_by(by: object) -> str:
    """Return the meter of a pool that one plain driver splits."""
    return by.meter if isinstance(by, Driver) and not by.where else ""


def _of_meter(rows: Iterable[read_live.Kept], meter: str) -> dict[Receiver, Decimal]:
    parts: dict[Receiver, list[Summed]] = defaultdict(list)
    for row in rows:
        if row.meter == meter:
            named = CLASS_OF_KIND.get(row.kind)
            receiver = (named, None) if named else (None, row.key)
            parts[receiver].append(Summed(row.threshold, row.signals, row.quantity, row.squares))
    whole = measured(one for rows in parts.values() for one in rows)
    return {receiver: _half(measured(its), whole) for receiver, its in parts.items()}


def _half(own: Measured, whole: Measured) -> Decimal:
    """Return the half-width of a share; all of it where too few traces were kept to tell."""
    if not own.enough:
        return Decimal(1)
    _, variance = share(own, whole)
    return _EXACT.multiply(DEVIATIONS, _EXACT.sqrt(_decimal(variance)))


def _decimal(number: Fraction) -> Decimal:
    return _EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))


def some(told: Iterable[tuple[str, int, int, int]]) -> list[str]:
    """Return the meters of which some signals were sampled, of ``read_live.sampling``."""
    return [meter for meter, _, sampled, _ in told if sampled]
