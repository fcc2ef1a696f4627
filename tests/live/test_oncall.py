"""The on-call page: the figures of the live estimate, the last day by the hour, what happened."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from invariants.folder import ask, call
from live.company import TODAY
from web.serving import served

EVENTS = f"""
- {{at: {TODAY}T04:05:00Z, kind: deploy, name: v1.4.2, service: checkout}}
- {{at: {TODAY}T07:10:00Z, kind: incident, name: disk full, service: db}}
"""


def test_on_call_shows_what_live_says(company: Path) -> None:
    """Rates, the day and each service are those of `percapita live --by service`."""
    ours = ask(company, "live --by service")
    with served(company) as site:
        theirs = site.get("/api/v1/oncall").json
        page = site.get("/oncall").text

    assert theirs["totals"] == ours["totals"]
    assert theirs["services"] == ours["rows"]
    assert f'value="{ours["totals"]["rate_hour"]["amount"]}"' in page


def test_hours_sum_to_the_day(company: Path) -> None:
    """What the hours since midnight cost is what today costs."""
    with served(company) as site:
        data = site.get("/oncall.json").json

    hours = [row for row in data["hours"] if row["start"].startswith(TODAY)]
    summed = sum((Decimal(row["amount"]) for row in hours), Decimal(0))
    assert len(data["hours"]) == 24
    assert abs(summed - Decimal(data["totals"]["today"]["amount"])) < Decimal("1e-12")


def test_what_happened_stands_under_the_same_axis(company: Path) -> None:
    """Deploys and incidents of the last day are marked in the chart and listed below it."""
    file = company / "happened.yaml"
    file.write_text(EVENTS, encoding="utf-8")
    assert call("import", file, "--kind", "events", "--project", company).code == 0

    with served(company) as site:
        page = site.get("/oncall").text
    assert "04:05 deploy: v1.4.2" in page
    assert 'class="mark bad"' in page
    assert "disk full" in page


def test_on_call_works_without_scripts(company: Path) -> None:
    """Without scripts the page is asked for again by itself; with them it follows the stream."""
    with served(company) as site:
        page = site.get("/oncall").text

    assert '<noscript><meta http-equiv="refresh"' in page
    assert 'data-stream="/api/v1/live/stream' in page


def test_debugging_says_whose_usage_is(company: Path) -> None:
    """The debugging page has the attribution of `percapita attribution` for the month."""
    ours = ask(company, "attribution --period 2025-10")
    with served(company) as site:
        theirs = site.get("/debug.json?period=2025-10").json

    assert theirs["attribution"] == ours
