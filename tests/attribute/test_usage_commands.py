"""`readings` and `attribution`: what was measured, how sure it is, and where ids are lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from percapita.core.sources import Source
from percapita.core.tables import READINGS
from percapita.project import Project
from percapita.store.delivery import FileStat

BILL = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId
USD,100,100,2025-10-03T00:00:00Z,2025-10-04T00:00:00Z,\
2025-10-01T00:00:00Z,2025-11-01T00:00:00Z,Usage,Web,a
"""
MODEL = """currency: USD
sampling: {unknown: 10, calibrate: {requests: edge.requests}}
pools:
  - {pool: web, match: {ServiceName: Web}, by: requests}
"""
SIGNALS = (
    # subject, level, service, operation, meter, signals, quantity, threshold, trace squares
    (1, "user", "api", "/pay", "requests", 60, 240, "c", 60),
    (2, "user", "api", "/pay", "requests", 5, 20, "c", 5),
    (0, None, "api", "/feed", "requests", 20, 80, "c", 20),
    (3, "session", "api", "/feed", "requests", 10, 40, "c", 10),
    (0, None, "jobs", "sync", "requests", 3, 3, None, 3),
    (0, None, "api", None, "edge.requests", 400, 400, "0", None),
)

NAMES = (
    "subject", "level", "service", "operation", "meter", "signals", "quantity", "threshold",
    "trace_squares",
)  # fmt: skip
NINE = datetime(2025, 10, 3, 9, tzinfo=UTC)


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A web service whose sampled requests name users, a session, nobody; and jobs that do not."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    (folder / "model.yaml").write_text(MODEL, encoding="utf-8")
    (folder / "bill.csv").write_text(BILL, encoding="utf-8")
    assert run(["import", str(folder / "bill.csv"), "--project", str(folder)]) == 0
    with Project.open(folder).store() as store:
        door = store.door
        known = {1: door.numbers("user", ["ann"])["ann"], 2: door.numbers("user", ["bob"])["bob"],
                 3: door.numbers("session", ["s1"])["s1"], 0: 0}  # fmt: skip
        schema = {column.name: column.type for column in READINGS.columns}
        rows = []
        for who, level, service, operation, meter, signals, quantity, threshold, squares in SIGNALS:
            values = (who, level, service, operation, meter, signals, quantity, threshold, squares)
            row: dict[str, Any] = {**dict.fromkeys(schema), **dict(zip(NAMES, values, strict=True))}
            row |= {"time": NINE, "grain": "hour", "subject": known[who]}
            rows.append(list(row.values()))
        store.engine.load("_signals", schema, rows)
        source = Source("otlp", "otlp", kind="readings", format="otlp", mode="append")
        with store.begin_import(source, [FileStat("1", 1, "1")]) as tx:
            tx.write(READINGS, "SELECT * FROM _signals", period="2025-10")
            tx.commit()
    return folder


def asked(folder: Path, capsys: pytest.CaptureFixture[str], verb: str, *more: str) -> Any:  # noqa: ANN401
    """Return the JSON of a verb."""
    capsys.readouterr()
    options = ["--period", "2025-10", "--format", "json", "--project", str(folder)]
    assert run([verb, *more, *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_readings_say_how_sure_they_are(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sum of sampled readings carries its variance by trace; an unsampled one has none."""
    found = {r["meter"]: r for r in asked(company, capsys, "readings")["readings"]}

    # p = 1/4: (1 - p) / p^2 = 12 for each squared trace of 95 known ones.
    assert found["requests"]["variance"] == str(12 * 95)
    assert found["requests"]["low"] < found["requests"]["quantity"] < found["requests"]["high"]
    assert (found["edge.requests"]["variance"], found["edge.requests"]["signals"]) == ("0", 400)


def test_unknown_probability_has_the_models_weight_and_is_said(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three signals that do not say how they were kept stand for thirty, and are counted apart."""
    found = asked(company, capsys, "readings", "--by", "service")
    jobs = next(r for r in found["readings"] if r["service"] == "jobs")

    assert (jobs["quantity"], jobs["unknown"], found["unknown_weight"]) == (30, 30, "10")


def test_few_traces_are_no_number(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A user of five kept traces has no interval but a word, in JSON and on the terminal."""
    found = asked(company, capsys, "readings", "--by", "subject")["readings"]
    few = next(r for r in found if r["signals"] == 5)

    assert (few["enough"], few["low"], few["high"]) == (False, None, None)
    options = ["--period", "2025-10", "--by", "subject", "--project", str(company)]
    assert run(["readings", *options]) == 0
    assert "not enough data" in capsys.readouterr().out


def test_the_newest_month_is_meant(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who names no period gets the newest month that has readings."""
    for verb in ("readings", "attribution", "activity"):
        october = asked(company, capsys, verb)
        assert run([verb, "--format", "json", "--project", str(company)]) == 0
        assert json.loads(capsys.readouterr().out) == october


def test_sampled_meter_is_brought_to_the_unsampled_total(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The load balancer counted 400 requests of the api: its sampled 380 stand for those."""
    found = asked(company, capsys, "readings", "--by", "service")["readings"]
    api = next(r for r in found if (r["service"], r["meter"]) == ("api", "requests"))

    assert (api["quantity"], api["calibrated"]) == (380, 400)


def test_attribution_by_service_and_meter(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of each service's meter it is said which share names a user, a session, nobody."""
    found = asked(company, capsys, "attribution")
    api = next(r for r in found["services"] if (r["service"], r["meter"]) == ("api", "requests"))

    assert api["signals"] == 95
    assert api["by_signals"]["user"] == f"{65 / 95:.6f}"
    assert api["by_signals"]["session"] == f"{10 / 95:.6f}"
    assert api["by_quantity"]["nobody"] == f"{80 / 380:.6f}"
    assert found["trend"] == [{"day": "2025-10-03", "signals": 498, "rate": f"{65 / 498:.6f}"}]
    assert any("jobs names its user on 0.0 %" in advice for advice in found["advice"])


def test_operations_without_an_id_carry_their_money(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fell on nobody is divided over the operations that name nobody, by their usage."""
    before = asked(company, capsys, "attribution")["operations"]
    assert all(operation["amount"] is None for operation in before)

    assert run(["run", "--project", str(company)]) == 0
    found = asked(company, capsys, "attribution")["operations"]
    # 100 dollars over 410 requests, 110 of them of nobody: 80 of /feed, 30 of sync.
    amounts = {o["operation"]: o["amount"] for o in found if o["meter"] == "requests"}
    assert amounts["/feed"].startswith("19.51219512")
    assert amounts["sync"].startswith("7.31707317")
    assert [o["operation"] for o in found][:2] == ["/feed", "sync"]


def test_no_usage_is_an_answer(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A period without readings says so, and what to do."""
    for verb in ("readings", "attribution"):
        assert run([verb, "--period", "2024-01", "--project", str(company)]) == 2
        assert "no readings of 2024-01" in capsys.readouterr().err
