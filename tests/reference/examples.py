"""Worlds with a name: worked examples, and situations that are easy to get wrong."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from percapita.model.spec import Condition, Direct, Driver, Idle, Match, Mix, Pool, Segment, Through
from reference.build import at, by, line, match, model, overhead, reading
from reference.world import Attribute, Count, World

OCTOBER = ("2025-10-01", "2025-11-01")
DAY = ("2025-10-01", "2025-10-02")
STARTER, PROFESSIONAL, ENTERPRISE = 1, 2, 3
TIERS = {
    STARTER: ("segment", "tier=Starter"),
    PROFESSIONAL: ("segment", "tier=Professional"),
    ENTERPRISE: ("segment", "tier=Enterprise"),
}
PEOPLE = {1: ("user", "ann"), 2: ("user", "bob"), 3: ("bot", "crawler")}


def cloud_metrics() -> World:
    """Three tiers, three direct and five shared services; the customers are head counts."""
    usage = {
        "queries": (2_400_000, 1_500_000, 1_100_000),
        "cpu": (180, 220, 400),
        "calls": (18_000_000, 12_000_000, 10_000_000),
        "bytes": (1_200, 1_800, 2_000),
    }
    shared = {"queries": "28000", "cpu": "18000", "calls": "6000", "bytes": "5000",
              "active": "3000"}  # fmt: skip
    own = {"Starter": "9200", "Professional": "8300", "Enterprise": "17500"}
    pools = [Pool(meter, match(ServiceName=meter), by=by(meter)) for meter in shared]
    pools.append(Pool("direct", match(ServiceName="own"), direct=Direct("tier", "tags.tier")))
    lines = [line(meter, cost, *OCTOBER, ServiceName=meter) for meter, cost in shared.items()]
    lines += [
        line(tier, cost, *OCTOBER, ServiceName="own", Tags={"tier": tier})
        for tier, cost in own.items()
    ]
    readings = [
        reading(meter, subject, quantity, "2025-10-01", "month", level="segment")
        for meter, quantities in usage.items()
        for subject, quantity in zip(TIERS, quantities, strict=True)
    ]
    counts = tuple(
        Count(subject, date(2025, 10, 1), date(2025, 11, 1), count)
        for subject, count in zip(TIERS, (1200, 250, 50), strict=True)
    )
    return World(model(*pools), tuple(lines), tuple(readings), counts=counts, subjects=TIERS)


def segments() -> World:
    """Three segments with direct cost, and one shared service."""
    own = {"Starter": "12000", "Professional": "21000", "Enterprise": "42000"}
    lines = [line("shared", "45000", *OCTOBER, ServiceName="shared")]
    lines += [line(tier, c, *OCTOBER, Tags={"tier": tier}) for tier, c in own.items()]
    readings = [
        reading("work", subject, quantity, "2025-10-01", "month", level="segment")
        for subject, quantity in zip(TIERS, (4, 5, 6), strict=True)
    ]
    pools = (
        Pool("shared", match(ServiceName="shared"), by=by("work")),
        Pool("own", Match(), direct=Direct("tier", "tags.tier")),
    )
    return World(model(*pools), tuple(lines), tuple(readings), subjects=TIERS)


def day_without_usage() -> World:
    """Two days are billed, and only one was used."""
    lines = (line("1", "0.70", *DAY), line("2", "0.70", "2025-10-02", "2025-10-03"))
    readings = (reading("queries", 1, 3, DAY[0]), reading("queries", 2, 4, DAY[0]))
    pool = Pool("db", Match(), by=by("queries"))
    return World(model(pool), lines, readings, subjects=PEOPLE)


def nobody_used_it() -> World:
    """Nothing was ever measured; one pool knows idle capacity."""
    idle = Idle(by("capacity"), by("used"))
    pools = (
        Pool("cluster", match(ServiceName="cluster"), by=by("used"), idle=idle),
        Pool("db", Match(), by=by("queries")),
    )
    lines = (line("1", "5", *OCTOBER), line("2", "7", *OCTOBER, ServiceName="cluster"))
    return World(model(*pools), lines, subjects=PEOPLE)


def only_refunds() -> World:
    """A pool of one negative line."""
    readings = (reading("queries", 1, 1, DAY[0]), reading("queries", 2, 2, DAY[0]))
    pool = Pool("db", Match(), by=by("queries"))
    return World(model(pool), (line("1", "-1.00", *DAY),), readings, subjects=PEOPLE)


def shared_and_idle() -> World:
    """Namespaces that cost 28, 36 and 18, idle 20 and 10; the first is shared, idle passes on."""
    served = ("ns1", "ns2", "ns3")
    pools = [
        Pool("idle 1", match(ServiceName="idle 1"), through=Through(served, by("first"))),
        Pool("idle 2", match(ServiceName="idle 2"), through=Through(served, by("second"))),
        *(Pool(name, match(ServiceName=name), by=by(name)) for name in served),
    ]
    costs = {"ns1": "28", "ns2": "36", "ns3": "18", "idle 1": "20", "idle 2": "10"}
    lines = [line(name, cost, *DAY, ServiceName=name) for name, cost in costs.items()]
    readings = [
        reading("first", 0, 47, DAY[0], service="ns1"),
        reading("first", 0, 17, DAY[0], service="ns2"),
        reading("second", 0, 1, DAY[0], service="ns2"),
        reading("second", 0, 1, DAY[0], service="ns3"),
        reading("ns1", 2, 36, DAY[0]),
        reading("ns1", 3, 18, DAY[0]),
        reading("ns2", 2, 1, DAY[0]),
        reading("ns3", 3, 1, DAY[0]),
    ]
    people = {2: ("user", "ns2"), 3: ("user", "ns3")}
    return World(model(*pools), tuple(lines), tuple(readings), subjects=people)


def serving_each_other() -> World:
    """Two platform pools that serve each other and one application."""
    pools = (
        Pool("a", match(ServiceName="a"), through=Through(("b", "app"), by("cpu"))),
        Pool("b", match(ServiceName="b"), through=Through(("a", "app"), by("ram"))),
        Pool("app", match(ServiceName="app"), by=by("queries")),
    )
    lines = (line("1", "9", *DAY, ServiceName="a"), line("2", "1", *DAY, ServiceName="b"))
    served = (("cpu", "b"), ("cpu", "app"), ("ram", "a"), ("ram", "app"))
    readings = tuple(reading(meter, 0, 1, DAY[0], service=service) for meter, service in served)
    users = (reading("queries", 1, 1, DAY[0]), reading("queries", 2, 3, DAY[0]))
    return World(model(*pools), lines, readings + users, subjects=PEOPLE)


def served_on_another_day() -> World:
    """On the day of the charge only another service used the platform; the month knows better."""
    pools = (
        Pool("platform", match(ServiceName="a"), through=Through(("app",), by("cpu"))),
        Pool("app", match(ServiceName="app"), by=by("queries")),
    )
    readings = (
        reading("cpu", 0, 9, "2025-10-01", service="elsewhere"),
        reading("cpu", 0, 1, "2025-10-03", service="app"),
        reading("queries", 1, 1, "2025-10-01"),
    )
    lines = (line("1", "9", "2025-10-01", "2025-10-02", ServiceName="a"),)
    return World(model(*pools), lines, readings, subjects=PEOPLE)


def change_of_tier() -> World:
    """A user upgrades at noon, between two hours of usage."""
    noon = at("2025-10-10T12:00")
    rows = (Attribute(1, "plan", "Free", None, noon), Attribute(1, "plan", "Pro", noon, None))
    readings = (
        reading("queries", 1, 12, "2025-10-10T11:00", "hour"),
        reading("queries", 1, 18, "2025-10-10T12:00", "hour"),
    )
    lines = (line("1", "30", "2025-10-10", "2025-10-11"),)
    pool = Pool("db", Match(), by=by("queries"))
    return World(model(pool), lines, readings, rows, subjects=PEOPLE)


def plan_that_ends() -> World:
    """A user's plan ends at four in the afternoon; usage is known by the day."""
    rows = (Attribute(1, "plan", "Free", None, at("2025-10-01T16:00")),)
    readings = (reading("queries", 1, 24, DAY[0]),)
    pool = Pool("db", Match(), by=by("queries"))
    return World(model(pool), (line("1", "24", *DAY),), readings, rows, subjects=PEOPLE)


def change_on_a_date() -> World:
    """A user upgrades on a date; days are those of Berlin, and usage is known by the day."""
    date_of_change = at("2025-11-02")
    rows = (
        Attribute(1, "plan", "Free", None, date_of_change),
        Attribute(1, "plan", "Pro", date_of_change, None),
    )
    pool = Pool("db", Match(), by=by("queries"))
    lines = (line("1", "80", "2025-11-01T23:00", "2025-11-02T23:00"),)
    plan = model(pool, timezone="Europe/Berlin")
    return World(plan, lines, (reading("queries", 1, 24, "2025-11-02"),), rows, subjects=PEOPLE)


def credits_that_follow() -> World:
    """A credit of the account that two charges belong to, and one of another account."""
    pools = (
        Pool("db", match(ServiceName="db"), by=by("queries")),
        Pool("own", Match(), direct=Direct("user", "tags.user")),
    )
    lines = (
        line("1", "30", *OCTOBER, ServiceName="db", BillingAccountId="acme"),
        line("2", "10", *OCTOBER, Tags={"user": "bob"}, BillingAccountId="acme"),
        line("3", "-4", *OCTOBER, ChargeCategory="Credit", BillingAccountId="acme"),
        line("4", "-1", *OCTOBER, ChargeCategory="Credit", BillingAccountId="other"),
    )
    readings = (reading("queries", 1, 1, "2025-10-01", "month"),)
    return World(model(*pools), lines, readings, subjects=PEOPLE)


def credit_in_its_row() -> World:
    """Two charges that differ by their row alone; the second row carries a credit of its own."""
    pools = (
        Pool("db", match(ServiceName="db"), by=by("queries")),
        Pool("own", Match(), direct=Direct("user", "tags.user")),
    )
    rows: list[dict[str, Any]] = [{"file": "export.csv", "row": row} for row in (7, 8)]
    first, second = rows
    lines = (
        line("1", "30", *OCTOBER, ServiceName="db", BillingAccountId="acme", **first),
        line("2", "10", *OCTOBER, Tags={"user": "bob"}, BillingAccountId="acme", **second),
        line("3", "-4", *OCTOBER, ChargeCategory="Credit", BillingAccountId="acme", **second),
    )
    readings = (reading("queries", 1, 1, "2025-10-01", "month"),)
    return World(model(*pools), lines, readings, subjects=PEOPLE)


def credit_billed_later() -> World:
    """November's bill corrects a charge that October's bill had."""
    november: dict[str, Any] = {
        "BillingPeriodStart": at("2025-11-01"),
        "BillingPeriodEnd": at("2025-12-01"),
        "ChargeClass": "Correction",
    }
    lines = (
        line("1", "30", *DAY, ResourceId="db", SkuId="hour"),
        line("2", "-6", *DAY, ResourceId="db", SkuId="hour", **november),
    )
    pool = Pool("db", Match(), by=by("queries"))
    return World(model(pool), lines, (reading("queries", 1, 1, DAY[0]),), subjects=PEOPLE)


def overheads() -> World:
    """Overhead even over active users, then by cost, the first one's included."""
    pools = (
        Pool("db", match(ServiceName="db"), by=by("queries")),
        Pool("even", match(ServiceName="even"), overhead=overhead("active")),
        Pool("tax", match(ServiceName="tax"), overhead=overhead("cost", over="allocated")),
    )
    costs = {"db": "90", "even": "20", "tax": "11", "elsewhere": "5"}
    lines = [line(name, cost, *DAY, ServiceName=name) for name, cost in costs.items()]
    readings = (
        reading("queries", 1, 2, DAY[0]),
        reading("queries", 2, 1, DAY[0]),
        reading("queries", 3, 6, DAY[0]),
    )
    return World(model(*pools), tuple(lines), readings, subjects=PEOPLE)


def short_lived_plan() -> World:
    """A plan held for an hour gets no part of two requests in a day: nobody was active in it."""
    overhead_pool = Pool("even", match(ServiceName="even"), overhead=overhead("active"))
    one = at("2025-10-01T01:00")
    held = (Attribute(1, "plan", "Free", None, one), Attribute(1, "plan", "Pro", one, None))
    readings = (reading("queries", 1, 2, DAY[0]), reading("queries", 2, 1, DAY[0]))
    lines = (line("even", "9", *DAY, ServiceName="even"),)
    return World(model(overhead_pool), lines, readings, attributes=held, subjects=PEOPLE)


def capacity_by_resource() -> World:
    """Capacity is known by resource, what was used of it by resource and tier."""
    pool = Pool(
        "db",
        Match(),
        by=by("queries"),
        within={"resource": "ResourceId", "tier": "tags.tier"},
        idle=Idle(by("capacity"), by("used")),
    )
    tags = {"tier": "Free"}
    lines = [line(name, "16", *DAY, ResourceId=name, Tags=tags) for name in ("r1", "r2")]
    held = (Attribute(1, "plan", "Free", None, None),)
    readings = (
        reading("capacity", 0, 8, DAY[0], resource="r1"),
        reading("used", 1, 1, DAY[0], resource="r1"),
        reading("used", 0, 1, DAY[0], resource="r1"),
        reading("queries", 1, 1, DAY[0], resource="r1"),
    )
    return World(model(pool), tuple(lines), readings, attributes=held, subjects=PEOPLE)


def classes_of_activity() -> World:
    """Light and heavy users of the month, in Berlin: one is heavy in October alone."""
    classes = Segment("activity", "", "", bands=(("light", 0), ("heavy", 100)), usage=by("queries"))
    readings = (
        reading("queries", 1, 99, "2025-10-31T22:00", "hour"),
        reading("queries", 1, 1, "2025-10-31"),
        reading("queries", 1, 50, "2025-10-31T23:00", "hour"),
        reading("queries", 2, 7, "2025-11-01"),
        reading("bytes", 2, 700, "2025-11-01"),
    )
    lines = (
        line("1", "30", "2025-10-30T23:00", "2025-10-31T23:00"),
        line("2", "57", "2025-10-31T23:00", "2025-11-01T23:00"),
    )
    pool = Pool("db", Match(), by=by("queries"))
    plan = model(pool, timezone="Europe/Berlin", segments=(classes,))
    return World(plan, lines, readings, subjects=PEOPLE)


def active_by_the_month() -> World:
    """One user is known by the month only: a pool by active users splits by the month for all."""
    readings = (
        reading("queries", 1, 5, "2025-10-01", "month"),
        reading("queries", 2, 5, DAY[0]),
        reading("bytes", 3, 5, "2025-10-01", "month"),
    )
    pool = Pool("db", Match(), by=by("active"))
    return World(model(pool), (line("1", "6", *DAY),), readings, subjects=PEOPLE)


def filtered_by_the_month() -> World:
    """A driver that skips what is known by the month goes on by the day."""
    readings = (
        reading("queries", 1, 5, "2025-10-01", "month", operation="/page"),
        reading("queries", 2, 5, DAY[0], operation="/api"),
    )
    api = Driver("queries", {"operation": Condition(("/api",))})
    return World(
        model(Pool("db", Match(), by=api)), (line("1", "6", *DAY),), readings, subjects=PEOPLE
    )


def cells_and_idle() -> World:
    """Two instances, one half idle, one without usage; users in a mix of two drivers."""
    pool = Pool(
        "db",
        Match(),
        by=Mix(((Driver("queries"), Decimal("0.75")), (Driver("bytes"), Decimal("0.25")))),
        within={"resource": "ResourceId"},
        idle=Idle(by("capacity"), by("used")),
    )
    lines = [line(name, "16", *DAY, ResourceId=name) for name in ("r1", "r2")]
    readings = (
        reading("capacity", 0, 10, DAY[0], resource="r1"),
        reading("used", 0, 5, DAY[0], resource="r1"),
        reading("queries", 1, 1, DAY[0], resource="r1"),
        reading("queries", 2, 1, DAY[0], resource="r1"),
        reading("bytes", 2, 9, DAY[0]),
    )
    return World(model(pool), tuple(lines), readings, subjects=PEOPLE)


ALL = (
    change_on_a_date,
    cloud_metrics,
    segments,
    day_without_usage,
    nobody_used_it,
    only_refunds,
    shared_and_idle,
    serving_each_other,
    served_on_another_day,
    change_of_tier,
    plan_that_ends,
    credits_that_follow,
    credit_in_its_row,
    credit_billed_later,
    overheads,
    short_lived_plan,
    active_by_the_month,
    classes_of_activity,
    capacity_by_resource,
    filtered_by_the_month,
    cells_and_idle,
)
