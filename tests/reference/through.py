"""Pools that serve other pools: final shares, solved exactly, loops and all."""

from __future__ import annotations

from fractions import Fraction

from percapita.core import subjects
from percapita.model.spec import Driver, Mix, Pool
from reference.kernel import whole_factors
from reference.usage import Usage, Weights
from reference.whose import nobody
from reference.world import Receiver, Window, World

SCALE = 10**15
Share = dict[Receiver, Fraction]


class ClosedLoopError(ValueError):
    """Pools serve only each other: their cost never reaches anyone."""


class Through:
    """Where the cost of a pool ends up that others pass on."""

    def __init__(self, world: World, usage: Usage) -> None:
        self._model = world.model
        self._usage = usage

    def weights(self, pool: Pool, window: Window) -> tuple[str, Weights]:
        """Return the rung the pool's own driver was found on, and its final receivers."""
        solved = self._solved(pool, window)
        weights = {r: int(share * SCALE) for r, share in solved.items()}
        return self._served(pool, window)[0], {r: w for r, w in weights.items() if w}

    def _served(self, pool: Pool, window: Window) -> tuple[str, dict[str, Fraction]]:
        """Return the pool's shares in the pools it serves; empty where none used it."""
        assert pool.through is not None
        by = pool.through.by
        for level, span in (("own", window), ("month", window.month)):
            if level == "own" or "month" in pool.fallback:
                used = {name: self._used(by, span, name) for name in pool.through.pools}
                total = sum(used.values())
                if total:
                    return level, {n: Fraction(u, total) for n, u in used.items() if u}
        return ("idle" if pool.idle else "unallocated"), {}

    def _used(self, driver: Driver, window: Window, service: str) -> int:
        return self._usage.total(driver, window, lambda use: use.column("service") == service)

    def _solved(self, pool: Pool, window: Window) -> Share:
        """Solve S = A S + B for the pools that pass on, by elimination."""
        names = self._reached(pool)
        rows: list[list[Fraction]] = []
        rests: list[Share] = []
        for name in names:
            served = self._served(self._model.pool(name), window)[1]
            rest: Share = {} if served else {_last(self._model.pool(name)): Fraction(1)}
            for target in [t for t in served if t not in names]:
                _add(rest, self._leaf(self._model.pool(target), window), served[target])
            rows.append([Fraction(int(n == name)) - served.get(n, Fraction(0)) for n in names])
            rests.append(rest)
        return _eliminated(rows, rests)[names.index(pool.name)]

    def _reached(self, pool: Pool) -> list[str]:
        names, position = [pool.name], 0
        while position < len(names):
            passes = self._model.pool(names[position]).through
            assert passes is not None
            for name in passes.pools:
                if name not in names and self._model.pool(name).through is not None:
                    names.append(name)
            position += 1
        return names

    def _leaf(self, pool: Pool, window: Window) -> Share:
        """Return whom a pool that is split by drivers falls on, all its cells together."""
        if pool.exclude:
            return {nobody(subjects.EXCLUDED): Fraction(1)}
        if pool.by is None:
            return {nobody(subjects.UNALLOCATED): Fraction(1)}
        idle = self._idle(pool, window)
        result: Share = {nobody(subjects.IDLE): idle} if idle else {}
        parts = pool.by.parts if isinstance(pool.by, Mix) else None
        members = [driver for driver, _ in parts] if parts else [pool.by]
        factors = whole_factors([factor for _, factor in parts]) if parts else [1]
        for driver, factor in zip(members, factors, strict=True):
            assert isinstance(driver, Driver)
            share = self._by_driver(pool, driver, window)
            _add(result, share, (1 - idle) * Fraction(factor, sum(factors)))
        return result

    def _idle(self, pool: Pool, window: Window) -> Fraction:
        if pool.idle is None or pool.idle.to != "line":
            return Fraction(0)
        capacity = self._usage.total(pool.idle.capacity, window)
        used = self._usage.total(pool.idle.used, window)
        return Fraction(capacity - used, capacity) if capacity > used else Fraction(0)

    def _by_driver(self, pool: Pool, driver: Driver, window: Window) -> Share:
        for span in (window, window.month):
            if span == window or "month" in pool.fallback:
                weights = self._usage.weights(driver, span, pool)
                total = sum(weights.values())
                if total:
                    return {receiver: Fraction(w, total) for receiver, w in weights.items()}
        return {_last(pool): Fraction(1)}


def _last(pool: Pool) -> Receiver:
    """Return who gets what nobody used."""
    return nobody(subjects.IDLE if pool.idle else subjects.UNALLOCATED)


def _add(into: Share, share: Share, factor: Fraction) -> None:
    for receiver, part in share.items():
        if part * factor:
            into[receiver] = into.get(receiver, Fraction(0)) + part * factor


def _eliminated(rows: list[list[Fraction]], rests: list[Share]) -> list[Share]:
    """Solve the rows for the shares, Gauss-Jordan; the rows are used up."""
    size = len(rows)
    for column in range(size):
        pivot = next((r for r in range(column, size) if rows[r][column]), None)
        if pivot is None:
            raise ClosedLoopError
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rests[column], rests[pivot] = rests[pivot], rests[column]
        divisor = rows[column][column]
        rows[column] = [value / divisor for value in rows[column]]
        rests[column] = {r: share / divisor for r, share in rests[column].items()}
        for other in range(size):
            factor = rows[other][column]
            if other != column and factor:
                pairs = zip(rows[other], rows[column], strict=True)
                rows[other] = [mine - factor * base for mine, base in pairs]
                _add(rests[other], rests[column], -factor)
    return rests
