"""Pools with ``through``: their entries wait for the shares of the pools they serve."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from percapita.allocate.book import Book, Entry, Group, Leaf, Receiver, pseudo
from percapita.allocate.capacity import WHOLE, Totals
from percapita.allocate.drivers import RECEIVER, SHARES, Demand, demand, drivers
from percapita.allocate.through import Term, final_weights, solve
from percapita.allocate.usage import Window
from percapita.core.subjects import IDLE, UNALLOCATED
from percapita.model.spec import Driver, Mix, Model, Pool
from percapita.plugins import Engine, named

Weights = Mapping[Receiver, int]


@dataclass(slots=True)
class Serving:
    """Makes the shares of pools that serve other pools."""

    engine: Engine
    model: Model
    numbers: Mapping[Demand, int]
    book: Book
    waiting: list[Group] = field(default_factory=list)
    """Groups of days in which some share had to come from the month."""
    _next: int = field(init=False)
    _month: dict[tuple[str, int], Weights] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number made shares after the model's own."""
        self._next = len(self.numbers) + 1

    def enter(self, entry: Entry, pool: Pool, totals: Totals) -> list[Leaf]:
        """Open an entry's group; return its leaf if nothing has to come from the month."""
        assert pool.through is not None  # noqa: S101
        group = self.book.open(entry, "through", driver=pool.through.by.meter)
        reached = self._reached(pool)
        if any("month" in p.fallback and not self._served(p, totals) for p in reached):
            self.waiting.append(group)
            return []
        solved = solve(self._passing(reached, totals, None))
        final = {} if solved is None else solved.get(pool.name, {pool.name: Fraction(1)})
        served = [self.model.pool(name) for name, share in final.items() if share]
        if any(self._lacks(d, p, totals) for p in served for d in drivers(p)):
            self.waiting.append(group)
            return []
        return self._split(group, solved, totals, None)

    def _served(self, pool: Pool, totals: Totals) -> dict[str, int]:
        """Return how much each pool that this one serves used of it; empty where none did."""
        assert pool.through is not None  # noqa: S101
        number = self.numbers[demand(pool.through.by, pool, ["service"])]
        return {
            name: totals[number, cell].sum
            for name in pool.through.pools
            if (number, cell := json.dumps([name], ensure_ascii=False)) in totals
        }

    def _lacks(self, driver: Driver, pool: Pool, totals: Totals) -> bool:
        """Tell whether a driver has nothing in the window and may look at the month."""
        number = self.numbers[demand(driver, pool)]
        return "month" in pool.fallback and (number, WHOLE) not in totals

    def _reached(self, pool: Pool) -> list[Pool]:
        """Return the pool and all it serves that serve others in turn."""
        found = [pool]
        for passing in found:
            assert passing.through is not None  # noqa: S101
            for name in passing.through.pools:
                other = self.model.pool(name)
                if other.through is not None and other not in found:
                    found.append(other)
        return found

    def widen(
        self,
        prepare: Callable[[Window], None],
        months: Mapping[str, tuple[Window, Totals]],
        seen: Mapping[Window, Totals],
    ) -> Iterator[tuple[Window, list[Leaf]]]:
        """Yield the leaves of each window that had to wait, with ``shares`` in place for them."""
        by_window: dict[Window, list[Group]] = defaultdict(list)
        for group in self.waiting:
            by_window[group.entry.window].append(group)
        for window, groups in sorted(by_window.items(), key=lambda pair: pair[0].first):
            month, monthly = months[f"{window.first:%Y-%m}"]
            self._remember(prepare, month, monthly)
            prepare(window)
            made = [self._widened(group, seen[window], monthly, month) for group in groups]
            yield window, [leaf for leaves in made for leaf in leaves]
        self.waiting.clear()
        self._month.clear()

    def _widened(self, group: Group, day: Totals, month: Totals, weighed: Window) -> list[Leaf]:
        reached = self._reached(self.model.pool(group.entry.pool))
        solved = solve(self._passing(reached, day, month))
        if not self._served(reached[0], day):
            group.level, group.weighed = "month", weighed
        return self._split(group, solved, day, (f"{weighed.first:%Y-%m}", month))

    def _split(
        self,
        group: Group,
        solved: Mapping[str, Mapping[str, Fraction]] | None,
        day: Totals,
        month: tuple[str, Totals] | None,
    ) -> list[Leaf]:
        """Make the group's shares; a loop that nothing leaves in this window stays unallocated."""
        pool = self.model.pool(group.entry.pool)
        final = None if solved is None else solved.get(pool.name)
        if final is None:
            level = "unallocated" if solved is None or not pool.idle else "idle"
            self.book.give(group, pseudo(IDLE if level == "idle" else UNALLOCATED), level)
            return []
        return [self._leaf(group, self._final(final, day, month))]

    def _passing(
        self, reached: Sequence[Pool], day: Totals, month: Totals | None
    ) -> dict[str, dict[str, Fraction]]:
        """Return each passing pool's shares, of the window where it has any, else of the month.

        A pool that nobody used is left out: what reaches it, stays with it.
        """
        found: dict[str, dict[str, Fraction]] = {}
        for pool in reached:
            wider = month if month is not None and "month" in pool.fallback else {}
            taken = self._served(pool, day) or self._served(pool, wider)
            whole = sum(taken.values())
            if whole:
                found[pool.name] = {name: Fraction(w, whole) for name, w in taken.items()}
        return found

    def _components(self, pool: Pool) -> list[tuple[int, Fraction]]:
        """Return the demands that split a served pool and the share of each."""
        parts: tuple[tuple[Driver, Decimal], ...]
        if isinstance(pool.by, Mix):
            parts = pool.by.parts
        else:
            assert pool.by is not None  # noqa: S101
            parts = ((pool.by, Decimal(1)),)
        whole = sum((Fraction(factor) for _, factor in parts), Fraction(0))
        return [(self.numbers[demand(d, pool)], Fraction(factor) / whole) for d, factor in parts]

    def _final(
        self, shares: Mapping[str, Fraction], day: Totals, month: tuple[str, Totals] | None
    ) -> dict[Receiver, int]:
        terms: list[Term] = []
        for name, share in shares.items():
            if share:
                terms += self._terms(self.model.pool(name), share, day, month)
        return final_weights(terms)

    def _terms(
        self, pool: Pool, share: Fraction, day: Totals, month: tuple[str, Totals] | None
    ) -> Iterator[Term]:
        last = {pseudo(IDLE if pool.idle else UNALLOCATED): 1}
        if pool.through:
            yield Term(share, last, 1)
            return
        used = self._used(pool, day)
        if used < 1:
            yield Term(share * (1 - used), {pseudo(IDLE): 1}, 1)
        for number, factor in self._components(pool):
            part = share * used * factor
            if not part:
                continue
            if (number, WHOLE) in day:
                yield Term(part, self._weights(number), day[number, WHOLE].sum)
            elif month and "month" in pool.fallback and (number, WHOLE) in month[1]:
                yield Term(part, self._month[month[0], number], month[1][number, WHOLE].sum)
            else:
                yield Term(part, last, 1)

    def _used(self, pool: Pool, totals: Totals) -> Fraction:
        if pool.idle is None or pool.idle.to != "line":
            return Fraction(1)
        capacity = totals.get((self.numbers[demand(pool.idle.capacity, pool)], WHOLE))
        used = totals.get((self.numbers[demand(pool.idle.used, pool)], WHOLE))
        taken = used.sum if used else 0
        if capacity is None or taken >= capacity.sum:
            return Fraction(1)
        return Fraction(taken, capacity.sum)

    def _weights(self, number: int) -> Weights:
        rows = named("shares", SHARES)
        rows = rows.filter(rows.driver == number)
        summed = rows.group_by(list(RECEIVER)).agg(w=rows.w.sum())
        return {Receiver(*row[:-1]): int(row[-1]) for row in self.engine.rows(summed)}

    def _remember(self, prepare: Callable[[Window], None], month: Window, totals: Totals) -> None:
        """Keep the month's weights of served pools, which the days of the month fall back to."""
        label = f"{month.first:%Y-%m}"
        if any(kept == label for kept, _ in self._month):
            return
        prepare(month)
        served = {name for pool in self.model.pools if pool.through for name in pool.through.pools}
        for name in sorted(served):
            if self.model.pool(name).through is None:
                for number, _ in self._components(self.model.pool(name)):
                    if (number, WHOLE) in totals:
                        self._month[label, number] = self._weights(number)

    def _leaf(self, group: Group, weights: Weights) -> Leaf:
        """Add made shares to ``shares`` and return the leaf that they split."""
        self._next += 1
        rows = [(self._next, "", *receiver, w) for receiver, w in sorted(weights.items(), key=str)]
        self.engine.load("made", SHARES, rows)
        self.engine.insert("shares", named("made", SHARES), SHARES)
        return Leaf(group, self._next, "")
