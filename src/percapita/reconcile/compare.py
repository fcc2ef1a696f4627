"""An outside table against the bill: what it lost, how much, and in which cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final, NamedTuple

from percapita.core.errors import nearest
from percapita.core.money import ZERO, percent, total
from percapita.core.subjects import CLASS_OF_KIND
from percapita.reconcile.outside import Outside, folded

_EXACT: Final = Context(prec=120)

Ours = Mapping[tuple[str, str], Decimal]
"""Pool and segment value, or the class of what no segment got, to the amount."""

NOT_KNOWN: Final = "not known"


class Gap(NamedTuple):
    """A cell that differs."""

    pool: str | None
    """``None``: the table has totals only, and no one pool explains the gap."""
    value: str
    theirs: Decimal | None
    """``None``: the table has no such cell."""
    ours: Decimal
    difference: Decimal
    """Ours less theirs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an outside table says of the bill."""

    bill_total: Decimal
    theirs: Decimal
    tolerance: Decimal
    gaps: tuple[Gap, ...]
    """Cells that differ, largest first."""
    totals: tuple[Gap, ...]
    """Segment values whose totals differ."""
    notes: tuple[str, ...]

    @property
    def unallocated(self) -> Decimal:
        """What of the bill the table does not hold; negative where it holds more."""
        return _EXACT.subtract(self.bill_total, self.theirs)

    @property
    def unallocated_percent(self) -> Decimal | None:
        """That, in percent of the bill."""
        return percent(self.unallocated, self.bill_total)

    @property
    def differs(self) -> bool:
        """The table is not the bill, or not split as the model splits it."""
        return bool(self.gaps or self.totals) or abs(self.unallocated) > self.tolerance


def ours_of(
    cells: Iterable[tuple[str, str, str | None, Decimal]],
) -> dict[tuple[str, str], Decimal]:
    """Sum cells (pool, kind of receiver, segment value, amount) to pool and column."""
    found: dict[tuple[str, str], Decimal] = {}
    for pool, kind, value, amount in cells:
        column = CLASS_OF_KIND.get(kind) or value or NOT_KNOWN
        found[pool, column] = _EXACT.add(found.get((pool, column), ZERO), amount)
    return found


def compare(outside: Outside, ours: Ours) -> Comparison:
    """Compare a table with what the model makes of the same bill."""
    values = {value for _, value in ours}
    theirs, notes = _named(outside, ours)
    bill_total = total(list(ours.values()))
    by_value = _sums(theirs)
    own_sums = _sums(ours)
    slack = outside.tolerance * (
        1 if outside.shape == "totals" else max(len({p for p, _ in ours}), 1)
    )
    totals = _gaps(
        {(None, v): a for v, a in own_sums.items()},
        {(None, v): a for v, a in by_value.items()},
        slack,
    )
    if outside.shape == "totals":
        gaps = tuple(_pointed(gap, ours, outside.tolerance) for gap in totals)
        gaps = _agreed(gaps, totals, ours, outside.tolerance)
    else:
        gaps = _gaps(ours, theirs, outside.tolerance)
    notes += [
        f"{value!r} is no value of {outside.segment}. {nearest(value, values)}"
        for value in sorted(set(by_value) - values)
    ]
    return Comparison(
        bill_total, outside.whole, outside.tolerance, gaps, totals,
        (*notes, *outside.contradictions()),
    )  # fmt: skip


def _named(outside: Outside, ours: Ours) -> tuple[dict[tuple[str | None, str], Decimal], list[str]]:
    """Return the table's cells under our names of pools and values, and what has none."""
    pools = {folded(pool): pool for pool, _ in ours}
    columns = {folded(value): value for _, value in ours}
    found: dict[tuple[str | None, str], Decimal] = {}
    notes = {}
    for (pool, value), amount in outside.cells.items():
        name = None if pool is None else pools.get(folded(pool), pool)
        if pool is not None and folded(pool) not in pools:
            known = nearest(pool, pools.values())
            notes[pool] = f"{pool!r} is no pool of the model. {known}"
        key = name, columns.get(folded(value), value)
        found[key] = _EXACT.add(found.get(key, ZERO), amount)
    return found, list(notes.values())


def _sums(
    cells: Mapping[tuple[str, str], Decimal] | Mapping[tuple[str | None, str], Decimal],
) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for (_, value), amount in cells.items():
        sums[value] = _EXACT.add(sums.get(value, ZERO), amount)
    return sums


def _gaps(
    ours: Mapping[tuple[str, str], Decimal] | Mapping[tuple[None, str], Decimal],
    theirs: Mapping[tuple[str | None, str], Decimal] | Mapping[tuple[None, str], Decimal],
    tolerance: Decimal,
) -> tuple[Gap, ...]:
    own: dict[tuple[str | None, str], Decimal] = dict(ours.items())
    other: dict[tuple[str | None, str], Decimal] = dict(theirs.items())
    found = []
    for pool, value in {**own, **other}:
        mine = own.get((pool, value), ZERO)
        difference = _EXACT.subtract(mine, other.get((pool, value), ZERO))
        if abs(difference) > tolerance:
            found.append(Gap(pool, value, other.get((pool, value)), mine, difference))
    return tuple(sorted(found, key=lambda g: (-abs(g.difference), g.pool or "", g.value)))


def _explaining(gap: Gap, ours: Ours, tolerance: Decimal) -> set[str]:
    """Return the pools whose whole cell is what the total misses."""
    return {
        pool
        for (pool, value), amount in ours.items()
        if value == gap.value
        and amount
        and abs(_EXACT.subtract(amount, gap.difference)) <= tolerance
    }


def _pointed(gap: Gap, ours: Ours, tolerance: Decimal) -> Gap:
    pools = _explaining(gap, ours, tolerance)
    if len(pools) != 1:
        return gap
    (pool,) = pools
    return _in_pool(gap, pool, ours)


def _agreed(
    gaps: tuple[Gap, ...], totals: tuple[Gap, ...], ours: Ours, tolerance: Decimal
) -> tuple[Gap, ...]:
    """Where a cell alone is ambiguous, take the one pool that explains every gap."""
    shared = [_explaining(gap, ours, tolerance) for gap in totals]
    common = set.intersection(*shared) if shared else set()
    if len(common) != 1:
        return gaps
    (pool,) = common
    return tuple(_in_pool(gap, pool, ours) for gap in totals)


def _in_pool(gap: Gap, pool: str, ours: Ours) -> Gap:
    amount = ours[pool, gap.value]
    return Gap(pool, gap.value, _EXACT.subtract(amount, gap.difference), amount, gap.difference)
