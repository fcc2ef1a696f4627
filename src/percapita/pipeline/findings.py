"""What a run shows by itself: small sums over its tables, judged by ``measure/signals.py``."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from percapita.allocate.book import Book
from percapita.allocate.cascade import Cascade
from percapita.allocate.engine import Allocation
from percapita.core.money import ZERO
from percapita.core.subjects import NOBODY
from percapita.measure import signals
from percapita.measure.signals import Finding
from percapita.model.spec import Model
from percapita.store import Store
from percapita.store.catalog.people import people
from percapita.store.engine import Engine, literal

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
_APART: Final = "SELECT count(DISTINCT source) FROM deliveries WHERE apart"
_TWICE: Final = """
    WITH seen AS (
        SELECT DISTINCT r.meter, r.time, r.service, d.source
        FROM readings r JOIN deliveries d ON d."import" = r."import" WHERE d.apart)
    SELECT a.meter, a.source, b.source, count(DISTINCT a.time)
    FROM seen a JOIN seen b ON b.meter = a.meter AND b.time = a.time AND b.source > a.source
        AND (a.service IS NULL OR b.service IS NULL OR a.service = b.service)
    GROUP BY ALL ORDER BY ALL
"""
"""Services that are both known and not the same are seen by one source each."""
_SUBJECTS: Final = {"subject": "int64"}
"""Working tables ``active_subjects`` and ``receivers``: every one of them once."""
_ACTIVE: Final = """
    SELECT DISTINCT subject FROM activity WHERE unit = {unit} AND subject > 0
"""
_RECEIVERS: Final = """
    SELECT DISTINCT subject FROM ledger WHERE basis = {basis} AND subject > 0
"""
_COSTLESS: Final = """
    SELECT count(*), count(*) FILTER (subject NOT IN (SELECT subject FROM receivers))
    FROM active_subjects
"""
_DORMANT: Final = """
    SELECT count(*), sum(amount) FROM (
        SELECT l.subject, sum(l.amount) FILTER (s.kind = 'user') AS amount
        FROM ledger l JOIN slices s ON s.slice = l.slice
        WHERE l.basis = ? AND l.subject IN (
            SELECT subject FROM receivers EXCEPT SELECT subject FROM active_subjects)
        GROUP BY l.subject HAVING sum(l.amount) FILTER (s.kind = 'user') > 0)
"""
_INACTIVE: Final = """
    SELECT count(*) FROM receivers WHERE subject NOT IN (SELECT subject FROM active_subjects)
    AND subject NOT IN (SELECT subject FROM subject_kinds WHERE kind <> 'user')
"""
_TOP: Final = """
    SELECT l.subject, any_value(s.kind), any_value(g.method), sum(l.amount) AS amount
    FROM ledger l JOIN groups g USING ("group") JOIN slices s ON s.slice = l.slice
    WHERE l.basis = ? AND g.basis = ? AND g.pool = ? AND l.subject > 0
    GROUP BY l.subject ORDER BY amount DESC, l.subject LIMIT 1
"""


def findings(store: Store, model: Model, allocation: Allocation) -> list[Finding]:
    """Return what the run of one period shows; its tables are bound under their own names."""
    engine, basis, unit = store.engine, model.basis, model.primary.name
    owners = {pool.name: pool.owner for pool in model.pools}
    anonymous = [
        signals.PoolMoney(pool, owners.get(pool, ""), amount, part or ZERO)
        for pool, amount, part in engine.rows(_POOLS, [basis, basis])
    ]
    levels = [
        signals.Widened(pool, owners.get(pool, ""), level, int(count), amount)
        for pool, level, count, amount in engine.rows(_LEVELS, [basis])
        if pool in owners
    ]
    # As a rule everyone has both, and neither of the two largest tables need be read.
    active, costless, dormant, amount = (
        (0, 0, 0, ZERO) if allocation.matched else _subjects(engine, basis, unit)
    )
    return [
        *signals.counted_twice(_twice(engine)),
        *signals.missing_attribution(_metered(allocation), anonymous),
        *signals.costless(active, costless),
        *signals.dormant(dormant, amount),
        *signals.widened(levels),
        *signals.followed(_credits(store, basis)),
        *signals.concentration(
            _concentrated(store, model, allocation.book, owners), model.concentration
        ),
        *_uncapped(allocation.cascade, owners),
    ]


def _twice(engine: Engine) -> Iterator[signals.Twice]:
    """Compare hour by hour what sources of signals feed; as a rule there is one, or none."""
    if engine.value(_APART) > 1:
        for meter, one, other, hours in engine.rows(_TWICE):
            yield signals.Twice(meter, (one, other), int(hours))


def _metered(allocation: Allocation) -> Iterator[signals.MeterUse]:
    """Yield the usage of each meter that split something, over all windows of the period."""
    splitting = {group.driver for group in allocation.book.groups if group.method == "driver"}
    for meter in splitting:
        uses = [use for use in allocation.measured if use.meter == meter]
        if uses:
            yield signals.MeterUse(
                meter, sum(use.quantity for use in uses), sum(use.attributed for use in uses)
            )


def _subjects(engine: Engine, basis: str, unit: str) -> tuple[int, int, int, Decimal]:
    """Compare who was active with who has cost.

    Returns how many were active, how many of them have no cost, how many have cost and were not
    active, and how much.
    """
    engine.create("active_subjects", _ACTIVE.format(unit=literal(unit)), _SUBJECTS)
    engine.create("receivers", _RECEIVERS.format(basis=literal(basis)), _SUBJECTS)
    ((active, costless),) = engine.rows(_COSTLESS)
    dormant, amount = 0, ZERO
    # As a rule there are none, and the ledger need not be read.
    if engine.value(_INACTIVE):
        ((dormant, amount),) = engine.rows(_DORMANT, [basis])
    for name in ("active_subjects", "receivers"):
        engine.drop(name)
    return int(active), int(costless), int(dormant), amount or ZERO


def _credits(store: Store, basis: str) -> Iterator[signals.Followed]:
    ((lines, amount),) = store.engine.rows(_UNMATCHED, [basis, basis])
    if lines:
        yield signals.Followed(signals.UNMATCHED, int(lines), amount)
    for level, count, total in store.engine.rows(_FOLLOWED, [basis]):
        yield signals.Followed(int(level), int(count), total)


def _peaks(book: Book, basis: str) -> list[signals.Peak]:
    found: dict[str, signals.Peak] = {}
    for group in book.groups:
        if group.entry.basis == basis and group.subjects:
            pool = group.entry.pool
            _, bound, amount = found.get(pool, signals.Peak(pool, ZERO, ZERO))
            found[pool] = signals.Peak(pool, bound + group.most, amount + group.amount)
    return [found[pool] for pool in sorted(found)]


def _concentrated(
    store: Store, model: Model, book: Book, owners: dict[str, str]
) -> Iterator[signals.Largest]:
    """Sum receivers one by one only in pools where one of them can be over the limit."""
    basis = model.basis
    peaks = _peaks(book, basis)
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
