"""``percapita calls`` and the page's section: who is called, what fails, what it costs."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import Inputs, Row, ask, call, charge, made, usage
from web.serving import served

MODEL = """
version: 1
currency: USD
pools:
  - pool: payments
    match: {ServiceName: stripe}
    scope: third party
    by: {meter: external.calls, where: {operation: api.stripe.com}}
  - {pool: gateway, match: {ServiceName: gateway}, by: external.time}
  - {pool: retries, match: {ServiceName: queue}, by: {mix: {external.errors: 0.5, requests: 0.5}}}
  - {pool: nodes, match: {ServiceName: compute}, by: requests}
"""
HOSTILE = '<script>alert(1)</script>,"=1+1'
DAY = ("2025-10-03T00:00:00Z", "2025-10-04T00:00:00Z")
SPAN = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")


def called(service: str, peer: str, user: str, calls: int, failed: int, micros: int) -> list[Row]:
    """Return the readings of calls in one hour."""
    at, cell = "2025-10-03T10:00:00Z", {"service": service, "operation": peer}
    sums = {"calls": calls, "errors": failed, "time": micros}
    return usage(*((at, f"external.{name}", user, n, cell) for name, n in sums.items() if n))


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """Return a company that calls a third party, a database and something with a hostile name."""
    rows = [
        *called("shop", "api.stripe.com", "ann", 3, 1, 1_500_000),
        *called("billing", "api.stripe.com", "", 4, 0, 500_000),
        *called("shop", "postgresql", "bob", 90, 0, 900_000),
        *called("shop", HOSTILE, "bob", 1, 1, 100_000),
        *usage(("2025-10-03T10:00:00Z", "requests", "ann", 5)),
    ]
    lines = [charge("stripe", "10", *SPAN), charge("gateway", "6", *SPAN),
             charge("queue", "4", *DAY), charge("compute", "9", *SPAN)]  # fmt: skip
    return made(tmp_path, Inputs(MODEL, lines, rows))


def test_calls_of_a_month(company: Path) -> None:
    """Each service and peer has its calls, failures and time; what a call splits is its cost."""
    found = ask(company, "calls --period 2025-10")

    assert (found["period"], found["currency"]) == ("2025-10", "USD")
    rows = {(row["service"], row["peer"]): row for row in found["calls"]}
    assert [row["peer"] for row in found["calls"][:2]] == ["postgresql", "api.stripe.com"]
    assert rows["shop", "api.stripe.com"] == {
        "service": "shop", "peer": "api.stripe.com", "calls": 3, "failed": 1,
        "failed_percent": "33.333333333333", "seconds": "1.50", "mean_seconds": "0.50",
        "cost": rows["shop", "api.stripe.com"]["cost"], "cost_per_call": "2.761904761905",
        "pools": ["gateway", "payments", "retries"],
    }  # fmt: skip
    assert rows["shop", "postgresql"]["pools"] == ["gateway"]


def test_costs_of_calls_sum_to_what_the_pools_split_by_them(company: Path) -> None:
    """Nothing is lost or added: ten dollars by calls, six by time, half of four by failures."""
    found = ask(company, "calls --period 2025-10")

    assert sum(Decimal(row["cost"]) for row in found["calls"]) == Decimal(18)


def test_one_service_as_a_table_and_for_spreadsheets(company: Path) -> None:
    """A service can be asked for alone; a stranger's name is text, not a formula."""
    said = call("calls", "--service", "shop", "--project", company)
    assert "api.stripe.com" in said.out
    assert "33.33" in said.out
    assert "billing" not in said.out

    said = call("calls", "--service", "shop", "--format", "csv", "--project", company)
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["peer"].lstrip("'") for row in rows] == ["postgresql", "api.stripe.com", HOSTILE]
    assert rows[1]["failed"] == "1"


def test_days_have_calls_and_no_cost(company: Path) -> None:
    """A cost is known of whole months that were run; a day without calls says so."""
    day = ask(company, "calls --period 2025-10-03")["calls"]
    assert [row["cost"] for row in day] == [None] * 4

    said = call("calls", "--period", "2025-10-04", "--project", company)
    assert said.code == 0
    assert "No calls to others in 2025-10-04." in said.out


def test_the_page_shows_the_same(company: Path) -> None:
    """``/debug`` has the calls as a table, as JSON and as CSV; names are written as text."""
    with served(company) as site:
        page = site.get("/debug?period=2025-10").text
        data = site.get("/debug.json?period=2025-10").json
        rows = list(csv.reader(io.StringIO(site.get("/debug.csv?period=2025-10").text)))

    assert data["calls"] == ask(company, "calls --period 2025-10")["calls"]
    assert "Calls to others" in page
    assert "<script>alert" not in page
    assert ["call", "api.stripe.com", "failed of shop", "1"] in rows
