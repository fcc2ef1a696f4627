"""From what a pool has to split to the groups that split it: cuts, components, fall-backs.

All decisions about money that need no receiver are taken here, on totals alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from percapita.allocate.book import Book, Entry, Group, Leaf, cut, pseudo
from percapita.allocate.capacity import WHOLE, Capacities, Totals
from percapita.allocate.drivers import ACTIVE, Demand, Total, demand
from percapita.allocate.pools import CREDITS, ROUNDING
from percapita.allocate.usage import Window
from percapita.core.subjects import EXCLUDED, IDLE, UNALLOCATED
from percapita.core.subjects import ROUNDING as ROUNDED
from percapita.model.spec import Driver, Idle, Mix, Model, Pool


class Waiting(NamedTuple):
    """A group that found no weights of its own window and cell."""

    group: Group
    pool: Pool
    driver: int
    meter: str
    unit: tuple[str, str] | None
    """Level and name of the unit that takes all, if even the month has no weights."""


class Merged(NamedTuple):
    """What groups have in common that fell to the same wider weights, and are split as one."""

    basis: str
    pool: str
    window: Window
    level: str
    driver: int
    weighed: Window


@dataclass(slots=True)
class Cascade:
    """Turns entries into groups, given the totals of a window."""

    model: Model
    numbers: Mapping[Demand, int]
    book: Book
    waiting: list[Waiting] = field(default_factory=list)
    units: list[tuple[Group, str, str]] = field(default_factory=list)
    """Groups that go to one named unit: group, level, name."""
    uncapped: set[tuple[str, str]] = field(default_factory=set)
    """Pools and days whose idle capacity was unknown or exceeded."""
    capacities: Capacities = field(default_factory=Capacities)

    def enter(self, entry: Entry, pool: Pool | None, totals: Totals) -> list[Leaf]:
        """Open an entry's group; return what the window's shares can split at once."""
        if pool is None or pool.method in ("exclude", "none"):
            self._give(entry, pool)
            return []
        if pool.direct is not None:
            return self._direct(entry, pool, totals)
        if pool.overhead is not None:
            return self._even(entry, totals)
        group = self.book.open(entry, "driver")
        used = self._idle(group, pool, pool.idle, totals) if pool.idle else group
        if used is None:
            return []
        return [
            leaf
            for component, driver in self._components(used, pool)
            for leaf in self._own(component, pool, driver, totals)
        ]

    def _give(self, entry: Entry, pool: Pool | None) -> None:
        group = self.book.open(entry, "exclude" if pool and pool.exclude else "none")
        backed_out = entry.pool == CREDITS and self.model.credits == "back out"
        if group.method == "exclude" or backed_out:
            self.book.give(group, pseudo(EXCLUDED))
        elif entry.pool == ROUNDING:
            self.book.give(group, pseudo(ROUNDED))
        else:
            self.book.give(group, pseudo(UNALLOCATED), "unallocated")

    def _direct(self, entry: Entry, pool: Pool, totals: Totals) -> list[Leaf]:
        assert pool.direct is not None  # noqa: S101
        group = self.book.open(entry, "direct")
        name = json.loads(entry.cell, strict=False)[0]
        if name is None:
            self.book.give(group, pseudo(UNALLOCATED), "unallocated")
            return []
        group.driver = pool.direct.column
        then = pool.direct.then
        unit = (pool.direct.level, str(name))
        if then is None:
            self.units.append((group, *unit))
            return []
        number = self.numbers[demand(then, pool, [pool.direct.level])]
        if (number, entry.cell) in totals:
            group.driver = then.meter
            return [Leaf(group, number, entry.cell)]
        self.waiting.append(Waiting(group, pool, number, then.meter, unit))
        return []

    def _even(self, entry: Entry, totals: Totals) -> list[Leaf]:
        """Split overhead evenly over the active subjects of the window."""
        group = self.book.open(entry, "overhead", driver=ACTIVE)
        number = self.numbers[Demand(ACTIVE)]
        if (number, WHOLE) in totals:
            return [Leaf(group, number, WHOLE)]
        self.book.give(group, pseudo(UNALLOCATED), "unallocated")
        return []

    def _idle(self, group: Group, pool: Pool, idle: Idle, totals: Totals) -> Group | None:
        """Cut off what nobody used; return the group of the rest, ``None`` if nothing is left."""
        capacity, used = self.capacities.measured(
            totals,
            self.numbers[demand(idle.capacity, pool)],
            self.numbers[demand(idle.used, pool)],
            group.entry.cell,
        )
        if not capacity or used > capacity:
            self.uncapped.add((pool.name, group.entry.window.first.isoformat()))
        if not capacity or used >= capacity or idle.to == "share":
            return group
        made = cut(group.amount, group.gross, [used, capacity - used])
        group.method, group.driver = "idle", idle.capacity.meter
        group.total, group.shift, group.residual = sum(made.weights), made.shift, made.residual
        self.book.idle(group, made)
        if not used:
            return None
        return self.book.child(group, "driver", 0, made.weights[0], made.parts[0])

    def _components(self, group: Group, pool: Pool) -> list[tuple[Group, Driver]]:
        if not isinstance(pool.by, Mix):
            assert pool.by is not None  # noqa: S101
            return [(group, pool.by)]
        factors = _whole([factor for _, factor in pool.by.parts])
        made = cut(group.amount, group.gross, factors)
        group.method, group.driver = "mix", ", ".join(d.meter for d, _ in pool.by.parts)
        group.total, group.shift, group.residual = sum(made.weights), made.shift, made.residual
        return [
            (self.book.child(group, "driver", at, w, part), driver)
            for at, ((driver, _), w, part) in enumerate(
                zip(pool.by.parts, made.weights, made.parts, strict=True)
            )
        ]

    def _own(self, group: Group, pool: Pool, driver: Driver, totals: Totals) -> list[Leaf]:
        number = self.numbers[demand(driver, pool)]
        group.driver = driver.meter
        if (number, group.entry.cell) in totals:
            return [Leaf(group, number, group.entry.cell)]
        self.waiting.append(Waiting(group, pool, number, driver.meter, None))
        return []

    def widen(
        self, months: Mapping[str, tuple[Window, Totals]], days: Mapping[Window, Totals]
    ) -> dict[Window, list[Leaf]]:
        """Place every waiting group at the first widening with weights.

        Returns the leaves by the window of their weights.
        """
        placed: dict[Window, list[Leaf]] = defaultdict(list)
        together: dict[Merged, list[Waiting]] = defaultdict(list)
        for wait in self.waiting:
            month, totals = months[wait.group.entry.window.first.isoformat()[:7]]
            level = self._level(wait, totals, days)
            weighed = month if level.startswith("month") else wait.group.entry.window
            if level in ("idle", "unallocated"):
                self._end(wait, level)
            elif level == "month" or not wait.pool.within:
                wait.group.level, wait.group.weighed = "month", weighed
                placed[weighed].append(Leaf(wait.group, wait.driver, wait.group.entry.cell))
            else:
                entry = wait.group.entry
                same = Merged(entry.basis, entry.pool, entry.window, level, wait.driver, weighed)
                together[same].append(wait)
        for same, waits in together.items():
            group = self.book.merged([wait.group for wait in waits], "driver", cell=None)
            group.level, group.weighed, group.driver = same.level, same.weighed, waits[0].meter
            placed[same.weighed].append(Leaf(group, same.driver, None))
        self.waiting.clear()
        return placed

    def _level(self, wait: Waiting, month: Totals, days: Mapping[Window, Totals]) -> str:
        cell, window = wait.group.entry.cell, wait.group.entry.window
        allowed = wait.pool.fallback
        daily = window.grain == "day"
        if wait.unit is not None:
            return "month" if daily and (wait.driver, cell) in month else "unallocated"
        if "month" in allowed and daily and (wait.driver, cell) in month:
            return "month"
        if "pool" in allowed and wait.pool.within and (wait.driver, WHOLE) in days[window]:
            return "pool"
        if {"month", "pool"} <= set(allowed) and daily and (wait.driver, WHOLE) in month:
            return "month pool"
        return "idle" if wait.pool.idle else "unallocated"

    def _end(self, wait: Waiting, level: str) -> None:
        if wait.unit is not None:
            self.units.append((wait.group, *wait.unit))
        else:
            self.book.give(wait.group, pseudo(IDLE if level == "idle" else UNALLOCATED), level)


def _whole(factors: list[Decimal]) -> list[int]:
    """Return factors as whole numbers of the finest digit that any of them has."""
    places = max(max(-int(f.as_tuple().exponent), 0) for f in factors)
    return [int(factor.scaleb(places)) for factor in factors]


def with_whole(totals: Totals) -> dict[tuple[int, str], Total]:
    """Add each driver's total over all cells."""
    result = dict(totals)
    for (driver, cell), total in totals.items():
        if cell != WHOLE:
            before = result.get((driver, WHOLE), Total(0, 0, 0))
            result[driver, WHOLE] = Total(before.sum + total.sum, 0, before.rows + total.rows)
    return result
