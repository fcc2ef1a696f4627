"""Findings that results show by themselves."""

from __future__ import annotations

from decimal import Decimal

from percapita.core.tables import FINDINGS
from percapita.measure import signals
from percapita.measure.signals import (
    Finding,
    Followed,
    Largest,
    MeterUse,
    Missing,
    Peak,
    PoolMoney,
    Refused,
    Widened,
)


def test_a_finding_is_a_row_of_its_table() -> None:
    """Fields stand in the order of the table's columns."""
    assert Finding._fields == FINDINGS.names


def test_meters_below_the_goal_miss_attribution() -> None:
    """F1 names meters under 95 percent and leaves those at the goal alone."""
    meters = [MeterUse("api", 1000, 940), MeterUse("db", 100, 95), MeterUse("idle", 0, 0)]
    found = signals.missing_attribution(meters, [])

    assert [(f.code, f.where, f.message) for f in found] == [
        ("F1", "api", "94 % of api names its user; the goal is 95 %.")
    ]


def test_anonymous_cost_is_money_at_stake() -> None:
    """A pool with more than five percent of anonymous cost is a finding with that money."""
    pools = [
        PoolMoney("db", "data", Decimal(100), Decimal("5.01")),
        PoolMoney("web", "", Decimal(100), Decimal(5)),
        PoolMoney("none", "", Decimal(0), Decimal(0)),
    ]
    found = signals.missing_attribution([], pools)

    assert [(f.where, f.amount, f.owner) for f in found] == [("db", Decimal("5.01"), "data")]


def test_many_active_users_without_cost_are_a_sign_of_lost_usage() -> None:
    """Over a fifth of the active users at zero cost is F1; a fifth is not."""
    assert [f.code for f in signals.costless(100, 21)] == ["F1"]
    assert signals.costless(100, 20) == []
    assert signals.costless(0, 0) == []


def test_concentration_names_the_receiver() -> None:
    """F15 is a warning for users, a note for tenants, and nothing for segments or direct pools."""
    base = Largest("db", "data", "driver", "user", "user ab12", Decimal(30), Decimal(100))
    receivers = [
        base,
        base._replace(pool="cache", kind="tenant", name="Acme & Co"),
        base._replace(pool="web", kind="segment", name="tier=Pro"),
        base._replace(pool="own", method="direct"),
        base._replace(pool="even", amount=Decimal(20)),
        base._replace(pool="credits", amount=Decimal(-30), pool_amount=Decimal(-100)),
    ]
    found = signals.concentration(receivers, Decimal(20))

    assert [(f.where, f.severity, f.amount) for f in found] == [
        ("cache", "info", Decimal(30)),
        ("db", "warning", Decimal(30)),
    ]
    assert found[0].advice.endswith("percapita explain 'Acme & Co'.")
    assert found[1].advice.endswith("percapita explain ab12.")


def test_only_pools_that_can_be_concentrated_are_suspects() -> None:
    """The sum of each group's largest part bounds what one receiver can have."""
    peaks = [
        Peak("db", Decimal(21), Decimal(100)),
        Peak("web", Decimal(20), Decimal(100)),
        Peak("nil", Decimal(0), Decimal(0)),
    ]

    assert signals.suspects(peaks, Decimal(20)) == ["db"]


def test_untagged_spend_is_worse_below_the_start() -> None:
    """Under 30 percent it is a warning, under 90 a note, from 90 on nothing."""
    found = [signals.untagged(Decimal(n), Decimal(100)) for n in (29, 89, 90)]

    assert [[(f.severity, f.amount) for f in one] for one in found] == [
        [("warning", Decimal(71))],
        [("info", Decimal(11))],
        [],
    ]


def test_a_driver_that_nobody_reports_is_named() -> None:
    """The finding says which meter and how much money waits for it."""
    (found,) = signals.idle_meters([Missing("db", "data", "db.queries", Decimal(28_000))])

    assert (found.where, found.amount) == ("db", Decimal(28_000))
    assert "db.queries" in found.message


def test_dormant_subjects_are_counted_and_priced() -> None:
    """Cost without activity is a finding with the money; none is none."""
    (found,) = signals.dormant(3, Decimal("12.50"))

    assert found.amount == Decimal("12.50")
    assert signals.dormant(0, Decimal(0)) == []


def test_fall_backs_are_told_by_pool_and_level() -> None:
    """Each widened level of a pool is one finding; what found nothing is a warning."""
    uses = [
        Widened("db", "", "own", 29, Decimal(900)),
        Widened("db", "", "month", 1, Decimal(30)),
        Widened("web", "", "unallocated", 2, Decimal(5)),
    ]
    found = signals.widened(uses)

    assert [(f.where, f.severity, f.amount) for f in found] == [
        ("db", "info", Decimal(30)),
        ("web", "warning", Decimal(5)),
    ]


def test_credits_that_guess_are_told() -> None:
    """From the third level on a credit's charge is a guess; some credits find none."""
    levels = [Followed(n, 2, Decimal(-n)) for n in (signals.UNMATCHED, *range(5))]
    found = signals.followed(levels)

    assert [(f.code, f.amount) for f in found] == [
        ("credit-unmatched", Decimal(1)),
        ("credit-followed-far", Decimal(-3)),
        ("credit-followed-far", Decimal(-4)),
    ]


def test_quarantined_rows_are_told_by_source_and_reason() -> None:
    """A source with broken rows is a warning; one without is none."""
    found = signals.quarantined([Refused("bill", "not a number", 1), Refused("usage", "", 0)])

    assert [f.message for f in found] == ["1 row left out: not a number."]


def test_a_reported_meter_that_no_rule_uses_may_be_a_slip() -> None:
    """A near miss of a meter in the model is a warning that names it; others are a note."""
    found = signals.unused_meters(["db.cpu_capcity", "weather", "cpu"], ["db.cpu_capacity", "cpu"])

    assert [(f.where, f.severity) for f in found] == [
        ("db.cpu_capcity", "warning"),
        ("weather", "info"),
    ]
    assert "Did you mean db.cpu_capacity?" in found[0].advice
