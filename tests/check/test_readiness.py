"""Readiness, maturity and the unit adviser, from a few facts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from percapita.measure import readiness
from percapita.measure.practice import Bill, KeySum
from percapita.measure.readiness import ResourceMap, Usage
from percapita.model.spec import Condition, Driver, Unit

BILL = Bill(
    currency="USD",
    lines=4,
    total=Decimal(100),
    spend=Decimal(100),
    tagged=Decimal(30),
    keys=(KeySum("CustomerID", Decimal(30), 1),),
    itemised=((date(2025, 8, 1), date(2025, 11, 1)),),
)
USERS = Unit("active user", subject="user", exclude=("bot",))


def test_thirty_percent_of_spend_is_enough_to_start() -> None:
    """With tags, ninety days, a unit and a map everything passes."""
    found = readiness.readiness(BILL, USERS, ResourceMap(rows=3, methods=1, unmapped=("disk",)))

    assert [item.verdict for item in found] == ["passed"] * 4
    assert "disk" in found[3].evidence


def test_nothing_is_ready_without_anything() -> None:
    """Each missing thing fails with the next step, and says what it is."""
    found = readiness.readiness(None, None, ResourceMap(), "model.yaml:3:1: what is this?")

    assert [item.verdict for item in found] == ["failed"] * 4
    assert found[2].evidence == "model.yaml:3:1: what is this?"


def test_the_unit_in_one_sentence() -> None:
    """Subjects, meters, conditions and exclusions are said in words."""
    call = Unit("billable call", meter=Driver("requests", {"operation": Condition(("/api/*",))}))

    assert readiness.unit_sentence(USERS) == (
        "One active user is one user with any reading in the month, bot left out."
    )
    assert readiness.unit_sentence(call) == (
        "One billable call is one unit of requests where operation /api/*."
    )


@pytest.mark.parametrize(
    ("usage", "level"),
    [
        (Usage(heads=100), "beginner"),
        (Usage(levels=frozenset({"user"}), grains=frozenset({"day"})), "intermediate"),
        (
            Usage(levels=frozenset({"user"}), grains=frozenset({"hour"}), features=3),
            "advanced",
        ),
    ],
)
def test_maturity_follows_the_data(usage: Usage, level: str) -> None:
    """Heads alone are a beginning; usage by user comes next; hours and features last."""
    assert readiness.maturity(BILL, usage).level == level
    assert readiness.maturity(None, usage).level == "none"


def test_the_adviser_names_what_does_not_fit() -> None:
    """Bursts, flat prices, a tiny base and unknown tenants each fail with advice."""
    usage = Usage(
        daily=(10, 10, 10, 10, 10, 10, 90), heads=20, heads_from="a head count", payers=50, prices=2
    )
    bill = Bill("USD", 1, Decimal(1))
    found = {item.name: item for item in readiness.advise(bill, usage)}

    assert found["a bill export"].verdict == "passed"
    assert found["even usage"].value == "9.00"
    assert {i.name for i in found.values() if i.verdict == "failed"} == {
        "even usage",
        "prices move with usage",
        "a base that is large enough",
        "a map from usage to tenants",
    }
    assert all(item.advice for item in found.values() if item.verdict == "failed")


def test_the_adviser_says_what_it_cannot_know() -> None:
    """Without usage, revenue and heads there is no verdict; without a bill it says stop."""
    found = readiness.advise(None, Usage())

    assert [item.verdict for item in found] == [
        "failed",
        "cannot know",
        "cannot know",
        "cannot know",
        "failed",
    ]
    assert found[0].advice.startswith("Stop here")


@pytest.mark.parametrize(
    "usage",
    [
        Usage(levels=frozenset({"tenant"})),
        Usage(attributes=frozenset({"tenant", "plan"})),
        Usage(),
    ],
)
def test_tenants_are_told_by_usage_users_or_tags(usage: Usage) -> None:
    """Any one of the three is a map from usage to tenants."""
    assert readiness.advise(BILL, usage)[4].verdict == "passed"
