"""How often the interval of the live estimate holds the bill, over a simulated year.

    python benchmarks/year.py [--seed 1] [--days 365]

The year begins cold: nothing was ever billed. Prices jump, levels drift, weekdays differ, bills
come one to three days late and at first incomplete, and on the fifth of each month a tenth of the
month before is restated. Every midnight the day that ended is estimated, by the product's own code,
from what was known then; its last bill tells whether the interval held it. Beside it stands the
naive interval: the last day's rate, and 1.645 deviations of the day-to-day changes of four weeks.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from statistics import fmean, median, pstdev
from zoneinfo import ZoneInfo

from percapita.core.money import total
from percapita.core.periods import day_span
from percapita.model.load import loads
from percapita.reconcile.estimate.meters import Meter
from percapita.reconcile.estimate.spending import Series, Spending
from percapita.reconcile.estimate.ways import Key, key, ways

FIRST = date(2025, 1, 1)
UTC = ZoneInfo("UTC")
A_DAY = timedelta(days=1)
MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
pools:
  - {pool: nodes, match: {ServiceName: nodes}, by: requests, live: {price: node.hours}}
  - {pool: database, match: {ServiceName: database}, by: queries, behaviour: fixed}
  - {pool: mail, match: {ServiceName: mail}, by: mails, behaviour: variable}
  - {pool: storage, match: {ServiceName: storage}, by: queries, behaviour: fixed}
  - {pool: workers, match: {ServiceName: workers}, by: jobs}
  - {pool: gateway, match: {ServiceName: gateway}, by: requests}
  - {pool: licences, match: {ServiceName: licences}, overhead: active}
  - {pool: tax, match: {ChargeCategory: Tax}, overhead: cost}
"""
LAG = {"mail": 3, "gateway": 2}
"""Days until a bill covers a day; 1 unless said. Licences are billed by the month, ahead."""
PRICES = {
    "nodes": ((0, 0.10), (120, 0.108), (250, 0.095)),
    "database": ((0, 310.0), (90, 356.5)),
    "mail": ((0, 0.0009), (200, 0.0011)),
}
"""Day of the year, and the price from then on."""
RESTATED = 0.1
"""Part of the days that are restated."""
INVOICED = 3
"""Day of the month on which the month's invoice has come."""
LEAST = 2
"""Rates that a deviation takes."""
WEEK = (1.1, 1.12, 1.1, 1.08, 1.05, 0.72, 0.68)


def _price(pool: str, at: int) -> float:
    return next(price for first, price in reversed(PRICES[pool]) if at >= first)


@dataclass
class World:
    """What truly happened, and what bills say of it when."""

    random: Random
    days: int
    units: dict[str, dict[date, int]] = field(default_factory=dict)
    final: dict[str, dict[date, Decimal]] = field(default_factory=dict)
    first: dict[str, dict[date, Decimal]] = field(default_factory=dict)
    """As first billed; corrected three days later."""
    restated: dict[str, dict[date, Decimal]] = field(default_factory=dict)
    """As billed until the fifth of the month after."""

    def __post_init__(self) -> None:
        """Let the year happen."""
        walk = 0.0
        for at in range(self.days):
            walk += self.random.gauss(0, 0.006)
            self._day(at, FIRST + at * A_DAY, walk)

    def _noise(self, size: float) -> float:
        return self.random.lognormvariate(0, size)

    def _day(self, at: int, day: date, walk: float) -> None:
        season, growth = WEEK[day.weekday()], 1 + at / 500
        used = {
            "node.hours": 2400 * season**0.5 * growth * self._noise(0.03),
            "requests": 4e6 * season * growth * self._noise(0.06),
            "mails": 9e4 * season * self._noise(0.15),
            "jobs": 7e5 * self._noise(0.3),
            "queries": 2e7 * season * self._noise(0.1),
        }
        for meter, units in used.items():
            self.units.setdefault(meter, {})[day] = int(units)
        costs = {
            "nodes": used["node.hours"] * _price("nodes", at) * self._noise(0.01),
            "database": _price("database", at) * (1 + at / 3000) * self._noise(0.006),
            "mail": used["mails"] * _price("mail", at) * self._noise(0.04),
            "storage": 120 * 1.003**at * self._noise(0.004),
            "workers": 95 * season**1.5 * self._noise(0.05),
            "gateway": used["requests"] * 3.5e-6 * 10**walk * self._noise(0.02),
            "licences": 40 + 2 * day.month,
        }
        costs["tax"] = 0.08 * sum(costs.values()) * self._noise(0.002)
        for pool, cost in costs.items():
            self._bill(pool, day, cost)

    def _bill(self, pool: str, day: date, cost: float) -> None:
        settled = pool == "licences"
        changed = self.random.random() < RESTATED and not settled
        before = cost * (1 - abs(self.random.gauss(0, 0.02)) if changed else 1)
        early = before * (1 - abs(self.random.gauss(0, 0.01)) * (not settled))
        for kept, amount in ((self.final, cost), (self.restated, before), (self.first, early)):
            kept.setdefault(pool, {})[day] = Decimal(f"{amount:.9f}")

    def billed(self, pool: str, today: date) -> dict[date, Decimal]:
        """Return what the bills say of a pool at the midnight that begins ``today``."""
        lag = LAG.get(pool, 1)
        if pool == "licences":
            after = (today.replace(day=1) + 32 * A_DAY).replace(day=1)
            end = today.replace(day=1) if today.day <= INVOICED else after
        else:
            end = today - lag * A_DAY
        found = {}
        for day, amount in self.final[pool].items():
            if day >= end:
                break
            settling = (day.replace(day=1) + 32 * A_DAY).replace(day=5)
            said = amount
            if today < day + (lag + 3) * A_DAY:
                said = self.first[pool][day]
            elif today < settling:
                said = self.restated[pool][day]
            found[day] = said
        return found


@dataclass
class Score:
    """How the intervals of one pool did."""

    held: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    naive_held: list[bool] = field(default_factory=list)
    naive_widths: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def row(self, pool: str) -> str:
        """Return the line of the table."""
        return (
            f"| {pool} | {len(self.held)} | {100 * fmean(self.held):.1f} %"
            f" | {100 * median(self.widths):.1f} % | {100 * fmean(self.naive_held):.1f} %"
            f" | {100 * median(self.naive_widths):.1f} % | {100 * median(self.errors):.1f} % |"
        )


def naive(
    billed: dict[date, Decimal], units: Callable[[date], float], day: date
) -> tuple[float, float] | None:
    """Return the naive interval of a day."""
    rates = [(at, float(amount) / units(at)) for at, amount in sorted(billed.items()) if units(at)]
    if len(rates) <= LEAST:
        return None
    recent = [rate for _, rate in rates[-28:]]
    steps = [math.log(b / a) for a, b in pairwise(recent)]
    guess, room = recent[-1] * units(day), 1.645 * pstdev(steps)
    return guess * (1 - room), guess * (1 + room)


def nights(world: World) -> Iterator[tuple[date, Spending, dict[str, dict[date, Decimal]]]]:
    """Yield each day that ended, as the product knows it at midnight."""
    model = loads(MODEL)
    pools = [pool.name for pool in model.pools]
    terms = [one.terms for pool in pools for one in ways(model, pool) if one.terms]
    made: dict[str, dict[date, Decimal]] = {}
    for at in range(1, world.days):
        day, today = FIRST + at * A_DAY, FIRST + (at + 1) * A_DAY
        now = day_span(today, UTC).start
        billed = {pool: world.billed(pool, today) for pool in pools}
        meters: dict[Key, Meter] = {
            key(its): Meter(
                {}, {d: u for d, u in world.units[its[0][0].meter].items() if d <= day}, UTC, now
            )
            for its in terms
        }
        series = [
            Series(
                pool, "bill", its, max(its) + A_DAY, monthly=pool == "licences",
                made=made.setdefault(pool, {}),
            )
            for pool, its in billed.items()
            if its
        ]  # fmt: skip
        spending = Spending(model, series, meters, UTC, day)
        yield day, spending, billed
        for pool, spent in spending.over(day_span(day, UTC), now).items():
            if day not in billed[pool]:
                made[pool][day] = spent.money.amount


def play(world: World, warm: int) -> dict[str, Score]:
    """Estimate every day of the year; the first ``warm`` days are not scored."""
    scores: dict[str, Score] = {}
    for day, spending, billed in nights(world):
        span = day_span(day, UTC)
        spent = spending.over(span, span.end)
        whole = [sum(amounts) for amounts in zip(*(s.money for s in spent.values()), strict=True)]
        for pool, its in spent.items():
            if day in billed[pool]:
                continue
            meter = {"nodes": "node.hours", "mail": "mails", "gateway": "requests"}.get(pool)
            guess = naive(billed[pool], lambda at: world.units[meter][at] if meter else 1.0, day)  # noqa: B023
            if guess is not None and (day - FIRST).days >= warm:
                _score(scores.setdefault(pool, Score()), its.money, world.final[pool][day], guess)
        if len(spent) == len(billed) and (day - FIRST).days >= warm:
            low, high = spending.whole.around(whole[0])
            final = total([world.final[pool][day] for pool in spent])
            ends = (float(whole[1]), float(whole[2]))
            _score(scores.setdefault("all together", Score()), (whole[0], low, high), final, ends)
    return scores


def _score(
    score: Score, money: tuple[Decimal, ...], final: Decimal, guess: tuple[float, float]
) -> None:
    amount, low, high = (float(one) for one in money)
    score.held.append(low <= float(final) <= high)
    score.widths.append((high - low) / amount)
    score.errors.append(abs(float(final) - amount) / amount)
    score.naive_held.append(guess[0] <= float(final) <= guess[1])
    score.naive_widths.append((guess[1] - guess[0]) / amount)


def main() -> int:
    """Play the year and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--warm", type=int, default=2, help="days that are not scored")
    chosen = parser.parse_args()
    started = time.process_time()
    world = World(Random(chosen.seed), chosen.days)  # noqa: S311 it simulates
    scores = play(world, chosen.warm)
    print("| pool | days | held | median width | naive held | naive width | median error |")
    print("|---|---|---|---|---|---|---|")
    for pool, score in scores.items():
        print(score.row(pool))
    every = [
        held for pool, score in scores.items() if pool != "all together" for held in score.held
    ]
    print(f"\nAll pools: {100 * fmean(every):.1f} % of {len(every):,} bills held.")
    print(f"{time.process_time() - started:.0f} s of CPU.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
