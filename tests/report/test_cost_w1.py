"""CloudMetrics' October comes out as published, to the last digit."""

from __future__ import annotations

from figures.asking import Asking
from percapita.report.cost import as_json as cost_json

STARTER = {
    "tier": "Starter",
    "units": 1200,
    "direct": "9200.00",
    "shared": "23790.00",
    "overhead": "0.00",
    "total": "32990.00",
    "cost_per_unit": "27.491666666667",
    "revenue": "58800.00",
    "revenue_per_unit": "49.00",
    "margin": "25810.00",
    "margin_per_unit": "21.508333333333",
    "margin_percent": "43.894557823129",
}
PROFESSIONAL = {
    "tier": "Professional",
    "units": 250,
    "direct": "8300.00",
    "shared": "17450.00",
    "overhead": "0.00",
    "total": "25750.00",
    "cost_per_unit": "103.00",
    "revenue": "37250.00",
    "revenue_per_unit": "149.00",
    "margin": "11500.00",
    "margin_per_unit": "46.00",
    "margin_percent": "30.872483221477",
}
ENTERPRISE = {
    "tier": "Enterprise",
    "units": 50,
    "direct": "17500.00",
    "shared": "18760.00",
    "overhead": "0.00",
    "total": "36260.00",
    "cost_per_unit": "725.20",
    "revenue": "24950.00",
    "revenue_per_unit": "499.00",
    "margin": "-11310.00",
    "margin_per_unit": "-226.20",
    "margin_percent": "-45.330661322645",
}


def test_the_segment_table_is_exact(cloudmetrics: Asking) -> None:
    """Costs, units, revenue and margin of each tier, and their sums."""
    found = cost_json.statement(cloudmetrics("tier", period="2025-10"))

    assert found["rows"] == [ENTERPRISE, STARTER, PROFESSIONAL]
    assert found["totals"] == {
        "units": 1500,
        "direct": "35000.00",
        "shared": "60000.00",
        "overhead": "0.00",
        "total": "95000.00",
        "cost_per_unit": "63.333333333333",
        "revenue": "121000.00",
        "revenue_per_unit": "80.666666666667",
        "margin": "26000.00",
        "margin_per_unit": "17.333333333333",
        "margin_percent": "21.487603305785",
        "overlap": 0,
        "bill_total": "95000.00",
        "booked_total": "95000.00",
    }
    assert set(found["classes"].values()) == {"0.00"}


def test_a_statement_says_what_it_is(cloudmetrics: Asking) -> None:
    """Basis, scope, numerator, run, model and what is missing go along."""
    meta = cost_json.statement(cloudmetrics("tier", period="2025-10"))["meta"]

    assert len(meta.pop("model")) == 64
    assert meta == {
        "basis": "effective",
        "currency": "USD",
        "period": "2025-10",
        "scope": "fully loaded",
        "numerator": "allocated cost of all pools",
        "unit": "customer",
        "window": "month",
        "status": "open",
        "as_of": "2025-11-03T12:00:00Z",
        "complete_through": "2025-10-02T00:00:00Z",
        "run": "r000001",
        "bill_total": "95000.00",
        "missing": [],
        "notes": ["Units are the head counts that were given."],
    }


def test_a_service_splits_as_published(cloudmetrics: Asking) -> None:
    """PostgreSQL falls 13,440 / 8,400 / 6,160."""
    found = cloudmetrics("service", "tier", period="2025-10")
    rows = {tuple(row.key): str(row.cost.total.normalize()) for row in found.figures.rows}

    assert [rows["postgresql", tier] for tier in ("Starter", "Professional", "Enterprise")] == [
        "1.344E+4", "8.4E+3", "6.16E+3",
    ]  # fmt: skip


def test_segments_do_not_know_users(cloudmetrics: Asking) -> None:
    """Asked for users, usage known by tier alone is one row that says so."""
    (row,) = cost_json.statement(cloudmetrics("user"))["rows"]

    assert (row["user"], row["not_known_below"], row["units"]) == (None, "tier", None)
    assert row["total"] == "95000.00"


def test_a_scope_names_what_it_leaves_out(cloudmetrics: Asking) -> None:
    """Infrastructure without the third party's monitoring, and the rest in one line."""
    found = cost_json.statement(cloudmetrics("tier", scope="infrastructure"))

    assert found["meta"]["numerator"] == "allocated cost of pools of scope infrastructure"
    assert found["totals"]["total"] == "92000.00"
    assert found["classes"]["outside_scope"] == "3000.00"
    assert found["totals"]["bill_total"] == "95000.00"


def test_a_filter_never_inflates(cloudmetrics: Asking) -> None:
    """What is filtered stays as one amount; units and revenue are those of what remains."""
    found = cost_json.statement(cloudmetrics("pool", where=["tier=Enterprise"]))

    assert found["totals"]["total"] == "36260.00"
    assert found["classes"]["filtered"] == "58740.00"
    assert (found["totals"]["units"], found["totals"]["revenue"]) == (50, "24950.00")
    assert found["totals"]["cost_per_unit"] == "725.20"


def test_infrastructure_is_set_beside_the_band(cloudmetrics: Asking) -> None:
    """61.33 per customer and month is a warning."""
    assert cost_json.statement(cloudmetrics("tier"))["benchmark"] == {
        "scope": "infrastructure",
        "cost_per_unit": "61.333333333333",
        "low": "1.00",
        "high": "10.00",
        "warn": "20.00",
        "status": "warning",
    }
