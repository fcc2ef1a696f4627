"""Check over a store: a bill alone, then with usage, users and a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from percapita.core.errors import Problem
from percapita.core.privacy import Key
from percapita.core.sources import Kind, Source
from percapita.core.tables import FINDINGS, LINES, READINGS, ROLLUP, SEGMENTS, SLICES, Table
from percapita.model.load import loads
from percapita.report.check import view as check_view
from percapita.report.check.check import Checked, Project, check
from percapita.report.table import Page
from percapita.report.tags.taxonomy import Taxonomy
from percapita.store import FileStat, Quarantined, Store

NOW = datetime(2025, 11, 3, 12, tzinfo=UTC)
MODEL = """
version: 1
currency: USD
units:
  active user: {subject: user}
segments: {tier: {from: users.plan}}
pools:
  - pool: database
    match: {ServiceName: db}
    by: db.queries
"""
REQUIRED = Taxonomy({"Team": (), "Environment": ("prod", "dev")})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(tmp_path / ".percapita", Key(b"k" * 32), now=NOW, who="tester") as opened:
        yield opened


def deliver(
    store: Store, kind: Kind, table: Table, rows: Sequence[Mapping[str, Any]],
    period: str | None = "2025-10", broken: Sequence[Quarantined] = (),
) -> None:  # fmt: skip
    """Import rows of a table, all else null."""
    schema = {column.name: column.type for column in table.columns}
    store.engine.load("given", schema, [tuple(row.get(c) for c in schema) for row in rows])
    source = Source(kind, f"{kind}.csv", kind=kind)
    with store.begin_import(source, [FileStat(f"{kind}.csv", 1, kind)]) as tx:
        tx.write(table, "SELECT * FROM given", period=period)
        tx.quarantine(broken)
        tx.commit()


def line(name: str, cost: str, resource: str | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A bill line of the first of October."""
    return {
        "LineId": name,
        "EffectiveCost": Decimal(cost),
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ServiceName": "db",
        "ResourceId": resource,
        "ResourceType": "instance",
        "ChargePeriodStart": datetime(2025, 10, 1, tzinfo=UTC),
        "ChargePeriodEnd": datetime(2025, 11, 1, tzinfo=UTC),
        "Tags": [],
        "Extra": [],
        **more,
    }


def bill(store: Store) -> None:
    """Four lines: tagged, wrongly tagged, bare, and tax, which nobody can tag."""
    team = ("Team", "data")
    rows = [
        line("a", "30", "db-1", Tags=[team, ("Environment", "prod")]),
        line("b", "50", "db-2", Tags=[("team", "data"), ("Environment", "live")]),
        line("c", "20", None),
        line("tax", "9", None, ChargeCategory="Tax"),
    ]
    broken = [
        Quarantined("bill.csv", 7, "EffectiveCost", "x", "not-a-number", "'x' is no number", "fix")
    ]
    deliver(store, "bill", LINES, rows, broken=broken)


def asked(**known: Any) -> Project:  # noqa: ANN401
    """What check is told, unless the test says otherwise."""
    sums: dict[str, Any] = {
        "now": NOW,
        "model": loads(MODEL),
        "problems": (),
        "taxonomy": REQUIRED,
        "resource_map": [{"resource type": "instance", "attribution method": "driver"}],
        "sources": ["bill", "users"],
    }
    return Project(**{**sums, **known})


def verdicts(found: Checked) -> dict[str, str]:
    """Verdict by item."""
    return {i.name: i.verdict for i in (*found.readiness, *found.adviser, *found.practice)}


def test_a_bill_alone_can_be_checked(store: Store) -> None:
    """Before any run and without usage the bill's own facts are judged, the rest is unknown."""
    bill(store)
    found = check(store, asked())
    seen = verdicts(found)

    assert found.bill is not None
    assert (found.bill.total, found.bill.spend, found.bill.tagged) == (
        Decimal(109),
        Decimal(100),
        Decimal(30),
    )
    assert seen["tags on 30 % of spend"] == "passed"
    assert seen["tag coverage by resources"] == "failed"
    assert seen["90 days of itemised bills"] == "failed"
    assert seen["attribution rate"] == seen["allocated"] == "cannot know"
    assert found.maturity.level == "beginner"


def test_tags_count_with_listed_values_only(store: Store) -> None:
    """A value that is not listed does not count, is told, and so is another spelling."""
    bill(store)
    found = check(store, asked())
    assert found.bill is not None
    team, environment = found.bill.keys

    assert (team.amount, team.variants) == (Decimal(30), ("team",))
    assert (environment.amount, environment.wrong) == (Decimal(30), Decimal(50))


def test_the_dearest_and_the_untagged(store: Store) -> None:
    """Untagged resources lead the dearest; the untagged list holds what names no resource too."""
    bill(store)
    found = check(store, asked())

    assert [(r.resource.resource, r.cumulative) for r in found.dearest] == [
        ("db-2", Decimal(50)),
        ("db-1", Decimal(80)),
    ]
    assert [(u.resource, u.amount, u.missing) for u in found.untagged] == [
        ("db-2", Decimal(50), ("Team", "Environment")),
        ("", Decimal(20), ("Team", "Environment")),
    ]


def test_rows_left_out_and_model_names_are_warnings(store: Store) -> None:
    """Quarantined rows and a meter that nobody reports count as warnings."""
    bill(store)
    found = check(store, asked())

    assert [(q.source, q.code, q.rows) for q in found.quarantine] == [("bill", "not-a-number", 1)]
    assert any("db.queries" in problem.message for problem in found.warnings)
    assert [(f["code"], f["severity"]) for f in found.findings] == [
        ("quarantine", "warning"),
        ("untagged-spend", "info"),
    ]
    assert found.severities()["warning"] == 1 + len(found.warnings)
    assert found.severities()["error"] == 0


def test_usage_and_users_answer_more(store: Store) -> None:
    """Readings give attribution and maturity, users give cohorts."""
    bill(store)
    reading = {"grain": "day", "meter": "db.queries", "signals": 1}
    days = [datetime(2025, 10, day, tzinfo=UTC) for day in range(1, 9)]
    rows = [{**reading, "time": day, "subject": 1, "level": "user", "quantity": 3} for day in days]
    rows.append({**reading, "time": days[0], "subject": 0, "quantity": 8})
    deliver(store, "readings", READINGS, rows)
    plan = {"subject": 1, "level": "user", "source": "users", "attribute": "plan", "value": "Pro"}
    deliver(store, "segments", SEGMENTS, [plan], period=None)
    found = check(store, asked())
    rate = next(i for i in found.practice if i.name == "attribution rate of db.queries")

    assert rate.value == "75.00"
    assert found.maturity.level == "intermediate"
    assert verdicts(found)["even usage"] == "passed"
    assert found.adviser[4].evidence == "Usage and users are told apart by plan only."


def test_a_run_brings_findings_and_the_allocated_share(store: Store) -> None:
    """Published findings are listed, worst first; allocated is what reaches somebody."""
    bill(store)
    publish(store)
    found = check(store, asked())
    allocated = next(i for i in found.practice if i.name == "allocated")

    assert [f["code"] for f in found.findings][:2] == ["F9", "F1"]
    assert found.severities()["error"] == 1
    assert allocated.value == "75.00"


def publish(store: Store) -> None:
    """Commit and publish a run with two findings and four amounts."""
    findings = [
        ("F1", "warning", "db", "low", Decimal(5), "look", ""),
        ("F9", "error", "web", "gap", None, "look", ""),
    ]
    slices: list[tuple[Any, ...]] = [(0, "user", []), (-1, "idle", [])]
    rollup = [
        ("effective", 1, number, None, None, None, Decimal(1), Decimal(amount), 1)
        for number, amount in ((0, 75), (-1, 25))
    ]
    with store.begin_run(model_text=MODEL, model_hash="h", bases=["effective"]) as tx:
        for table, rows in ((FINDINGS, findings), (SLICES, slices), (ROLLUP, rollup)):
            schema = {column.name: column.type for column in table.columns}
            store.engine.load("given", schema, rows)
            tx.write(table, "2025-10", "SELECT * FROM given")
        tx.commit({})
        tx.publish([("effective", "2025-10")])


def test_nothing_imported_is_said_plainly() -> None:
    """Without a store check says what to do first, and a broken model is an error."""
    problem = Problem("unknown-key", "model.yaml:3:1", "what is this?")
    found = check(None, asked(model=None, problems=(problem,), taxonomy=None, resource_map=None))

    assert found.maturity.level == "none"
    assert found.severities()["error"] == 1
    assert verdicts(found)["a bill export"] == "failed"


def test_one_month_narrows_spend_but_not_the_history(store: Store) -> None:
    """A period chooses the spend that is judged; itemised days are of all there is."""
    bill(store)
    found = check(store, asked(period="2025-09", months=["2025-09"]))
    itemised = next(i for i in found.practice if i.name == "90 days of itemised bills")

    assert found.bill is not None
    assert found.bill.spend == 0
    assert itemised.value == "31"


def test_every_form_tells_the_same(store: Store) -> None:
    """Text, JSON and CSV are all made from what was found; amounts are text in JSON."""
    bill(store)
    publish(store)
    found = check(store, asked())
    document = json.loads(check_view.check_json(found, {"as_of": "2025-11-03T12:00:00Z"}))
    rows = list(check_view.check_csv(found))
    stream = StringIO()
    check_view.check_text(found, Page(stream, width=80))
    text = stream.getvalue()

    assert document["tags"]["by_spend"] == "30.00"
    assert document["dearest"][0]["amount"] == "50.00"
    assert document["findings"][0]["severity"] == "error"
    assert {row[0] for row in rows} >= {"section", "readiness", "practice", "dearest", "untagged"}
    assert all(len(row) == 7 for row in rows)
    assert "Spend without the required tags" in text
    assert max(map(len, text.splitlines())) <= 80
