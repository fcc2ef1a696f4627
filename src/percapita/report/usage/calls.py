"""Calls to others: how many, how many failed, how long they took, and what they cost.

The peer of a call is what its span says: a third party, a database, another service of the house.
A call costs its part of the pools that the model splits by ``external.…`` meters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from percapita.core.money import percent, quotient, text
from percapita.core.periods import Period, zone
from percapita.core.split import split
from percapita.core.tables import RATES
from percapita.model.conditions import fits
from percapita.model.spec import Driver, Mix, Model
from percapita.report.numbers import amount, places
from percapita.report.table import Column, Page
from percapita.report.usage.usage import bounds
from percapita.store import Store, claimed
from percapita.store.read import calls as read_calls
from percapita.store.read.calls import Called
from percapita.store.read.rates import rates

COLUMNS: Final = (
    "service", "peer", "calls", "failed", "failed_percent", "seconds", "mean_seconds", "cost",
    "cost_per_call",
)  # fmt: skip
_OF: Final[Mapping[str, str]] = {
    "external.calls": "calls", "external.errors": "failed", "external.time": "microseconds",
}  # fmt: skip
_SECOND: Final = 1_000_000


@dataclass(slots=True)
class Peer:
    """What one service called elsewhere."""

    service: str | None
    peer: str | None
    calls: int = 0
    failed: int = 0
    microseconds: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict)
    """By pool; empty where no pool is split by calls."""

    @property
    def cost(self) -> Decimal | None:
        """All pools together."""
        return sum(self.costs.values(), Decimal(0)) if self.costs else None


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of a period."""

    period: str
    currency: str
    peers: tuple[Peer, ...]
    """The one most often called first."""


def calls(store: Store, model: Model, period: Period) -> Calls:
    """Sum the calls of a period; none is a figure too."""
    claimed.bind(store, zone(model.timezone), unknown=model.sampling.unknown)
    found = read_calls.called(store.engine, bounds(period, model))
    peers: dict[tuple[str | None, str | None], Peer] = {}
    for row in found:
        key = row.service, row.operation
        one = peers.setdefault(key, Peer(*key))
        one.calls += row.calls
        one.failed += row.failed
        one.microseconds += row.microseconds
    for pool, driver, whole in _split(store, model, period) if found else ():
        _share(pool, driver, whole, found, peers)
    order = sorted(peers.values(), key=lambda p: (-p.calls, p.service or "", p.peer or ""))
    return Calls(period.label, model.currency, tuple(order))


def _split(store: Store, model: Model, period: Period) -> Iterator[tuple[str, Driver, Decimal]]:
    """Yield the pools that calls split, with what they split of a month's published figures."""
    runs = {month: run for month, run in store.published(model.basis).items()
            if month == period.label}  # fmt: skip
    asked = [
        (pool.name, driver) for pool in model.pools for driver in _drivers(pool.by)
        if driver.meter in _OF
    ]  # fmt: skip
    if not runs or not asked:
        return
    store.bind(RATES, chosen=runs)
    amounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for rate in rates(store.engine, model.basis):
        amounts[rate.pool, rate.meter] += rate.amount
    for pool, driver in asked:
        if (pool, driver.meter) in amounts:
            yield pool, driver, amounts[pool, driver.meter]


def _drivers(by: Driver | Mix | None) -> list[Driver]:
    if isinstance(by, Mix):
        return [driver for driver, _ in by.parts]
    return [] if by is None else [by]


def _share(
    pool: str, driver: Driver, whole: Decimal, found: Sequence[Called],
    peers: Mapping[tuple[str | None, str | None], Peer],
) -> None:  # fmt: skip
    """Divide what a pool split over the calls that count for it, exactly."""
    weights: dict[tuple[str | None, str | None], int] = defaultdict(int)
    for row in found:
        if all(fits(getattr(row, name), one) for name, one in driver.where.items()):
            weights[row.service, row.operation] += getattr(row, _OF[driver.meter])
    weights = {key: weight for key, weight in weights.items() if weight}
    if not weights:
        return
    for key, part in zip(weights, split(whole, list(weights.values())), strict=True):
        costs = peers[key].costs
        costs[pool] = costs.get(pool, Decimal(0)) + part


def of(found: Calls, service: str) -> Calls:
    """Return the calls of one service."""
    return replace(found, peers=tuple(one for one in found.peers if one.service == service))


def record(found: Calls) -> list[dict[str, Any]]:
    """Return the peers as plain values."""
    return [
        {
            "service": one.service, "peer": one.peer, "calls": one.calls, "failed": one.failed,
            "failed_percent": text(percent(Decimal(one.failed), one.calls)),
            "seconds": text(quotient(Decimal(one.microseconds), _SECOND)),
            "mean_seconds": text(_mean(one)),
            "cost": text(one.cost), "cost_per_call": text(quotient(one.cost, one.calls)),
            "pools": sorted(one.costs),
        }
        for one in found.peers
    ]  # fmt: skip


def document(found: Calls) -> dict[str, Any]:
    """Return the calls of a period as JSON carries them."""
    return {"period": found.period, "currency": found.currency, "calls": record(found)}


def flat(found: Calls) -> list[list[Any]]:
    """Return a row a service and peer, in the order of ``COLUMNS``."""
    return [[one[name] for name in COLUMNS] for one in record(found)]


def show(page: Page, found: Calls, top: int) -> None:
    """Print the peers, the one most often called first."""
    if not found.peers:
        page.line(f"No calls to others in {found.period}.")
        page.line("They come as spans of kind client or producer: percapita serve receives them.")
        return
    shown = found.peers[:top]
    costs = [one.cost for one in shown]
    columns = [
        Column("Service", [one.service or "none named" for one in shown], number=False, rank=1),
        Column("Peer", [one.peer or "none named" for one in shown], number=False),
        Column("Calls", [f"{one.calls:,}" for one in shown]),
        Column("Failed", [f"{one.failed:,}" for one in shown]),
        Column("Failed %", [amount(percent(Decimal(one.failed), one.calls)) for one in shown]),
        Column("Mean s", [amount(_mean(one), 3) for one in shown], rank=2),
    ]
    if any(cost is not None for cost in costs):
        digits = places(costs)
        columns.append(Column(f"Cost {found.currency}", [amount(c, digits) for c in costs]))
    page.table(columns)
    if len(found.peers) > top:
        page.line(f"{len(found.peers) - top:,} more: --top {len(found.peers)}, or --format json.")


def _mean(one: Peer) -> Decimal | None:
    return quotient(Decimal(one.microseconds) / _SECOND, one.calls)
