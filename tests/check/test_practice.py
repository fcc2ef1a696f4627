"""KPIs of the practice, judged from a few sums."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from percapita.measure import practice
from percapita.measure.practice import Bill, Classes, Item, KeySum, Resource
from percapita.measure.signals import MeterUse

NOW = datetime(2025, 11, 3, 12, tzinfo=UTC)


def bill(**known: object) -> Bill:
    """A bill over 95,000 with two required keys."""
    sums = {
        "currency": "USD",
        "lines": 10,
        "total": Decimal(95_000),
        "spend": Decimal(100_000),
        "tagged": Decimal(45_000),
        "resources": 10,
        "tagged_resources": 7,
        "keys": (KeySum("Team", Decimal(90_000), 9), KeySum("Service", Decimal(45_000), 7)),
        "itemised": ((date(2025, 8, 1), date(2025, 11, 1)),),
        "first": date(2025, 8, 1),
        "last": date(2025, 10, 31),
    }
    return Bill(**{**sums, **known})  # type: ignore[arg-type]


def named(items: list[Item], name: str) -> Item:
    """The item of that name."""
    return next(item for item in items if item.name == name)


def test_tag_coverage_is_by_spend_by_resources_and_by_key() -> None:
    """Each has its own verdict, figure and target."""
    found = practice.tag_coverage(bill(), ["Team", "Service"])

    assert [(i.name, i.verdict, i.value, i.target) for i in found] == [
        ("tag coverage by spend", "failed", "45.00", "90.00"),
        ("tag coverage by resources", "passed", "70.00", "70.00"),
        ("tag Team", "passed", "90.00", "90.00"),
        ("tag Service", "failed", "45.00", "90.00"),
    ]


def test_values_and_spellings_are_evidence() -> None:
    """Values that the taxonomy does not list, and other spellings of a key, are told."""
    key = KeySum("Team", Decimal(1), 1, wrong=Decimal(7), variants=("user:team",))
    found = practice.tag_coverage(bill(keys=(key,)), ["Team"])
    evidence = named(found, "tag Team").evidence

    assert "7.00 has a value that the taxonomy does not list" in evidence
    assert "user:team" in evidence


def test_without_keys_or_charges_coverage_cannot_be_known() -> None:
    """Nothing required, nothing charged: no verdict, and why."""
    assert {i.verdict for i in practice.tag_coverage(bill(), [])} == {"cannot know"}
    assert {i.verdict for i in practice.tag_coverage(None, ["Team"])} == {"cannot know"}


def test_kpis_with_everything_there() -> None:
    """Allocated share, attribution, latency and itemised days are judged with figures."""
    found = practice.practice(
        bill(),
        Classes(Decimal(95_000), Decimal(92_500)),
        [MeterUse("db.queries", 1000, 940)],
        ["Team"],
        NOW,
    )

    assert named(found, "allocated").value == "97.368421052632"
    assert named(found, "attribution rate of db.queries").verdict == "failed"
    assert named(found, "cost latency").value == "3"
    assert named(found, "90 days of itemised bills").value == "92"
    assert named(found, "decisions recorded").value == "0"


def test_decisions_count_for_ninety_days() -> None:
    """Two decisions of the last 90 days pass; older ones, and those of days to come, do not."""
    today = NOW.date()
    days = [today, today - timedelta(days=89), today - timedelta(days=90)]

    assert practice.decisions(days, NOW).verdict == "passed"
    assert practice.decisions(days[1:], NOW).value == "1"
    assert practice.decisions([today + timedelta(days=1)], NOW).value == "0"


def test_kpis_with_nothing_there() -> None:
    """Without bill, run and usage nothing passes, and nothing breaks."""
    found = practice.practice(None, None, [], [], NOW)

    assert {i.verdict for i in found} == {"failed", "cannot know"}
    assert named(found, "90 days of itemised bills").advice == "percapita import BILL"


def test_a_meter_that_names_nobody_is_no_failure() -> None:
    """Capacity belongs to nobody, so there is no verdict on its attribution."""
    (found,) = practice.attribution([MeterUse("db.cpu_capacity", 9, 0)])

    assert found.verdict == "cannot know"


def test_days_are_covered_once() -> None:
    """Spans that overlap or touch count each day once."""
    spans = [
        (date(2025, 1, 1), date(2025, 1, 11)),
        (date(2025, 1, 5), date(2025, 1, 8)),
        (date(2025, 1, 11), date(2025, 1, 12)),
        (date(2025, 2, 1), date(2025, 2, 2)),
    ]

    assert practice.covered_days(spans) == 12
    assert practice.covered_days([]) == 0


def test_a_charge_ends_on_the_day_before_its_exclusive_end() -> None:
    """Midnight as an end belongs to the day before; any later moment to its own day."""
    start = datetime(2025, 1, 1, tzinfo=UTC)

    assert practice.day_span(start, datetime(2025, 1, 2, tzinfo=UTC))[1] == date(2025, 1, 2)
    assert practice.day_span(start, datetime(2025, 1, 2, 1, tzinfo=UTC))[1] == date(2025, 1, 3)
    assert practice.day_span(start, start)[1] == date(2025, 1, 2)


def test_the_dearest_come_untagged_first_with_cumulative_shares() -> None:
    """Of the dearest resources those that lack a key lead; shares add up in that order."""
    resources = [
        Resource("tagged", "db", "a", Decimal(60), ()),
        Resource("small", "db", "a", Decimal(1), ("Team",)),
        Resource("bare", "db", "a", Decimal(30), ("Team",)),
    ]
    found = practice.dearest(resources, Decimal(120), count=2)

    assert [(r.resource.resource, r.share, r.cumulative) for r in found] == [
        ("bare", Decimal(25), Decimal(25)),
        ("tagged", Decimal(50), Decimal(75)),
    ]
