"""The bill comes, and says how good the estimate was, and why it was not better."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import ask, call, usage
from live.company import bring, deliver, november
from percapita.core.money import total


def estimates(project: Path) -> dict[str, Any]:
    """Return how the estimates of November did."""
    found: dict[str, Any] = ask(project, "reconcile --estimates --period 2025-11")
    return found


def test_a_bill_is_compared_by_causes_that_sum(company: Path) -> None:
    """Price, late usage, a credit and a restated line each get their part, and the parts sum."""
    ask(company, "live")
    deliver(company, "late", usage(("2025-11-01", "mails", "ann", 4)))
    bring(company, november(nodes="26.4", credit=True))
    found = estimates(company)

    pools = {pool["pool"]: pool for pool in found["pools"]}
    assert pools["nodes"]["estimate"] == "48.00"
    assert pools["nodes"]["variance"] == pools["nodes"]["causes"]["price"] == "4.80"
    # Four mails came in late, at ten cents each.
    assert pools["mail"]["causes"]["usage"] == pools["mail"]["variance"] == "0.40"
    assert pools["db"]["causes"]["commitments"] == pools["db"]["variance"] == "-2.00"
    for row in (found["totals"], *found["pools"], *found["rows"]):
        causes = [Decimal(part) for part in row["causes"].values()]
        assert total(causes) == Decimal(row["variance"])
        assert Decimal(row["final"]) - Decimal(row["estimate"]) == Decimal(row["variance"])

    bring(company, november(nodes="26.4", database="13", credit=True))
    again = estimates(company)

    row = next(row for row in again["rows"] if row["pool"] == "db")
    assert row["bills"] == 2
    assert row["causes"] == {
        "usage": "0.00", "commitments": "-1.00", "late lines": "1.00", "price": "0.00",
    }  # fmt: skip


def test_a_run_keeps_what_would_have_been_estimated(company: Path) -> None:
    """Nobody looked before the bill came: the run itself keeps the estimate, made without it."""
    bring(company, november(nodes="26.4"))
    rows = [row for row in estimates(company)["rows"] if row["pool"] == "nodes"]

    assert [(row["day"], row["estimate"], row["final"], row["held"]) for row in rows] == [
        ("2025-11-01", "24.00", "26.40", False),
        ("2025-11-02", "24.00", "26.40", False),
    ]


def test_what_is_not_billed_waits(company: Path) -> None:
    """Until the bill comes, the statement says how much of how many days is estimated."""
    ask(company, "live")
    found = estimates(company)

    assert found["rows"] == []
    assert found["totals"]["waiting"] == "82.72"
    assert found["totals"]["waiting_days"] == 2
    assert (
        "Not billed yet: 82.72 USD of 2 days."
        in call("reconcile", "--estimates", "--project", company).out
    )


def test_errors_that_were_made_widen_the_interval(
    company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price that jumped unseen is in the interval of the next estimate."""
    before = ask(company, "live")
    bring(company, november(nodes="26.4"))
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T10:30:00Z")
    after = ask(company, "live")

    def nodes(found: dict[str, Any]) -> dict[str, Any]:
        return next(pool for pool in found["pools"] if pool["pool"] == "nodes")

    assert nodes(before)["today"]["low"] == nodes(before)["today"]["high"]
    assert nodes(after)["price"] == "0.11"
    assert Decimal(nodes(after)["today"]["high"]) > Decimal(nodes(after)["today"]["amount"])
