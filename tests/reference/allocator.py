"""The reference allocator: lines in, ledger out, every amount exact."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from percapita.core import subjects
from percapita.model.spec import Driver, Match, Mix, Pool
from reference.claims import Owners
from reference.kernel import split, whole_factors
from reference.lines import NANO, Part, billing_of, charges, spread
from reference.through import Through
from reference.usage import ACTIVE, Usage, Weights, drivers
from reference.whose import nobody
from reference.world import Receiver, Window, World, money

WHOLE = -1
"""Component of a group that no mix has cut."""


class GroupKey(NamedTuple):
    """What keeps two acts of splitting apart."""

    billing: str
    pool: str
    window: Window
    level: str
    cell: str
    component: int = WHOLE


class LedgerKey(NamedTuple):
    """One receiver's amount in one pool, window and cell."""

    billing: str
    pool: str
    start: datetime
    end: datetime
    level: str
    cell: str
    receiver: Receiver


@dataclass
class Group:
    """One act of splitting: what comes in, and the weights it is split by."""

    key: GroupKey
    weights: Weights
    parts: list[Part] = field(default_factory=list)
    gross: Fraction = Fraction(0)

    @property
    def amount(self) -> Fraction:
        """What is split."""
        return total(self.parts)

    @property
    def receivers(self) -> list[Receiver]:
        """Who gets something, in the order in which ties are broken."""
        return sorted(self.weights, key=lambda receiver: receiver.rank)

    def shared(self, amount: Fraction) -> dict[Receiver, Fraction]:
        """Split an amount as this group does."""
        order = self.receivers
        parts = split(amount, [self.weights[receiver] for receiver in order])
        return dict(zip(order, parts, strict=True))

    def by_part(self) -> Iterator[tuple[Part, Receiver, Fraction]]:
        """Yield each line part's share of each receiver: steps of the running total's split."""
        so_far, before = Fraction(0), self.shared(Fraction(0))
        for part in sorted(self.parts):
            so_far += part.amount
            after = self.shared(so_far)
            yield from ((part, r, after[r] - before[r]) for r in after)
            before = after


@dataclass
class Stream:
    """Parts on their way to a group, in order, and the gross of what they came from."""

    parts: list[Part]
    gross: Fraction

    def cut(self, weights: Sequence[int]) -> list[Stream]:
        """Cut the stream; each part's pieces are steps of the running total's split."""
        pieces: list[list[Part]] = [[] for _ in weights]
        so_far, before = Fraction(0), [Fraction(0)] * len(weights)
        for part in sorted(self.parts):
            so_far += part.amount
            after = split(so_far, weights)
            for position, piece in enumerate(pieces):
                piece.append(part._replace(amount=after[position] - before[position]))
            before = after
        gross = split(self.gross, weights)
        return [Stream(piece, g) for piece, g in zip(pieces, gross, strict=True)]


def total(parts: Sequence[Part]) -> Fraction:
    """Return the sum of line parts."""
    return sum((part.amount for part in parts), Fraction(0))


Ledger = dict[LedgerKey, Decimal]


@dataclass
class Allocation:
    """The result: the groups of each basis, and the ledger and explanations read from them."""

    world: World
    groups: Mapping[str, Sequence[Group]]

    def ledger(self, basis: str = "") -> Ledger:
        """Return what everyone got; rows of zero are left out."""
        found: dict[LedgerKey, Fraction] = defaultdict(Fraction)
        for group in self.groups[basis or self.world.model.basis]:
            key = group.key
            start, end = self.world.clock.bounds(key.window)
            for receiver, part in group.shared(group.amount).items():
                row = LedgerKey(key.billing, key.pool, start, end, key.level, key.cell, receiver)
                found[row] += part
        return {row: money(amount) for row, amount in found.items() if amount}

    def explained(self, basis: str = "") -> dict[tuple[str, Receiver], Decimal]:
        """Return what everyone got from every line."""
        found: dict[tuple[str, Receiver], Fraction] = defaultdict(Fraction)
        for group in self.groups[basis or self.world.model.basis]:
            for part, receiver, share in group.by_part():
                found[part.line, receiver] += share
        return {row: money(amount) for row, amount in found.items() if amount}


def allocate(world: World) -> Allocation:
    """Allocate every line of a world in every basis it asks for."""
    main: str = world.model.basis
    others = [basis for basis in world.bases if basis != main]
    world = replace(world, readings=tuple(Owners(world).readings()))
    usage = Usage(world)
    first = _Basis(world, usage, main)
    groups = {main: first.run()}
    for basis in others:
        groups[basis] = _Basis(world, usage, basis, gross=first.gross).run()
    return Allocation(world, groups)


Gross = dict[tuple[str, str], dict[Receiver, Fraction]]
"""Pool and billing period to what each receiver got of positive parts."""


class _Basis:
    """Allocates one basis; ``gross`` is the model's basis's, where this is another."""

    def __init__(self, world: World, usage: Usage, basis: str, gross: Gross | None = None) -> None:
        self._world, self._usage, self._basis = world, usage, basis
        self._through = Through(world, usage)
        self._groups: dict[GroupKey, Group] = {}
        self._counting = gross is None
        self.gross: Gross = {} if gross is None else gross

    def run(self) -> list[Group]:
        """Split the pools that are no overhead first, then the overhead pools in file order."""
        entries = self._entries()
        pools = [*self._world.model.pools, *implicit(self._world.model.credits)]
        for overhead in (False, True):
            for pool in pools:
                if (pool.overhead is not None) == overhead:
                    mine = [(key, parts) for key, parts in entries.items() if key[1] == pool.name]
                    for (billing, _, window, cell), parts in mine:
                        self._enter(pool, billing, window, cell, parts)
                    if self._counting:
                        self._count(pool.name)
        return list(self._groups.values())

    def _entries(self) -> dict[tuple[str, str, Window, str], list[Part]]:
        """Group the parts of all lines by pool, cell, window and billing period."""
        found: dict[tuple[str, str, Window, str], list[Part]] = defaultdict(list)
        for charge in charges(self._world, (self._basis,)):
            pool = self._pool(charge.pool)
            billing = billing_of(self._world, charge.line)
            for part in spread(self._world, charge, self._basis):
                window = self._window(pool, Window("day", part.day))
                found[billing, pool.name, window, charge.cell].append(part)
        return found

    def _pool(self, name: str) -> Pool:
        pools = [*self._world.model.pools, *implicit(self._world.model.credits)]
        return next(pool for pool in pools if pool.name == name)

    def _window(self, pool: Pool, day: Window) -> Window:
        monthly = pool.overhead is not None or pool.grain == "month"
        if monthly or any(self._usage.monthly(driver, day.month) for driver in drivers(pool)):
            return day.month
        return day

    def _enter(
        self, pool: Pool, billing: str, window: Window, cell: str, parts: list[Part]
    ) -> None:
        """Send one entry on to the groups it is split in."""
        stream = Stream(parts, sum((p.amount for p in parts if p.amount > 0), Fraction(0)))
        key = GroupKey(billing, pool.name, window, "own", cell)
        if pool.method == "driver":
            self._by_driver(pool, key, stream)
            return
        level, weights = self._whole(pool, key)
        self._leave(key._replace(level=level), weights, stream)

    def _whole(self, pool: Pool, key: GroupKey) -> tuple[str, Weights]:
        """Return rung and weights of the methods that cut nothing off first."""
        if pool.exclude:
            return "own", {nobody(subjects.EXCLUDED): 1}
        if pool.name == "rounding":
            return "own", {nobody(subjects.ROUNDING): 1}
        if pool.direct is not None:
            return self._direct(pool, key)
        if pool.overhead is not None:
            weights = self._overhead(pool, key)
            return ("own", weights) if weights else self._nobody_used(pool)
        if pool.through is not None:
            return self._through.weights(pool, key.window)
        return self._nobody_used(pool)

    def _by_driver(self, pool: Pool, key: GroupKey, stream: Stream) -> None:
        """Cut off what was idle, cut over the mix, and find each component's weights."""
        used, idle = self._idle(pool, key)
        if idle:
            stream, off = stream.cut([used, idle])
            self._leave(key._replace(level="idle", cell=""), {nobody(subjects.IDLE): 1}, off)
            if not used:
                return
        if not isinstance(pool.by, Mix):
            assert pool.by is not None
            self._ladder(pool, pool.by, key, stream)
            return
        factors = whole_factors([factor for _, factor in pool.by.parts])
        pieces = stream.cut(factors)
        for position, ((driver, _), piece) in enumerate(zip(pool.by.parts, pieces, strict=True)):
            self._ladder(pool, driver, key._replace(component=position), piece)

    def _idle(self, pool: Pool, key: GroupKey) -> tuple[int, int]:
        """Return used and idle capacity; no idle where the entry is not to be cut."""
        if pool.idle is None or pool.idle.to != "line":
            return 1, 0
        named = self._usage.named(pool.idle.capacity, key.window, pool.within)
        if self._usage.total(pool.idle.used, key.window):
            named &= self._usage.named(pool.idle.used, key.window, pool.within)
        wanted = dict(zip(pool.within, json.loads(key.cell), strict=True)) if named else {}
        capacity, used = (
            self._usage.total(
                driver,
                key.window,
                lambda use: all(use.column(name) == wanted[name] for name in named),
            )
            for driver in (pool.idle.capacity, pool.idle.used)
        )
        return (used, capacity - used) if capacity > used else (1, 0)

    def _ladder(self, pool: Pool, driver: Driver, key: GroupKey, stream: Stream) -> None:
        """Split by the first rung on which anyone used anything."""
        names = list(pool.within)
        for level, window, celled in rungs(pool, key.window):
            if celled:
                weights = self._usage.weights(
                    driver, window, pool, lambda use: use.cell(names) == key.cell
                )
            else:
                weights = self._usage.weights(driver, window, pool)
            if weights:
                cell = key.cell if celled else ""
                self._leave(key._replace(level=level, cell=cell), weights, stream)
                return
        level, weights = self._nobody_used(pool)
        self._leave(key._replace(level=level, cell=""), weights, stream)

    def _nobody_used(self, pool: Pool) -> tuple[str, Weights]:
        """Return where an amount goes that no weights were found for."""
        if pool.idle is not None:
            return "idle", {nobody(subjects.IDLE): 1}
        return "unallocated", {nobody(subjects.UNALLOCATED): 1}

    def _direct(self, pool: Pool, key: GroupKey) -> tuple[str, Weights]:
        """Return the unit that the line names, or the users in it."""
        assert pool.direct is not None
        value, level = named(key.cell), pool.direct.level
        if value is None:
            return self._nobody_used(pool)
        for rung, window, _ in rungs(pool, key.window):
            if pool.direct.then is not None and rung in ("own", "month"):
                weights = self._usage.weights(
                    pool.direct.then,
                    window,
                    pool,
                    lambda use: (level, value) in use.slice.attributes,
                )
                if weights:
                    return rung, weights
        return "own", self._usage.unit(pool, value, key.window)

    def _overhead(self, pool: Pool, key: GroupKey) -> Weights:
        """Return the weights of an overhead pool in one billing period."""
        how = pool.overhead
        assert how is not None
        if how.how == "active":
            return self._usage.weights(Driver(ACTIVE), key.window, pool)
        if how.how == "weights":
            factors = whole_factors([factor for _, factor in how.weights])
            pairs = zip(how.weights, factors, strict=True)
            return {self._usage.segment(how.attribute, v): f for (v, _), f in pairs if f}
        found: dict[Receiver, Fraction] = defaultdict(Fraction)
        for name in self._below(pool):
            for receiver, amount in self.gross.get((name, key.billing), {}).items():
                if how.over == "all" or receiver.slice.kind not in subjects.CLASS_OF_KIND:
                    found[receiver] += amount
        weights = {receiver: int(amount * NANO // 1) for receiver, amount in found.items()}
        return {receiver: weight for receiver, weight in weights.items() if weight > 0}

    def _below(self, pool: Pool) -> list[str]:
        """Return the pools an overhead pool is weighed by: no overhead, or overhead above it."""
        model = self._world.model
        above = model.pools[: model.pools.index(pool)]
        plain = [p.name for p in model.pools if p.overhead is None]
        extra = [p.name for p in implicit(model.credits)]
        return [*plain, *extra, *(p.name for p in above if p.overhead is not None)]

    def _leave(self, key: GroupKey, weights: Weights, stream: Stream) -> None:
        """Add a stream to the group it is split in; what meets there is split once."""
        group = self._groups.setdefault(key, Group(key, weights))
        group.parts += stream.parts
        group.gross += stream.gross

    def _count(self, pool: str) -> None:
        """Write down what a pool gave each receiver of positive parts."""
        for group in self._groups.values():
            if group.key.pool == pool:
                into = self.gross.setdefault((pool, group.key.billing), defaultdict(Fraction))
                for receiver, amount in group.shared(group.gross).items():
                    into[receiver] += amount


def rungs(pool: Pool, window: Window) -> Iterator[tuple[str, Window, bool]]:
    """Yield the rungs of the ladder that a pool allows: name, window, by cell or not."""
    months = window.grain == "day" and "month" in pool.fallback
    yield "own", window, bool(pool.within)
    if months:
        yield "month", window.month, bool(pool.within)
    if pool.within and "pool" in pool.fallback:
        yield "pool", window, False
        if months:
            yield "month pool", window.month, False


def named(cell: str) -> str | None:
    """Return the value in a cell of one column."""
    value = json.loads(cell)[0]
    return None if value is None else str(value)


def implicit(credit_rule: str) -> list[Pool]:
    """Return the pools that every model has."""
    everything = Match()
    back_out = credit_rule == "back out"
    return [
        Pool("credits", everything, exclude=back_out),
        Pool("rounding", everything),
        Pool("unallocated", everything),
    ]
