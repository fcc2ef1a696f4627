"""What a report consists of. Every figure is written once, here; no form rounds it anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from percapita.core import money as exactly
from percapita.report import numbers


class Figure(str):
    """A figure as it is read; where it can be pointed at, every digit of it shows."""

    __slots__ = ("exact",)
    exact: str

    @classmethod
    def of(cls, value: Decimal | int, shown: str) -> Self:
        """Return a value, and how it is shown."""
        made = cls(shown)
        made.exact = str(value) if isinstance(value, int) else exactly.text(value) or ""
        return made


def money(value: Decimal | None, places: int = 2, *, plus: bool = False) -> str:
    """Write an amount; ``plus`` marks rises with a sign."""
    if value is None:
        return numbers.UNKNOWN
    sign = "+" if plus and value > 0 else ""
    return Figure.of(value, sign + numbers.amount(value, places))


def count(value: int | None) -> str:
    """Write a whole number."""
    return numbers.UNKNOWN if value is None else Figure.of(value, numbers.count(value))


def percent(value: Decimal | None) -> str:
    """Write a percentage with its sign."""
    return numbers.UNDEFINED if value is None else Figure.of(value, f"{numbers.share(value)} %")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; the first one is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; quiet ones are notes."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Names, each with its figure and what else is to be said of it."""

    pairs: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. The first ``text`` columns are words, the others figures."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    sums: int = 0
    """How many of the last rows are sums."""
    trailing: int = 0
    """How many of the last columns are words."""

    def words(self, column: int) -> bool:
        """Tell whether a column holds words."""
        return column < self.text or column >= len(self.header) - self.trailing


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart, as SVG that classes colour."""

    svg: str
    label: str


Block = Heading | Words | Facts | Grid | Picture


@dataclass(frozen=True, slots=True)
class Document:
    """A report."""

    title: str
    blocks: Sequence[Block] = field(default=())
