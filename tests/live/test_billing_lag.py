"""A bill that stays out, and bills that differ from their estimates, are found by themselves."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import ask, call
from live.company import bring, november
from percapita.measure import lag
from percapita.measure.lag import Missed, Unbilled


def found(project: Path, options: str = "") -> list[dict[str, Any]]:
    """Return what check finds of billing lag."""
    checked = ask(project, f"check {options}")
    return [one for one in checked["findings"] if one["code"] == "F5"]


def test_a_bill_that_stays_out(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days are patience, six are news: no warning before any bill was waited for."""
    ask(company, "live")
    assert found(company) == []
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-07T10:30:00Z")

    (late,) = found(company)
    assert (late["severity"], late["where"], late["amount"]) == ("info", "bill", "82.72")
    assert late["message"] == (
        "No bill of 2025-11-01 to 2025-11-02, 6 days after the first of them."
        " What they cost is estimated."
    )
    assert "F5 billing lag, bill" in call("check", "--project", company).out
    assert found(company, "--period 2025-10") == []


def test_a_bill_later_than_usual(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once bills came after a day or two, one that takes six is a warning."""
    bring(company, november())
    assert found(company) == []
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-09T10:30:00Z")
    ask(company, "live")

    (late,) = found(company)
    assert (late["severity"], late["where"]) == ("warning", "bill")
    assert "6 days after the first of them; usually it takes 1." in late["message"]
    assert Decimal(late["amount"]) > 0


def test_bills_beyond_their_estimates(company: Path) -> None:
    """A price that rose is told by pool, with the difference in money; pools that held are not."""
    ask(company, "live")
    bring(company, november(nodes="30"))

    assert [(one["where"], one["amount"]) for one in found(company)] == [("nodes", "12.00")]
    (nodes,) = found(company)
    assert nodes["message"] == (
        "Billed for 2025-11-01 to 2025-11-02: 60.00, estimated 48.00: +25.0 %; 2 of 2 days outside"
        " of the interval. Most of it is price: +12.00."
    )
    assert "percapita pricebook" in nodes["advice"]


def test_bills_that_grow_after_they_came(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that come later are told apart, with how much later they came."""
    ask(company, "live")
    bring(company, november())
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-06T10:30:00Z")
    bring(company, november(database="13.5"))

    (grown,) = [one for one in found(company) if one["where"] == "db"]
    assert grown["amount"] == "3.00"
    assert "Most of it is late lines: +3.00." in grown["message"]
    assert "Bills changed up to 3 days after they first came." in grown["message"]


DAY = date(2025, 11, 1)


@pytest.mark.parametrize(
    ("waited", "usual", "severity"),
    [(3, None, ""), (4, None, "info"), (36, None, "warning"), (4, 2, ""), (5, 2, "warning"),
     (30, 16, ""), (33, 16, "warning")],
)  # fmt: skip
def test_patience_is_twice_what_is_usual(waited: int, usual: int | None, severity: str) -> None:
    """Nobody is told of three days; monthly bills are waited for as long as they take."""
    told = lag.late([Unbilled("aws", DAY, DAY, Decimal(5), waited, usual)])

    assert [one.severity for one in told] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("final", "outside", "told"),
    [("110", 3, True), ("90", 3, True), ("104", 3, False), ("110", 2, False)],
)
def test_what_the_interval_promises_is_no_news(final: str, outside: int, told: bool) -> None:  # noqa: FBT001 a case
    """A difference below 5 %, or days outside as often as one in five, is none."""
    off = Decimal(final) - 100
    causes = {"usage": off, "price": Decimal(0)}
    one = Missed("api", "platform", DAY, DAY, 10, outside, Decimal(100), Decimal(final), causes, 0)

    assert [(f.owner, f.amount) for f in lag.missed([one])] == [("platform", abs(off))] * told
