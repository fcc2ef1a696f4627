"""The on-call page: the figures of the live estimate, the last day by the hour, what happened."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

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


def test_cost_per_active_user_has_a_history_and_a_band(company: Path) -> None:
    """Each hour is divided by who was active in the day up to it, and compared with its like.

    October has twenty-three workdays: Monday's hours have a band, and cost more than ever. It has
    eight days of weekends: Sunday's have none.
    """
    with served(company) as site:
        data = site.get("/oncall.json").json
        page = site.get("/oncall").text
    rows = {row["start"]: row for row in data["hours"]}
    monday, sunday = rows[f"{TODAY}T03:00:00Z"], rows["2025-11-02T15:00:00Z"]

    assert rows[f"{TODAY}T10:00:00Z"]["active_24h"] == data["totals"]["active_24h"] == 2
    assert rows[f"{TODAY}T10:00:00Z"]["cost_per_dau"] is None
    assert monday["active_24h"] == 2
    for end in ("amount", "low", "high"):
        of_all = monday["amount" if end == "amount" else end]
        assert Decimal(monday["cost_per_dau"][end]) == Decimal(of_all) * 12
    assert monday["usual"]["days"] == 20
    assert round(Decimal(monday["usual"]["low"]), 6) == Decimal("20.68")
    assert round(Decimal(monday["usual"]["high"]), 6) == Decimal("20.68")
    assert sunday["usual"] == {"low": None, "high": None, "days": 9}
    assert "10 of 10 hours lie outside." in page


def test_amounts_below_a_cent_show_their_digits(
    company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds after midnight little was spent: it reads as what it is, not as nothing."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T00:00:20Z")
    with served(company) as site:
        page = site.get("/oncall").text
    shown = re.findall(r'<data data-live="(rows[^"]*)"[^>]* value="([\d.]+)"[^>]*>([^<]+)<', page)
    small = {path: text for path, value, text in shown if 0 < Decimal(value) < Decimal("0.01")}

    assert small
    for path, text in small.items():
        assert re.fullmatch(r"0\.0+[1-9]\d\d", text), path


def test_without_a_past_there_is_no_band(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first days after the first bill the page says that there is not enough data."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-10-08T12:00:00Z")
    with served(company) as site:
        page = site.get("/oncall").text

    assert "cost / DAU" in page
    assert "not enough data" in page


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


def test_what_has_just_happened_is_marked_too(company: Path) -> None:
    """A deploy of the hour that goes on stands at the edge of the chart."""
    file = company / "happened.yaml"
    file.write_text(f"- {{at: {TODAY}T10:20:00Z, kind: deploy, name: v1.4.3}}\n", encoding="utf-8")
    assert call("import", file, "--kind", "events", "--project", company).code == 0

    with served(company) as site:
        assert "10:20 deploy: v1.4.3" in site.get("/oncall").text


def test_a_request_costs_what_the_last_hour_cost_over_its_requests(company: Path) -> None:
    """Both are of the last 60 minutes: half of the hour before, and this one as far as it is."""
    with served(company) as site:
        (only,) = site.get("/oncall.json").json["endpoints"]

    assert only["requests"] == 40 // 2 + 20
    each = Decimal(only["rate_hour"]["amount"]) / 40
    assert abs(Decimal(only["cost_per_request"]) - each) < Decimal("1e-11")


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
