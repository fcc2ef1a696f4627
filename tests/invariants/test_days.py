"""I3: days are those of the model's zone, and billed cost stays in its billing period."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import Inputs, Row, amounts, ask, charge, closes, made, usage

BERLIN = """
version: 1
currency: USD
timezone: Europe/Berlin
basis: {basis}
units: {{active user: {{subject: user, window: day}}}}
pools:
  - {{pool: db, match: {{ServiceName: db}}, by: queries}}
"""


def berlin(basis: str = "effective") -> str:
    """Return a model with the days of Berlin."""
    return BERLIN.format(basis=basis)


def by_day(project: Path, *options: str) -> dict[str, Decimal]:
    """Return the cost that has no pool's driver, day by day."""
    found = ask(project, "cost --by day --by pool", *options)

    assert closes(found)
    rows = ask(project, "ledger --period 2025", *options)
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(found["totals"]["bill_total"])
    return {key[0]: amount for key, amount in amounts(found["rows"], "day", "pool").items()}


def one_user(*months: str) -> list[Row]:
    """Return usage of one user by the month."""
    return usage(*((month, "queries", "ann", 1) for month in months))


def test_spring_day_of_23_hours(tmp_path: Path) -> None:
    """A UTC month of a dollar an hour falls on local days by their hours, 23 on 30 March."""
    line = charge("db", "744", "2025-03-01T00:00:00Z", "2025-04-01T00:00:00Z")
    days = by_day(made(tmp_path, Inputs(berlin(), [line], one_user("2025-03", "2025-04"))))

    # The UTC month begins at one in the morning of Berlin's and ends at two of its first of April.
    assert days["2025-03-01"] == 23
    assert days["2025-03-29"] == 24
    assert days["2025-03-30"] == 23
    assert days["2025-03-31"] == 24
    assert days["2025-04-01"] == 2
    assert len(days) == 32


def test_autumn_day_of_25_hours(tmp_path: Path) -> None:
    """26 October has 25 hours: it takes 25 of the bill and is split by the usage of all 25."""
    line = charge("db", "49", "2025-10-25T22:00:00Z", "2025-10-27T23:00:00Z")
    hours = usage(
        # The first and the last hour of the 26th, and the hour on either side.
        ("2025-10-25T21:00:00Z", "queries", "before", 1),
        ("2025-10-25T22:00:00Z", "queries", "first", 1),
        ("2025-10-26T22:00:00Z", "queries", "last", 4),
        ("2025-10-26T23:00:00Z", "queries", "after", 1),
    )
    project = made(tmp_path, Inputs(berlin(), [line], hours))

    assert by_day(project) == {"2025-10-26": 25, "2025-10-27": 24}
    got = {name: ask(project, f"explain {name}")["total"] for name in ("first", "last", "after")}
    assert got == {"first": "5.00", "last": "20.00", "after": "24.00"}
    active = {row["day"]: row["units"] for row in ask(project, "cost --by day")["rows"]}
    assert active == {"2025-10-25": 1, "2025-10-26": 2, "2025-10-27": 1}


def billed(folder: Path, start: str, end: str) -> dict[str, Decimal]:
    """Return what one charge of 310 in October's bill costs, day by day, as billed."""
    october = {
        "BillingPeriodStart": "2025-10-01T00:00:00Z", "BillingPeriodEnd": "2025-11-01T00:00:00Z",
    }  # fmt: skip
    line = charge("db", "310", f"{start}T00:00:00Z", f"{end}T00:00:00Z", **october)
    model = berlin("billed").replace("Europe/Berlin", "UTC")
    return by_day(made(folder, Inputs(model, [line], one_user("2025-10"))))


def test_billed_cost_stays_in_its_billing_period(tmp_path: Path) -> None:
    """A charge from 27 October to 6 November, billed in October: five days of 62."""
    days = billed(tmp_path, "2025-10-27", "2025-11-06")

    assert days == {f"2025-10-{n}": 62 for n in range(27, 32)}


@pytest.mark.parametrize(
    "start", ["2025-08-05", pytest.param("2025-12-24", marks=pytest.mark.slow)]
)
def test_billed_cost_of_another_time_falls_on_the_whole_billing_period(
    start: str, tmp_path: Path
) -> None:
    """A charge of September or December billed in October: 31 days of 10."""
    days = billed(tmp_path, start, f"{start[:8]}27")

    assert days == {f"2025-10-{n:02d}": 10 for n in range(1, 32)}


def test_effective_cost_follows_the_charge_and_keeps_its_billing_period(tmp_path: Path) -> None:
    """Seen as effective the same charge reaches November; the invoice still reconciles."""
    line = charge(
        "db", "310", "2025-10-27T00:00:00Z", "2025-11-06T00:00:00Z", BilledCost="62",
        BillingPeriodStart="2025-10-01T00:00:00Z", BillingPeriodEnd="2025-11-01T00:00:00Z",
    )  # fmt: skip
    readings = one_user("2025-10", "2025-11")
    model = berlin().replace("Europe/Berlin", "UTC")
    project = made(tmp_path, Inputs(model, [line], readings), "--basis", "billed")
    months = amounts(ask(project, "cost --by month")["rows"], "month")

    assert months == {"2025-10": 155, "2025-11": 155}
    (period,) = ask(project, "reconcile")["periods"]
    assert (period["billing_period"], period["bill_total"]) == ("2025-10", "310.00")
    assert {row["billing_period"] for row in ask(project, "ledger --period 2025")} == {"2025-10"}
    as_billed = amounts(ask(project, "cost --by month --basis billed")["rows"], "month")
    assert as_billed == {"2025-10": 62}
