"""What everything costs right now: capacity is priced first, then it is said whose it is."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from invariants.folder import amounts, ask, bill, call, charge, usage, write
from live.company import TODAY, deliver
from live.company import company as files
from percapita.core.money import total
from percapita.live import desk, split
from percapita.live.desk import Desk
from percapita.live.standing import look
from percapita.project import Project
from percapita.store.kept import summed_readings


def today(row: dict[str, Any]) -> Decimal:
    """Return what a row costs so far today."""
    return Decimal(row["today"]["amount"])


def rate(row: dict[str, Any]) -> Decimal:
    """Return what a row costs an hour, by the last sixty minutes."""
    return Decimal(row["rate_hour"]["amount"])


def by_name(rows: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    """Return rows by their key."""
    return {row[name]: row for row in rows}


def test_capacity_is_priced_before_anyone_used_it(october: Path) -> None:
    """Ten nodes for ten and a half hours cost 10.50, at the price that the bill had."""
    pools = by_name(ask(october, "live")["pools"], "pool")

    assert pools["nodes"]["priced_by"] == "meter"
    assert pools["nodes"]["price"] == "0.10"
    assert today(pools["nodes"]) == Decimal("10.5")
    assert rate(pools["nodes"]) == 1
    assert today(pools["db"]) == Decimal("5.25")
    assert today(pools["mail"]) == Decimal("2.1")
    # Tax is in proportion to what the rest costs: 3.76 of 37.60.
    assert today(pools["tax"]) == Decimal("1.785")


def test_idle_nodes_raise_the_estimate(company: Path) -> None:
    """Twenty idle nodes raise it within their first half hour, though no user did more."""
    before = ask(company, "live --by tier")
    idle = usage((f"{TODAY}T10:00:00Z", "node.hours", "", 10))
    deliver(company, "autoscaler", idle)
    after = ask(company, "live --by tier")

    pools = by_name(after["pools"], "pool")
    assert today(pools["nodes"]) == Decimal("11.5")
    assert rate(pools["nodes"]) == 2
    assert rate(after["totals"]) > rate(before["totals"])
    assert after["totals"]["active_24h"] == before["totals"]["active_24h"] == 2


def test_a_query_storm_moves_shares_not_money(company: Path) -> None:
    """On a database of fixed size, a storm of queries costs nobody more in sum."""
    before = ask(company, "live --by tier")
    deliver(company, "storm", usage((f"{TODAY}T10:00:00Z", "queries", "bob", 1_000_000)))
    after = ask(company, "live --by tier")

    assert today(after["totals"]) == today(before["totals"])
    assert rate(after["totals"]) == rate(before["totals"])
    rows, earlier = by_name(after["rows"], "tier"), by_name(before["rows"], "tier")
    assert today(rows["Pro"]) > today(earlier["Pro"])
    assert today(rows["Free"]) < today(earlier["Free"])
    assert rate(rows["Pro"]) > rate(earlier["Pro"])


def test_parts_sum_to_the_estimate(october: Path) -> None:
    """Rows and the classes beside them sum to the estimate exactly, today and by the hour."""
    for by in ("tier", "pool", "service", "operation"):
        found = ask(october, f"live --by {by}")
        for figure in (today, rate):
            parts = [figure(row) for row in (*found["rows"], *found["classes"])]
            assert total(parts) == figure(found["totals"]), by


def test_the_split_is_that_of_a_run(company: Path, tmp_path: Path) -> None:
    """A bill of just the estimated amounts, run in the ordinary way, gives everyone the same."""
    live = ask(company, "live --by tier")
    span = (f"{TODAY}T00:00:00Z", "2025-11-04T00:00:00Z")
    services = {"nodes": "compute", "db": "db", "mail": "mail", "tax": "tax"}
    lines = [
        charge(
            services[pool["pool"]], pool["today"]["amount"], *span,
            ChargeCategory="Tax" if pool["pool"] == "tax" else "Usage",
        )
        for pool in live["pools"]
    ]  # fmt: skip
    inputs = files()
    project = write(tmp_path / "billed", inputs)
    (project / "bill.csv").write_text(bill(lines), encoding="utf-8")
    ask(project, "run")
    cost = ask(project, "cost --by tier --period 2025-11-03")

    assert amounts(cost["rows"], "tier") == {row["tier"]: today(row) for row in live["rows"]}
    assert Decimal(cost["totals"]["bill_total"]) == today(live["totals"])


def test_nothing_published_changes(company: Path) -> None:
    """An estimate is asked for, and every published figure is what it was."""
    before = ask(company, "cost --by tier")
    ask(company, "live --by tier")

    assert ask(company, "cost --by tier") == before


def test_looks_at_one_store_do_not_disturb_each_other(october: Path) -> None:
    """Two who ask by turns, and one who sums all readings between, see what one alone sees."""
    project = Project.open(october)
    with project.store(create=False) as store:
        one, other = Desk(store), Desk(store)
        alone = look(one, project.now, "tier")
        summed_readings.bind(store)

        assert look(one, project.now, "tier") == alone
        assert look(other, project.now, "tier") == alone
        assert look(one, project.now, "tier") == alone


def test_who_asks_after_a_pause_gets_a_new_count(
    october: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks that follow each other share a head count; one after a minute does not."""
    project, counted = Project.open(october), Mock(wraps=split.heads)
    monkeypatch.setattr(desk, "heads", counted)
    with project.store(create=False) as store:
        one = desk.Desk(store)
        first = [look(one, project.now, "tier") for _ in range(2)]
        assert (first[0], counted.call_count) == (first[1], 1)
        later = time.monotonic() + 60
        monkeypatch.setattr(time, "monotonic", lambda: later)

        assert look(one, project.now, "tier") == first[0]
        assert counted.call_count == 2


def test_cost_per_daily_user_rolls(october: Path) -> None:
    """It is the spend of the last 60 minutes x 24 over those active in the last 24 hours."""
    totals = ask(october, "live")["totals"]

    assert totals["active_24h"] == 2
    assert Decimal(totals["cost_per_dau"]["amount"]) == rate(totals) * 24 / 2


def test_silence_is_never_zero(company: Path, monkeypatch: Any) -> None:  # noqa: ANN401
    """A capacity meter that falls silent is taken to cost what is usual, and named."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T16:00:00Z")
    found = ask(company, "live")
    pools = by_name(found["pools"], "pool")

    assert rate(pools["nodes"]) == 1
    assert pools["nodes"]["silent_hours"] == "5.00"
    (missing,) = [one for one in found["meta"]["missing"] if one["meter"] == "node.hours"]
    assert missing == {
        "meter": "node.hours", "pools": ["nodes"], "since": "2025-11-03T11:00:00Z",
        "hours_today": "5.00",
    }  # fmt: skip
    assert (
        "node.hours says nothing since 2025-11-03 11:00" in call("live", "--project", company).out
    )


def test_a_meter_that_speaks_again_is_not_called_silent(
    company: Path,
    monkeypatch: Any,  # noqa: ANN401
) -> None:
    """The hours of today in which it said nothing are named as what they are: over."""
    at = {"time": f"{TODAY}T16:00:00Z", "meter": "node.hours", "user": "", "quantity": "10"}
    deliver(company, "again", [at])
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T16:50:00Z")
    said = " ".join(call("live", "--project", company).out.split())

    assert "node.hours speaks again; for the 5.00 h of today that it was silent nodes is" in said
    assert "node.hours says nothing" not in said


def test_an_operation_has_no_active_users(company: Path) -> None:
    """Who was active is told by attributes of people, so no operation, known or not, has heads."""
    found = ask(company, "live --by operation")

    assert found["totals"]["active_24h"] == 2
    assert {row["active_24h"] for row in found["rows"]} == {None}


def test_what_is_not_billed_is_named(october: Path) -> None:
    """The days since the bill ended stand as one amount, and each bill says how far it goes."""
    found = ask(october, "live")

    assert found["meta"]["bill_through"] == {"bill": "2025-10-31"}
    unbilled = found["totals"]["unbilled"]
    assert unbilled["since"] == "2025-11-01"
    # Two whole days like October's, and today so far.
    assert Decimal(unbilled["amount"]) == Decimal("41.36") * 2 + today(found["totals"])


def test_intervals_hold_the_estimate(october: Path) -> None:
    """Every figure lies within its interval, and October calibrated every pool."""
    found = ask(october, "live --by tier")

    for row in (found["totals"], *found["rows"], *found["pools"]):
        figure = row["today"]
        assert Decimal(figure["low"]) <= Decimal(figure["amount"]) <= Decimal(figure["high"])
    assert {pool["cold"] for pool in found["pools"]} == {False}


def test_a_claim_moves_shares_at_once(company: Path) -> None:
    """Who turns out to be another account costs that account's tier, in the same estimate."""
    before = ask(company, "live --by tier")
    deliver(company, "merged", [{"alias": "bob", "of": "ann"}], "aliases")
    after = ask(company, "live --by tier")

    assert today(after["totals"]) == today(before["totals"])
    rows, earlier = by_name(after["rows"], "tier"), by_name(before["rows"], "tier")
    assert today(rows["Free"]) > today(earlier["Free"])
    assert today(rows["Pro"]) < today(earlier["Pro"])
    assert after["totals"]["active_24h"] == before["totals"]["active_24h"] - 1


def test_a_wrong_cut_names_the_right_one(october: Path) -> None:
    """A name that is nothing to cut by is answered with the nearest that is."""
    said = call("live", "--by", "teir", "--project", october)

    assert said.code == 2
    assert "cannot be cut by 'teir'" in said.err
    assert "tier" in said.err


def test_without_a_run_there_is_no_price(tmp_path: Path) -> None:
    """Where nothing was ever published, the answer is what to type."""
    project = write(tmp_path / "new", files())
    assert call("import", project / "bill.csv", "--project", project).code == 0
    said = call("live", "--project", project)

    assert said.code == 2
    assert "percapita run" in said.err
