"""What a run shows by itself: small sums over its tables, judged by ``measure/signals.py``."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from percapita.allocate.cascade import Cascade
from percapita.core.money import ZERO
from percapita.core.subjects import NOBODY
from percapita.measure import signals
from percapita.measure.signals import Finding
from percapita.model.spec import Model
from percapita.store import Store
from percapita.store.engine import literal
from percapita.store.people import people

_METERS: Final = """
    SELECT meter, sum(quantity), sum(quantity) FILTER (subject > 0) FROM readings
    WHERE period = ? AND meter IN (SELECT DISTINCT driver FROM groups WHERE method = 'driver')
    GROUP BY meter ORDER BY meter
"""
_POOLS: Final = """
    SELECT g.pool, sum(r.amount), sum(r.amount) FILTER (s.kind = 'anonymous')
    FROM rollup r JOIN groups g USING ("group") JOIN slices s ON s.slice = r.slice
    WHERE g.basis = ? AND r.basis = ? GROUP BY g.pool HAVING sum(r.amount) > 0 ORDER BY g.pool
"""
_LEVELS: Final = """
    SELECT pool, level, count(*), sum(amount) FROM groups
    WHERE basis = ? AND level <> 'own' AND method IN ('driver', 'direct', 'through', 'overhead')
    GROUP BY pool, level ORDER BY pool, level
"""
_FOLLOWED: Final = """
    SELECT follow_level, count(DISTINCT LineId), sum(amount) FROM parts
    WHERE basis = ? AND follow_level IS NOT NULL GROUP BY 1 ORDER BY 1
"""
_UNMATCHED: Final = """
    SELECT count(DISTINCT p.LineId), sum(p.amount)
    FROM parts p JOIN groups g USING ("group")
    WHERE g.basis = ? AND p.basis = ? AND g.pool = 'credits'
"""
_OWED: Final = {"subject": "int64", "amount": "decimal(38,18)"}
"""Working table ``owed``: every receiver, and what it got as a user. The ledger is summed once."""
_SUM_UP: Final = """
    SELECT l.subject, sum(l.amount) FILTER (s.kind = 'user') AS amount
    FROM ledger l JOIN slices s ON s.slice = l.slice
    WHERE l.basis = {basis} AND l.subject > 0 GROUP BY l.subject
"""
_DORMANT: Final = """
    SELECT count(*), sum(amount) FROM owed
    WHERE amount > 0 AND subject NOT IN (SELECT DISTINCT subject FROM activity WHERE unit = ?)
"""
_COSTLESS: Final = """
    SELECT count(*), count(*) FILTER (subject NOT IN (SELECT subject FROM owed))
    FROM (SELECT DISTINCT subject FROM activity WHERE unit = ? AND subject > 0)
"""
_PEAKS: Final = """
    SELECT g.pool, sum(m.most), sum(g.amount) FROM groups g JOIN (
        SELECT "group", max(amount) AS most FROM ledger WHERE basis = ? AND subject > 0
        GROUP BY "group") m USING ("group")
    WHERE g.basis = ? GROUP BY g.pool ORDER BY g.pool
"""
_TOP: Final = """
    SELECT l.subject, any_value(s.kind), any_value(g.method), sum(l.amount) AS amount
    FROM ledger l JOIN groups g USING ("group") JOIN slices s ON s.slice = l.slice
    WHERE l.basis = ? AND g.basis = ? AND g.pool = ? AND l.subject > 0
    GROUP BY l.subject ORDER BY amount DESC, l.subject LIMIT 1
"""


def findings(store: Store, model: Model, period: str, cascade: Cascade) -> list[Finding]:
    """Return what the run of one period shows; its tables are bound under their own names."""
    engine, basis, unit = store.engine, model.basis, model.primary.name
    owners = {pool.name: pool.owner for pool in model.pools}
    meters = [
        signals.MeterUse(meter, int(whole), int(known or 0))
        for meter, whole, known in engine.rows(_METERS, [period])
    ]
    anonymous = [
        signals.PoolMoney(pool, owners.get(pool, ""), amount, part or ZERO)
        for pool, amount, part in engine.rows(_POOLS, [basis, basis])
    ]
    levels = [
        signals.Widened(pool, owners.get(pool, ""), level, int(count), amount)
        for pool, level, count, amount in engine.rows(_LEVELS, [basis])
        if pool in owners
    ]
    engine.create("owed", _SUM_UP.format(basis=literal(basis)), _OWED)
    (dormant,) = engine.rows(_DORMANT, [unit])
    (costless,) = engine.rows(_COSTLESS, [unit])
    engine.drop("owed")
    return [
        *signals.missing_attribution(meters, anonymous),
        *signals.costless(int(costless[0]), int(costless[1])),
        *signals.dormant(int(dormant[0]), dormant[1] or ZERO),
        *signals.widened(levels),
        *signals.followed(_credits(store, basis)),
        *signals.concentration(_concentrated(store, model, owners), model.concentration),
        *_uncapped(cascade, owners),
    ]


def _credits(store: Store, basis: str) -> Iterator[signals.Followed]:
    ((lines, amount),) = store.engine.rows(_UNMATCHED, [basis, basis])
    if lines:
        yield signals.Followed(0, int(lines), amount)
    for level, count, total in store.engine.rows(_FOLLOWED, [basis]):
        yield signals.Followed(int(level), int(count), total)


def _concentrated(store: Store, model: Model, owners: dict[str, str]) -> Iterator[signals.Largest]:
    """Sum receivers one by one only in pools where one of them can be over the limit."""
    basis = model.basis
    peaks = [signals.Peak(*row) for row in store.engine.rows(_PEAKS, [basis, basis])]
    amounts: dict[str, Decimal] = {peak.pool: peak.pool_amount for peak in peaks}
    for pool in signals.suspects(peaks, model.concentration):
        for subject, kind, method, amount in store.engine.rows(_TOP, [basis, basis, pool]):
            name = people(store.catalog, [subject])[subject].name if subject > NOBODY else kind
            yield signals.Largest(
                pool, owners.get(pool, ""), method, kind, name, amount, amounts[pool]
            )


def _uncapped(cascade: Cascade, owners: dict[str, str]) -> Iterator[Finding]:
    pools: dict[str, list[str]] = {}
    for pool, day in sorted(cascade.uncapped):
        pools.setdefault(pool, []).append(day)
    for pool, days in pools.items():
        yield Finding(
            "idle-unknown", "warning", pool,
            f"No capacity, or more used than there was, in {len(days):,} windows"
            f" from {days[0]}: idle was taken as 0.",
            None, "Check the readings of the capacity meter.", owners.get(pool, ""),
        )  # fmt: skip
