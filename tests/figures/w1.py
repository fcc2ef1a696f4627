"""CloudMetrics, October 2025: 95,000 over three tiers, known by segment only."""

from __future__ import annotations

from datetime import date

from figures.world import Part, To, World
from percapita.core.subjects import segment_name

MODEL = """
version: 1
currency: USD
units:
  customer: {subject: user, window: month}
segments: {tier: {}}
pools:
  - {pool: object storage, match: {ServiceName: object storage}, direct: {tier: tags.tier}}
  - {pool: functions, match: {ServiceName: functions}, direct: {tier: tags.tier}}
  - {pool: databases, match: {ServiceName: databases}, direct: {tier: tags.tier}}
  - {pool: postgresql, match: {ServiceName: postgresql}, by: queries, layer: data}
  - {pool: application, match: {ServiceName: application}, by: cpu}
  - {pool: redis, match: {ServiceName: redis}, by: calls, layer: data}
  - {pool: network, match: {ServiceName: network}, by: gb}
  - {pool: monitoring, match: {ServiceName: monitoring}, by: customers, scope: third party}
"""

TIERS = ("Starter", "Professional", "Enterprise")
CUSTOMERS = (1200, 250, 50)
PRICES = (49, 149, 499)

DIRECT = {
    "object storage": ("5000", "4000", "6000"),
    "functions": ("2200", "2300", "3500"),
    "databases": ("2000", "2000", "8000"),
}
SHARED = {
    "postgresql": ("28000", (2_400_000, 1_500_000, 1_100_000)),
    "application": ("18000", (180, 220, 400)),
    "redis": ("6000", (18_000_000, 12_000_000, 10_000_000)),
    "network": ("5000", (1200, 1800, 2000)),
    "monitoring": ("3000", CUSTOMERS),
}

FIRST = date(2025, 10, 1)


def w1() -> World:
    """Return the month, not yet written."""
    world = World(MODEL)
    world.subjects = [("segment", segment_name("tier", tier)) for tier in TIERS]
    world.slices = {
        number: ("segment", {"tier": tier}) for number, tier in enumerate(TIERS, start=1)
    }
    for pool, amounts in DIRECT.items():
        for number, amount in enumerate(amounts, start=1):
            name = f"{pool} {number}"
            world.line(name, amount, ServiceName=pool, ServiceCategory="direct")
            world.group(pool, [Part(name, FIRST, amount)], [To(number, 1, number)], method="direct")
    for pool, (amount, weights) in SHARED.items():
        world.line(pool, amount, ServiceName=pool, ServiceCategory="shared")
        to = [To(number, weight, number) for number, weight in enumerate(weights, start=1)]
        world.group(pool, [Part(pool, FIRST, amount)], to)
    for number, (heads, price) in enumerate(zip(CUSTOMERS, PRICES, strict=True), start=1):
        world.count(number, heads)
        world.pays(number, str(heads * price), FIRST, date(2025, 11, 1))
    return world
