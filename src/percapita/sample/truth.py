"""The answer: what every tier truly cost, from the company's own books and its own usage.

It shares nothing with the product but the rules of splitting: amounts as generated, usage as
generated, plain loops, forty digits. A *view* says whether usage is taken as it happened or as the
delivered files tell it, with the planted errors in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal
from typing import Final, Literal, NamedTuple

from percapita.sample.bill import Charge, month_bounds
from percapita.sample.books import Invoice
from percapita.sample.company import ANONYMOUS, BOTS, DAYS, MONTHS, Company, Stratum
from percapita.sample.usage import SILENT, Usage, own_instance

View = Literal["true", "delivered"]
Shares = Mapping[Stratum, Decimal]

FORTY: Final = Context(prec=40)
ONE, ZERO = Decimal(1), Decimal(0)

IDLE, EXCLUDED, UNALLOCATED = (Stratum(name, name) for name in ("idle", "excluded", "unallocated"))
NOT_ALLOCATED: Final = (ANONYMOUS, BOTS, IDLE, EXCLUDED, UNALLOCATED)

EXCLUDED_POOLS: Final = ("engineering productivity", "build pipeline")
DRIVERS: Final = {
    "api": "api",
    "workers": "worker.cpu",
    "edge": "egress",
    "functions": "functions.time",
    "e-mail": "emails",
    "object storage": "storage.bytes",
    "postgres": "db.queries",
}
"""Pools that one meter splits."""
MIXES: Final = {
    "cache": (("requests", "0.7"), ("db.queries", "0.3")),
    "observability": (("requests", "0.6"), ("db.queries", "0.4")),
    "support desk": (("tickets.minutes", "0.8"), ("active", "0.2")),
}
MONTHLY: Final = ("object storage", "support desk")
"""Pools with a driver that are split once a month."""
OVERHEADS: Final = ("security", "knowledge base", "unused commitment", "cloud support", "tax")
"""In the order of the cost model: each is weighed by what stands above it."""
WEIGHTS: Final = {"Free": 1, "Pro": 3, "Enterprise": 5}
"""What each tier as a whole weighs in the knowledge base."""


class Entry(NamedTuple):
    """Money that enters a pool on a day."""

    pool: str
    cell: str
    day: date
    billed: str
    """Billing month."""
    amount: Decimal
    positive: bool


@dataclass(slots=True)
class Truth:
    """Cost by month and receiver, and how many users were active."""

    cost: dict[str, dict[str, Decimal]] = field(
        default_factory=lambda: {month: defaultdict(Decimal) for month in MONTHS}
    )
    units: dict[str, dict[str, int]] = field(default_factory=dict)


def entries(charges: Sequence[Charge], invoices: Iterable[Invoice]) -> Iterator[Entry]:
    """Yield all money, credits already cut over what they correct, charges over their days."""
    for charge in charges:
        if charge.follows is None:
            yield from _spread(charge, charge.month, charge.effective)
            continue
        corrected = [other for other in charges if charge.follows(other)]
        whole = sum((other.effective for other in corrected), ZERO)
        for other in corrected:
            part = FORTY.divide(FORTY.multiply(charge.effective, other.effective), whole)
            yield from _spread(other, charge.month, part)
    for bill in invoices:
        first, after = month_bounds(bill.month)
        days = [day for day in DAYS if first <= day < after]
        for day in days:
            part = FORTY.divide(bill.amount, Decimal(len(days)))
            yield Entry(bill.pool, "", day, bill.month, part, positive=True)


def _spread(charge: Charge, billed: str, amount: Decimal) -> Iterator[Entry]:
    first = charge.start.date()
    count = max(1, (charge.end - charge.start).days)
    part = FORTY.divide(amount, Decimal(count))
    at = DAYS.index(first)
    for day in DAYS[at : at + count]:
        yield Entry(charge.pool, charge.cell, day, billed, part, positive=amount > 0)


def solve(company: Company, usage: Usage, money: Sequence[Entry], view: View) -> Truth:
    """Return what every tier cost, seen in this view."""
    splitter = _Splitter(company, usage, view)
    truth = Truth(units=_units(company, usage, view))
    gross: dict[str, dict[Stratum, Decimal]] = {m: defaultdict(Decimal) for m in MONTHS}
    ordinary = [entry for entry in money if entry.pool not in OVERHEADS]
    for entry, day in _summed(ordinary):
        _give(truth, gross, entry, splitter.shares(entry.pool, entry.cell, day), view)
    for pool in OVERHEADS:
        mine = [(e, day) for e, day in _summed(e for e in money if e.pool == pool)]
        weights = {month: _overhead(splitter, pool, month, gross[month]) for month in MONTHS}
        for entry, _ in mine:
            _give(truth, gross, entry, weights[entry.billed], view)
    return truth


def _summed(money: Iterable[Entry]) -> list[tuple[Entry, date]]:
    """Sum what is split alike; the day of the split is the first of the month where monthly."""
    sums: dict[tuple[str, str, date, str, bool], Decimal] = defaultdict(Decimal)
    for entry in money:
        monthly = entry.pool in (*MONTHLY, *OVERHEADS)
        day = entry.day.replace(day=1) if monthly else entry.day
        key = (entry.pool, entry.cell, day, entry.billed, entry.positive)
        sums[key] = FORTY.add(sums[key], entry.amount)
    return [
        (Entry(pool, cell, day, billed, amount, positive), day)
        for (pool, cell, day, billed, positive), amount in sums.items()
    ]


def _give(
    truth: Truth,
    gross: Mapping[str, dict[Stratum, Decimal]],
    entry: Entry,
    shares: Shares,
    view: View,
) -> None:
    month = truth.cost[f"{entry.day:%Y-%m}"]
    for stratum, share in shares.items():
        part = FORTY.multiply(entry.amount, share)
        name = getattr(stratum, view)
        month[name] = FORTY.add(month[name], part)
        if entry.positive:
            weight = gross[entry.billed]
            weight[stratum] = FORTY.add(weight[stratum], part)


def _overhead(
    splitter: _Splitter, pool: str, month: str, gross: Mapping[Stratum, Decimal]
) -> Shares:
    if pool == "security":
        return splitter.active(month)
    if pool == "knowledge base":
        return _normal({Stratum(tier, tier): weight for tier, weight in WEIGHTS.items()})
    if pool == "unused commitment":
        gross = {s: amount for s, amount in gross.items() if s not in NOT_ALLOCATED}
    return _normal(gross)


def _normal(weights: Mapping[Stratum, Decimal | int]) -> dict[Stratum, Decimal]:
    total = Decimal(0)
    for weight in weights.values():
        total = FORTY.add(total, Decimal(weight))
    return {s: FORTY.divide(Decimal(weight), total) for s, weight in weights.items() if weight > 0}


class _Splitter:
    """Who gets which share of a pool on a day."""

    def __init__(self, company: Company, usage: Usage, view: View) -> None:
        self._usage = usage
        self._lost = ("functions.time", "", SILENT) if view == "delivered" else None
        self._users = {user.number: user for user in company.users}
        self._databases = {tenant: own_instance(tenant) for tenant in company.dedicated}
        self._months: dict[tuple[str, str, str], dict[Stratum, int]] = {}

    def shares(self, pool: str, cell: str, day: date) -> Shares:
        if pool in EXCLUDED_POOLS:
            return {EXCLUDED: ONE}
        if pool == "unallocated":
            return {UNALLOCATED: ONE}
        if pool == "customer databases":
            return self._driver("db.queries", self._databases[cell], day)
        if pool == "control plane":
            return self._through(day)
        if pool in MIXES:
            return self._mix(pool, day)
        shares = self._driver(DRIVERS[pool], cell, day)
        return self._with_idle(cell, day, shares) if pool == "postgres" else shares

    def _weights(self, meter: str, cell: str, day: date) -> Mapping[Stratum, int]:
        if (meter, cell, day) == self._lost:
            return {}
        return self._usage.sums.get((meter, cell, day), {})

    def _driver(self, meter: str, cell: str, day: date) -> Shares:
        weights = self._weights(meter, cell, day) or self._month(meter, cell, f"{day:%Y-%m}")
        return _normal(weights)

    def _month(self, meter: str, cell: str, month: str) -> Mapping[Stratum, int]:
        """The first widening: the month's usage of the same cell."""
        if (meter, cell, month) not in self._months:
            sums: dict[Stratum, int] = defaultdict(int)
            for day in DAYS:
                if f"{day:%Y-%m}" == month:
                    for stratum, quantity in self._weights(meter, cell, day).items():
                        sums[stratum] += quantity
            self._months[meter, cell, month] = sums
        return self._months[meter, cell, month]

    def _with_idle(self, cell: str, day: date, shares: Shares) -> Shares:
        capacity = sum(self._weights("db.cpu_capacity", cell, day).values())
        used = sum(self._weights("db.cpu", cell, day).values())
        busy = FORTY.divide(Decimal(used), Decimal(capacity))
        parts = {s: FORTY.multiply(share, busy) for s, share in shares.items()}
        return {**parts, IDLE: ONE - busy}

    def _through(self, day: date) -> Shares:
        sums: dict[Stratum, Decimal] = defaultdict(Decimal)
        weights = {
            pool: Decimal(sum(self._weights("node.cpu", pool, day).values()))
            for pool in ("api", "workers")
        }
        for pool, weight in weights.items():
            part = FORTY.divide(weight, sum(weights.values()))
            _add(sums, self.shares(pool, "", day), part)
        return sums

    def _mix(self, pool: str, day: date) -> Shares:
        sums: dict[Stratum, Decimal] = defaultdict(Decimal)
        for meter, factor in MIXES[pool]:
            month = f"{day:%Y-%m}"
            if meter == "active":
                shares = self.active(month)
            elif pool in MONTHLY:
                shares = _normal(self._month(meter, "", month))
            else:
                shares = self._driver(meter, "", day)
            _add(sums, shares, Decimal(factor))
        return sums

    def active(self, month: str) -> Shares:
        """One for each active user, and one more for each further subscription in the month."""
        sums: dict[Stratum, int] = defaultdict(int)
        for number, stays in self._usage.active[month].items():
            for stay in stays:
                sums[self._users[number].stratum(stay.tier)] += 1
        return _normal(sums)


def _add(sums: dict[Stratum, Decimal], shares: Shares, factor: Decimal) -> None:
    for stratum, share in shares.items():
        sums[stratum] = FORTY.add(sums[stratum], FORTY.multiply(share, factor))


def _units(company: Company, usage: Usage, view: View) -> dict[str, dict[str, int]]:
    """Active users of a month by tier; who changed tier and was active in both counts in both."""
    users = {user.number: user for user in company.users}
    units = {}
    for month, active in usage.active.items():
        counts: dict[str, int] = defaultdict(int)
        for number, stays in active.items():
            for name in {getattr(users[number].stratum(stay.tier), view) for stay in stays}:
                counts[name] += 1
        units[month] = {**counts, "": counts.get("", 0), "all": len(active)}
    return units
