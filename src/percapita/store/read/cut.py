"""How a question cuts a run's tables, and the rows that it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from percapita.core.periods import Span


@dataclass(frozen=True, slots=True)
class Cut:
    """What a question needs to see of each amount, in the words of the tables."""

    basis: str
    zone: str
    span: Span | None = None
    """``None``: everything."""
    receivers: tuple[tuple[str, str], ...] = ()
    """(place, name): attribute of the slice, subject of a kind, or dimension of the ledger."""
    lines: tuple[str, ...] = ()
    """FOCUS columns, ``source`` or ``tags.KEY``."""
    times: tuple[str, ...] = ()
    """``day`` and ``month``, of the model's time zone."""
    pools: Mapping[str, str] = field(default_factory=dict)
    """Pools of the model, each with the pool that can stand for it in this question."""
    billing: bool = False
    """Billing periods are told apart."""

    only: tuple[tuple[str, str], ...] = ()
    """Attributes of slices and their values that are asked for: slices that lack any of them need
    not be told apart, but by their kind."""

    @property
    def by_subject(self) -> bool:
        """Only the ledger tells subjects apart."""
        return any(place == "subject" for place, _ in self.receivers)


class Top(NamedTuple):
    """The dearest subjects alone are asked for: which amounts make up their rows."""

    at: int
    """Which of the cut's receivers is the subject."""
    most: int
    skip: int
    """Of the dearest, how many come before those that are asked for."""
    pools: tuple[str, ...] | None
    """Pools that count; ``None``: all."""
    where: tuple[tuple[int, Any], ...]
    """Receivers of the cut, by their place in it, and what they must be."""
    beside: tuple[str, ...]
    """Kinds of receiver that are no rows but named lines."""


class Amount(NamedTuple):
    """A sum of ledger amounts that a question cannot tell apart."""

    pool: str
    method: str
    billing_period: str
    kind: str
    known: str
    """Attributes of a receiver that stands for many."""
    receivers: tuple[Any, ...]
    parts: tuple[str | None, ...]
    """Times, then line columns."""
    amount: Decimal


class Share(NamedTuple):
    """What receivers that cannot be told apart got from one group."""

    group: int
    pool: str
    method: str
    billing_period: str
    kind: str
    known: str
    receivers: tuple[Any, ...]
    weight: int
    amount: Decimal
