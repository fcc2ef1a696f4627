"""`activity`, and who is a bot: users by day, week and month, sessions, transactions."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run

BILL = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId
USD,100,100,2025-10-01T00:00:00Z,2025-10-03T00:00:00Z,\
2025-10-01T00:00:00Z,2025-11-01T00:00:00Z,Usage,Web,a
"""
USAGE = """hour,subject,subject_kind,meter,operation,quantity
2025-10-01T08:00Z,ann,user,requests,/pay,4
2025-10-01T09:00Z,ann,user,requests,/,6
2025-10-01T15:00Z,ann,user,requests,/,1
2025-10-02T09:00Z,ann,user,requests,/pay,1
2025-10-02T09:00Z,bob,user,requests,/,8
2025-10-01T09:00Z,s1,session,requests,/,2
2025-10-01T09:00Z,,,requests,/,3
2025-10-02T03:00Z,eve,user,requests,/,75
2025-10-02T04:00Z,kim,user,storage,,500
"""
MODEL = """currency: USD
units: {active user: {subject: user, active: [requests]}}
activity:
  transactions: {payment: {meter: requests, where: {operation: /pay*}}}
pools:
  - {pool: web, match: {ServiceName: Web}, by: {mix: {requests: 1, storage: 1}}}
"""
BOTS = MODEL.replace("  transactions", "  bots: {rate: {of: requests, above: 50}}\n  transactions")


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A web service with users, a visitor, somebody, one who only stores, and one in haste."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    (folder / "model.yaml").write_text(BOTS, encoding="utf-8")
    for name, text in (("bill", BILL), ("usage", USAGE)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        assert run(["import", str(folder / f"{name}.csv"), "--project", str(folder)]) == 0
    return folder


def asked(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401
    """Return the JSON of a verb."""
    capsys.readouterr()
    assert run([*words, "--period", "2025-10", "--format", "json", "--project", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_days_to_come_are_no_days_without_users(
    company: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a month that goes on, means are over the days up to today."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-10-02T12:00:00Z")
    found = asked(company, capsys, "activity")

    assert (found["dau"], found["wau"], found["mau"]) == ("1.5", "1.5", "2")
    assert found["stickiness"] == "0.75"


def test_users_sessions_transactions_and_bots(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each day has its users, their sessions by active hours, visitors, bots, nobody's signals."""
    assert run(["run", "--project", str(company)]) == 0
    found = asked(company, capsys, "activity")

    assert found["activity"] == [
        {"first": "2025-10-01", "users": 1, "sessions": 3, "visitors": 1, "bots": 0, "nobody": 1},
        {"first": "2025-10-02", "users": 2, "sessions": 2, "visitors": 0, "bots": 1, "nobody": 0},
    ]  # fmt: skip
    assert found["transactions"] == {"payment": 5}
    assert found["mau"] == "2"
    assert found["dau"] == f"{3 / 31:.6f}"
    # kim stores and asks for nothing.
    assert found["dormant"] == 1


def test_bots_pay_for_themselves_and_are_no_users(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is over the rate in an hour is the line `bots` in that month, and no unit counts it."""
    assert run(["run", "--project", str(company)]) == 0
    with_rule = asked(company, capsys, "cost", "--by", "user")
    (company / "model.yaml").write_text(MODEL, encoding="utf-8")
    assert run(["run", "--project", str(company)]) == 0
    without = asked(company, capsys, "cost", "--by", "user")

    assert Decimal(with_rule["classes"]["bots"]) > 0
    assert "bots" not in without["classes"] or Decimal(without["classes"]["bots"]) == 0
    assert with_rule["totals"]["units"] + 1 == without["totals"]["units"]
    assert with_rule["totals"]["bill_total"] == without["totals"]["bill_total"]


def test_much_use_without_conversion_is_a_bot(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who uses much in a month and never converts is no person; who converts may use as much."""
    rule = "  bots: {no conversion: {of: requests, above: 5, without: [orders]}}\n  transactions"
    (company / "model.yaml").write_text(MODEL.replace("  transactions", rule), encoding="utf-8")
    orders = "hour,user,meter,quantity\n2025-10-01T10:00Z,ann,orders,1\n"
    (company / "orders.csv").write_text(orders, encoding="utf-8")
    assert run(["import", str(company / "orders.csv"), "--project", str(company)]) == 0

    found = asked(company, capsys, "activity", "--by", "month")
    assert [(row["users"], row["bots"]) for row in found["activity"]] == [(1, 2)]


def test_monthly_usage_says_nothing_of_a_day(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where usage is known by the month only, users of a day are not known, and not zero."""
    (company / "usage.csv").write_text(
        "month,user,meter,quantity\n2025-10,ann,requests,5\n", encoding="utf-8"
    )
    path = str(company / "usage.csv")
    assert run(["import", path, "--project", str(company)]) == 0
    found = asked(company, capsys, "activity", "--by", "month")

    assert (found["dau"], found["wau"], found["mau"], found["stickiness"]) == (
        None, None, "1", None,
    )  # fmt: skip
    assert run(["activity", "--period", "2025-10", "--project", str(company)]) == 2
    assert "are by the month" in capsys.readouterr().err


def test_a_log_of_sessions_alone_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing names a user, the screen says how to name one, or to count sessions."""
    line = '192.0.2.1 - - [03/Oct/2025:14:05:09 +0000] "GET / HTTP/1.1" 200 3 "-" "Mozilla/5.0"\n'
    (tmp_path / "access.log").write_text(line * 3, encoding="utf-8")
    folder = str(tmp_path / "acme")
    assert run(["init", folder]) == 0
    assert run(["import", str(tmp_path / "access.log"), "--project", folder]) == 0
    capsys.readouterr()
    assert run(["activity", "--period", "2025-10", "--project", folder]) == 0
    assert "No signal names a user; visitors are sessions" in " ".join(
        capsys.readouterr().out.split()
    )
