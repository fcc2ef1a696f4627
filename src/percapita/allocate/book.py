"""The book of one run and period: every act of splitting, and what it handed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from percapita.allocate.usage import Window
from percapita.core.money import ZERO, stored, total
from percapita.core.split import Atoms, atoms, rounded, scaled, split
from percapita.core.subjects import IDLE, NOBODY, PSEUDO_SLICE

CUTS = ("idle", "mix")
"""Methods of groups whose parts are other groups."""


class Entry(NamedTuple):
    """What one pool has to split: one basis, cell and window."""

    basis: str
    pool: str
    cell: str
    window: Window
    amount: Decimal
    gross: Decimal
    moves: bool = True
    """Some line part in it is not zero, though they may cancel out."""


class Receiver(NamedTuple):
    """Whom a part can go to."""

    subject: int
    slice: int
    feature: str | None = None
    operation: str | None = None
    region: str | None = None


def pseudo(subject: int) -> Receiver:
    """Return a named receiver with its own slice."""
    return Receiver(subject, PSEUDO_SLICE[subject])


@dataclass(slots=True)
class Group:
    """A row of the table ``groups``, filled as the split goes on."""

    number: int
    entry: Entry
    method: str
    amount: Decimal
    gross: Decimal
    driver: str = ""
    level: str = "own"
    cell: str | None = None
    weighed: Window | None = None
    total: int = 0
    shift: int = 0
    holder: Receiver | None = None
    residual: int = 0
    receivers: int = 0
    moves: bool = True
    largest: int = 0
    """The largest weight of a receiver."""
    subjects: int = 0
    """How many of the receivers are subjects."""

    @property
    def atoms(self) -> Atoms:
        """The amount in atoms."""
        return atoms(self.amount)

    @property
    def most(self) -> Decimal:
        """An amount that no receiver got more than; cheap, and at most some atoms too high."""
        if not self.largest:
            return ZERO
        places, whole, tail = self.atoms
        part = rounded(max(whole, 0), self.largest, self.total)
        return Decimal(part + abs(self.residual)).scaleb(-places) + abs(tail)

    def row(self, billing_period: str) -> tuple[Any, ...]:
        """Return the stored row, in the order of the table's columns."""
        window, weighed = self.entry.window, self.weighed or self.entry.window
        cut = self.atoms
        return (
            self.entry.basis, self.number, self.entry.pool, self.method, self.driver,
            billing_period, window.span.start, window.span.end, window.grain, self.cell,
            self.level, weighed.span.start, weighed.span.end, self.amount, self.gross,
            cut.places, cut.whole, cut.tail, Decimal(self.total), self.shift,
            self.holder.subject if self.holder else None, self.residual, self.receivers,
        )  # fmt: skip

    def rate(self) -> tuple[Any, ...] | None:
        """Return the stored row of ``rates``: the price of a unit of the driver, if it has one."""
        if self.method != "driver" or not self.total or self.receivers == 0:
            return None
        window = self.entry.window.span
        price = stored(self.amount / self.total)
        return (self.entry.basis, self.number, self.entry.pool, self.cell, self.driver,
                window.start, window.end, self.amount, Decimal(self.total), price)  # fmt: skip


class Leaf(NamedTuple):
    """A group that a driver's shares split in the engine."""

    group: Group
    driver: int
    cell: str | None
    """``None``: the shares of all cells, summed."""


class Fixed(NamedTuple):
    """A part that is known without shares."""

    group: Group
    receiver: Receiver
    w: int
    amount: Decimal
    gross: Decimal


class Flow(NamedTuple):
    """An amount handed from one group to another."""

    parent: Group
    child: Group
    position: int
    w: int | None
    amount: Decimal
    gross: Decimal

    def row(self) -> tuple[Any, ...]:
        """Return the stored row, in the order of the table's columns."""
        return (self.parent.entry.basis, self.parent.number, self.child.number, self.position,
                self.w, self.amount, self.gross)  # fmt: skip


@dataclass(slots=True)
class Book:
    """Groups, flows and fixed parts of one period, numbered in the order they are made."""

    groups: list[Group] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    fixed: list[Fixed] = field(default_factory=list)

    def open(self, entry: Entry, method: str, *, driver: str = "") -> Group:
        """Make the group that an entry's amount enters by."""
        cell = entry.cell or None
        return self._new(entry, method, entry.amount, entry.gross, driver=driver, cell=cell)

    def child(
        self,
        parent: Group,
        method: str,
        position: int,
        w: int | None,
        part: tuple[Decimal, Decimal],
    ) -> Group:
        """Make the group that takes one part of a cut."""
        made = self._new(parent.entry, method, *part, cell=parent.cell)
        self.flows.append(Flow(parent, made, position, w, *part))
        return made

    def merged(self, parents: list[Group], method: str, *, cell: str | None) -> Group:
        """Make the group that takes all of several groups of one pool, window and basis."""
        amount = total([p.amount for p in parents])
        gross = total([p.gross for p in parents])
        made = self._new(parents[0].entry, method, amount, gross, cell=cell)
        made.moves = any(parent.moves for parent in parents)
        for parent in parents:
            self.flows.append(Flow(parent, made, 0, None, parent.amount, parent.gross))
        return made

    def give(self, group: Group, receiver: Receiver, level: str = "own") -> None:
        """Give all of a group to one receiver."""
        group.total, group.holder, group.receivers, group.level = 1, receiver, 1, level
        group.largest, group.subjects = 1, int(receiver.subject > NOBODY)
        self.fixed.append(Fixed(group, receiver, 1, group.amount, group.gross))

    def give_unit(self, group: Group, subject: int, pieces: list[tuple[int, int]]) -> None:
        """Give all of a group to one subject, cut over the slices it was in by their time."""
        if len(pieces) == 1:
            self.give(group, Receiver(subject, pieces[0][0]))
            return
        made = cut(group.amount, group.gross, [time for _, time in pieces])
        receivers = [Receiver(subject, number) for number, _ in pieces]
        group.total, group.shift, group.residual = sum(made.weights), made.shift, made.residual
        group.holder, group.receivers = receivers[made.holder], len(receivers)
        group.largest, group.subjects = max(made.weights), len(receivers)
        for receiver, w, part in zip(receivers, made.weights, made.parts, strict=True):
            self.fixed.append(Fixed(group, receiver, w, *part))

    def idle(self, group: Group, made: Cut) -> None:
        """Give the second part of a cut to idle capacity."""
        receiver = pseudo(IDLE)
        if made.holder == 1:
            group.holder = receiver
        group.receivers = 1
        self.fixed.append(Fixed(group, receiver, made.weights[1], *made.parts[1]))

    def _new(
        self,
        entry: Entry,
        method: str,
        amount: Decimal,
        gross: Decimal,
        *,
        driver: str = "",
        cell: str | None = None,
    ) -> Group:
        group = Group(len(self.groups) + 1, entry, method, amount, gross, driver, cell=cell)
        group.moves = entry.moves
        self.groups.append(group)
        return group


class Cut(NamedTuple):
    """An amount and its gross part cut over the same few weights."""

    weights: list[int]
    shift: int
    parts: list[tuple[Decimal, Decimal]]
    holder: int
    residual: int


def cut(amount: Decimal, gross: Decimal, weights: list[int]) -> Cut:
    """Cut both over the weights; the residual of each goes to the first largest."""
    used, shift = scaled(weights)
    parts = list(zip(split(amount, used), split(gross, used), strict=True))
    return Cut(used, shift, parts, used.index(max(used)), residual_of(amount, used))


def residual_of(amount: Decimal, weights: list[int]) -> int:
    """Return the atoms that the holder has beyond its own rounded part."""
    total_weight, whole = sum(weights), atoms(amount).whole
    parts = [rounded(abs(whole), w, total_weight) for w in weights]
    return (abs(whole) - sum(parts)) * (-1 if whole < 0 else 1)
