"""Lines to parts: which pool takes a line, what a credit follows, which days it falls on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from percapita.model.spec import Condition, Match
from reference.kernel import split
from reference.world import COST_COLUMN, Clock, Line, Window, World, micros

NANO = 10**9

KEYS: tuple[tuple[str, ...], ...] = (
    ("source", "file", "row"),
    ("CommitmentDiscountId",),
    ("ResourceId", "SkuId"),
    ("SubAccountId", "ServiceName"),
    ("BillingAccountId",),
)
"""What a credit and the charge it follows share, the closest kinship first."""


class Part(NamedTuple):
    """An amount of a line on a day; the order of the fields is the order of running totals."""

    day: date
    line: str
    follows: str
    amount: Fraction


@dataclass(frozen=True)
class Charge:
    """A line, or the part of a credit that goes with one charge, before it is spread by time."""

    line: Line
    host: Line
    """The line that says pool, cell and time: itself, or the charge that is followed."""
    pool: str
    cell: str
    costs: Mapping[str, Fraction]
    level: int = 0
    """How a credit found its charge; 0 for all others too."""

    @property
    def follows(self) -> str:
        """The charge that a credit follows."""
        return "" if self.host is self.line else str(self.host["LineId"])


def fits(value: str | None, condition: Condition) -> bool:
    """Tell whether a value is what a condition asks for."""
    if condition.present is not None:
        return (value is not None) == condition.present
    return value is not None and any(_like(value, pattern) for pattern in condition.values)


def _like(value: str, pattern: str) -> bool:
    wild = {"*": ".*", "?": "."}
    regex = "".join(wild.get(letter) or re.escape(letter) for letter in pattern)
    return re.fullmatch(regex, value, re.DOTALL) is not None


def column(line: Line, name: str) -> str | None:
    """Return what a line has in a column, in a tag, or in a column of its own file."""
    kind, dot, key = name.partition(".")
    if kind == "tags" and dot:
        found = line["Tags"].get(key)
    elif name.startswith("x_"):
        found = line["Extra"].get(name)
    else:
        found = line.get(name)
    return None if found is None else str(found)


def takes(match: Match, line: Line) -> bool:
    """Tell whether a pool's match takes a line."""
    return all(fits(column(line, name), wanted) for name, wanted in match.columns.items())


def charges(world: World, bases: tuple[str, ...]) -> Iterator[Charge]:
    """Yield every line, credits cut over what they correct, with its pool and cell."""
    for line in world.lines:
        costs = _costs(line, bases)
        if is_credit(world, line) and not _is_rounding(line):
            yield from _credit(world, line, costs)
        else:
            pool, cell = place(world, line)
            yield Charge(line, line, pool, cell, costs)


def place(world: World, line: Line) -> tuple[str, str]:
    """Return the first pool that takes a line, and the line's cell in it."""
    if _is_rounding(line):
        return "rounding", ""
    for pool in world.model.pools:
        if takes(pool.match, line):
            names = [pool.direct.column] if pool.direct else list(pool.within.values())
            return pool.name, cell_of([column(line, name) for name in names])
    return "unallocated", ""


def cell_of(values: list[str | None]) -> str:
    """Write the values of a pool's cell columns as one text; no columns is the empty text."""
    return json.dumps(values) if values else ""


def is_credit(world: World, line: Line) -> bool:
    """Tell a credit, or a correction downwards, from an ordinary line."""
    cost = line.get(COST_COLUMN[world.model.basis])
    down = line.get("ChargeClass") == "Correction" and cost is not None and cost < 0
    return bool(line.get("ChargeCategory") == "Credit" or down)


def _is_rounding(line: Line) -> bool:
    return bool(line["Extra"].get("percapita") == "rounding")


def _costs(line: Line, bases: tuple[str, ...]) -> dict[str, Fraction]:
    found: dict[str, Decimal | None] = {basis: line.get(COST_COLUMN[basis]) for basis in bases}
    return {basis: Fraction(cost) for basis, cost in found.items() if cost is not None}


def _credit(world: World, line: Line, costs: Mapping[str, Fraction]) -> Iterator[Charge]:
    level, hosts = _followed(world, line) if world.model.credits == "follow" else (0, [])
    if not hosts:
        yield Charge(line, line, "credits", "", costs)
        return
    weights = [weight for _, weight in hosts]
    cuts = {basis: split(cost, weights) for basis, cost in costs.items()}
    for position, (host, _) in enumerate(hosts):
        pool, cell = place(world, host)
        mine = {basis: parts[position] for basis, parts in cuts.items() if parts[position]}
        yield Charge(line, host, pool, cell, mine, level)


def _followed(world: World, line: Line) -> tuple[int, list[tuple[Line, int]]]:
    """Return the gross charges a credit corrects, by LineId, with their weights."""
    hosts = sorted(world.lines, key=lambda host: str(host["LineId"]))
    gross = [(host, _weight(world, host)) for host in hosts]
    near = [(host, w) for host, w in gross if w > 0 and _within(line, host)]
    for level, keys in enumerate(KEYS):
        wanted = [line.get(key) for key in keys]
        if None not in wanted:
            found = [(h, w) for h, w in near if [h.get(key) for key in keys] == wanted]
            if found:
                return level, found
    return 0, []


def _weight(world: World, host: Line) -> int:
    cost = host.get(COST_COLUMN[world.model.basis])
    usual = host.get("ChargeCategory") in ("Usage", "Purchase")
    if cost is None or cost <= 0 or not usual or host.get("ChargeClass") == "Correction":
        return 0
    return int(Fraction(cost) * NANO)


def _within(credit: Line, host: Line) -> bool:
    end = credit["ChargePeriodEnd"]
    began = credit["ChargePeriodStart"] <= host["ChargePeriodStart"]
    return began and end is not None and bool(host["ChargePeriodStart"] < end)


def billing_of(world: World, line: Line) -> str:
    """Return the name of a line's billing period; its charge's month if it has none."""
    start = line.get("BillingPeriodStart")
    if start is not None:
        return f"{start:%Y-%m}"
    return f"{world.clock.day(line['ChargePeriodStart']):%Y-%m}"


def spread(world: World, charge: Charge, basis: str) -> list[Part]:
    """Return the parts of a charge by day in one basis; none where the basis has no cost."""
    amount = charge.costs.get(basis)
    if amount is None:
        return []
    start, end = charge.host["ChargePeriodStart"], charge.host["ChargePeriodEnd"]
    if end is None or end < start:
        end = start
    first, last = charge.line["BillingPeriodStart"], charge.line["BillingPeriodEnd"]
    if basis == "billed" and first is not None:
        start, end = _inside(start, end, first, last)
    days = _days(world.clock, start, end)
    if amount == 0 or len(days) == 1:
        days = {next(iter(days)): 1}
    amounts = split(amount, list(days.values()))
    name = str(charge.line["LineId"])
    return [Part(day, name, charge.follows, a) for day, a in zip(days, amounts, strict=True)]


def _inside(
    start: datetime, end: datetime, first: datetime, last: datetime
) -> tuple[datetime, datetime]:
    """Keep a span inside a billing period; one that misses it becomes the whole period."""
    if start == end:
        return (start, end) if first <= start < last else (first, last)
    left, right = max(start, first), min(end, last)
    return (left, right) if left < right else (first, last)


def _days(clock: Clock, start: datetime, end: datetime) -> dict[date, int]:
    """Return the days a span touches, in order, with the microseconds it has in each."""
    window, found = Window("day", clock.day(start)), dict[date, int]()
    while clock.midnight(window.first) < end or not found:
        left, right = clock.bounds(window)
        found[window.first] = micros(max(start, left), min(end, right))
        window = Window("day", window.after)
    return found
