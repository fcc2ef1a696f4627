"""What explain is asked and what it finds, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from percapita.core import money
from percapita.core.periods import Span
from percapita.store.read.run import GroupRow


@dataclass(frozen=True, slots=True)
class Question:
    """What both ways have in common."""

    basis: str
    runs: tuple[tuple[str, str], ...]
    """Billing period and the run to read for it."""
    window: Span | None = None
    """Only line parts that start in it; ``None``: all."""
    pool: str = ""
    lines: int | None = None
    """How many lines to name, dearest first; ``None`` is all."""


class Share(NamedTuple):
    """What was asked for has this of one group."""

    group: GroupRow
    run: str
    weight: int
    amount: Decimal
    holds: bool
    """The residual of the group is among it."""
    rows: int
    whole: bool
    """The group lies in the window; else ``amount`` is of what lies in it alone."""


class Cell(NamedTuple):
    """What one line gave in one group."""

    billing_period: str
    group: int
    start: datetime
    follows: str
    amount: Decimal


class LineShare(NamedTuple):
    """What one line gave over all groups."""

    line: Mapping[str, Any]
    amount: Decimal
    cells: tuple[Cell, ...]


@dataclass(slots=True)
class Down:
    """A figure, its groups, and the lines it consists of."""

    shares: list[Share] = field(default_factory=list)
    lines: list[LineShare] = field(default_factory=list)
    others: int = 0
    """Lines that have a part and are not named."""

    @property
    def total(self) -> Decimal:
        """The amount that is explained."""
        return money.total([share.amount for share in self.shares])

    @property
    def named(self) -> Decimal:
        """What the named lines gave."""
        return money.total([line.amount for line in self.lines])


class Step(NamedTuple):
    """What a line brought to one group whose ledger rows are its receivers."""

    run: str
    group: GroupRow
    path: tuple[str, ...]
    """Methods of the groups it came through, the entry first."""
    amount: Decimal


class Got(NamedTuple):
    """What one receiver got of a line in one group."""

    billing_period: str
    group: int
    pool: str
    subject: int
    kind: str
    attributes: Mapping[str, str]
    amount: Decimal


@dataclass(slots=True)
class Up:
    """A line, the groups it went to, and who got it."""

    line: Mapping[str, Any]
    parts: list[tuple[GroupRow, Cell]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """What the line's parts sum to."""
        return money.total([cell.amount for _, cell in self.parts])
