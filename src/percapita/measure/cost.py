"""Cost by any cut: rows of allocated cost, the named lines beside them, and their total.

Rows plus named lines are the bill total, whatever is cut, filtered or left out of the scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final, NamedTuple

from percapita.core.errors import ProofError
from percapita.core.money import ZERO, text, total
from percapita.core.subjects import CLASS_OF_KIND, CLASSES, REST, SEGMENT, TENANT
from percapita.measure.question import FULL, POOL_FACTS, SCOPES, Dimension, Question
from percapita.model.spec import Model, Pool

_EXACT: Final = Context(prec=120)

Key = tuple[str | None, ...]
"""Values of the dimensions asked for; ``None`` is not known."""

OUTSIDE: Final = "outside_scope"
FILTERED: Final = "filtered"
ACQUISITION: Final = "acquisition"
"""Named lines that only some questions have."""

_WIDER: Final = (SEGMENT, TENANT)
"""Kinds of subject that stand for many users."""


class Piece(NamedTuple):
    """An amount with everything a question can look at."""

    pool: str
    method: str
    """As in ``groups``; counts only where the model has no such pool."""
    billing_period: str
    kind: str
    """Of the receiver."""
    known: str
    """What is known of a receiver that stands for many: ``tier``."""
    values: Mapping[Dimension, str | None]
    """Of the dimensions that are not the pool's."""
    free: bool
    """The receiver is in the free tier."""
    amount: Decimal


@dataclass(slots=True)
class Amounts:
    """Allocated cost by how it was allocated."""

    direct: Decimal = ZERO
    shared: Decimal = ZERO
    overhead: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return total([self.direct, self.shared, self.overhead])

    def add(self, part: str, amount: Decimal) -> None:
        """Add to ``direct``, ``shared`` or ``overhead``."""
        setattr(self, part, _EXACT.add(getattr(self, part), amount))


@dataclass(slots=True)
class Costs:
    """Rows and named lines of one question."""

    rows: dict[Key, Amounts] = field(default_factory=dict)
    coarser: dict[Key, str] = field(default_factory=dict)
    """Rows whose missing value cannot be known, and below what."""
    named: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(CLASSES, ZERO))
    rest: Amounts = field(default_factory=Amounts)
    """Rows that were summed up unseen, where the dearest alone were asked for."""
    everybody: frozenset[Key] = frozenset()
    """All rows there are, seen or not; empty where none is unseen."""
    infrastructure: Decimal = ZERO
    """Of the rows, what pools of scope infrastructure hold."""
    allocated: bool = False
    """Anything at all is allocated, in scope or out of it."""

    @property
    def totals(self) -> Amounts:
        """All rows together."""
        rows = [*self.rows.values(), self.rest]
        return Amounts(
            total([row.direct for row in rows]),
            total([row.shared for row in rows]),
            total([row.overhead for row in rows]),
        )

    @property
    def bill_total(self) -> Decimal:
        """Rows and named lines together."""
        return total([self.totals.total, *self.named.values()])


class BillMissedError(ProofError):
    """Rows and named lines are not the bill."""

    def __init__(self, found: Decimal, bill: Decimal) -> None:
        super().__init__(
            f"Rows and named lines sum to {text(found)}, the bill's parts to {text(bill)}.",
            hint="The run is damaged: run percapita run again, and report this if it stays.",
        )


def costs(pieces: Iterable[Piece], question: Question, model: Model, *, bill: Decimal) -> Costs:
    """Sort every amount into a row or a named line.

    ``bill`` is the total of the line parts, summed elsewhere.

    Raises:
        BillMissedError: rows and named lines do not sum to it.
    """
    sorter = _Sorter(question, model)
    for piece in pieces:
        sorter.take(piece)
    result = sorter.result
    if result.bill_total != bill:
        raise BillMissedError(result.bill_total, bill)
    return result


def places(question: Question, model: Model) -> Callable[[Piece], Key | None]:
    """Return what says in which row of a question a piece is; ``None``: in a named line."""
    return _Sorter(question, model).place


class _Sorter:
    def __init__(self, question: Question, model: Model) -> None:
        self.question = question
        self.pools = {pool.name: pool for pool in model.pools}
        self.acquisition = model.free_tier == "acquisition"
        self.within = SCOPES[question.scope][1]
        self.result = Costs()
        if question.scope != FULL:
            self.result.named[OUTSIDE] = ZERO
        if question.where:
            self.result.named[FILTERED] = ZERO
        if self.acquisition:
            self.result.named[ACQUISITION] = ZERO
        self.whose = [at.place for at in question.by] == ["subject"]
        self._mixed: dict[Key, set[str]] = {}

    def take(self, piece: Piece) -> None:
        pool = self.pools.get(piece.pool)
        kind = CLASS_OF_KIND.get(piece.kind)
        self.result.allocated = self.result.allocated or kind is None
        line = self._line(piece, pool, kind)
        if line:
            self.result.named[line] = _EXACT.add(self.result.named[line], piece.amount)
            return
        key = self._key(piece, pool)
        unseen = self.whose and key == (REST,)
        row = self.result.rest if unseen else self.result.rows.setdefault(key, Amounts())
        row.add(_part(pool, piece.method), piece.amount)
        if pool is not None and SCOPES["infrastructure"][1](pool):
            self.result.infrastructure = _EXACT.add(self.result.infrastructure, piece.amount)
        self._note_coarser(key, piece)

    def place(self, piece: Piece) -> Key | None:
        pool = self.pools.get(piece.pool)
        line = self._line(piece, pool, CLASS_OF_KIND.get(piece.kind))
        return None if line else self._key(piece, pool)

    def _key(self, piece: Piece, pool: Pool | None) -> Key:
        return tuple(self._value(piece, pool, at) for at in self.question.by)

    def _line(self, piece: Piece, pool: Pool | None, kind: str | None) -> str | None:
        """Return the named line an amount belongs to; ``None`` where it belongs to a row."""
        if self.question.scope != FULL and (pool is None or not self.within(pool)):
            return OUTSIDE
        if any(self._value(piece, pool, at) != value for at, value in self.question.where):
            return FILTERED
        if kind is None and piece.free and self.acquisition:
            return ACQUISITION
        return kind

    def _value(self, piece: Piece, pool: Pool | None, at: Dimension) -> str | None:
        if at.place == "group":
            return piece.billing_period
        if at.place != "pool":
            return piece.values[at] or None
        if at.source == "pool":
            return piece.pool
        return pool_value(pool, at) if pool is not None else None

    def _note_coarser(self, key: Key, piece: Piece) -> None:
        """A row's value is below what is known only if that is so for all of the row."""
        missing = any(
            value is None and at.place in ("attribute", "subject")
            for at, value in zip(self.question.by, key, strict=True)
        )
        if not missing:
            return
        below = (piece.known or piece.kind) if piece.kind in _WIDER else ""
        reasons = self._mixed.setdefault(key, set())
        reasons.add(below)
        if len(reasons) == 1 and below:
            self.result.coarser[key] = below
        else:
            self.result.coarser.pop(key, None)


def pool_value(pool: Pool, at: Dimension) -> str | None:
    """Return what a pool is in a dimension that pools are told apart by."""
    return pool.name if at.source == "pool" else POOL_FACTS[at.source](pool) or None


def _part(pool: Pool | None, method: str) -> str:
    how = pool.method if pool is not None else method
    return how if how in ("direct", "overhead") else "shared"


def ordered(rows: Mapping[Key, Amounts], question: Question) -> list[Key]:
    """Return the keys as they are shown: by time where time is asked for, else dearest first."""
    keys = sorted(rows, key=_by_name)
    keys.sort(key=lambda key: rows[key].total, reverse=True)
    timed = [at for at, part in enumerate(question.by) if part.place in ("time", "group")]
    if timed:
        keys.sort(key=lambda key: _by_name([key[at] for at in timed]))
    return keys


def _by_name(key: Sequence[str | None]) -> list[tuple[bool, str]]:
    return [(part is None, part or "") for part in key]
