"""Projects at the edge: little known, little there, or nobody."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from invariants.folder import Inputs, amounts, ask, bill, call, charge, closes, made, usage, write

DAY = ("2025-10-03T00:00:00Z", "2025-10-04T00:00:00Z")
MONTH = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
USERS = "version: 1\ncurrency: USD\nunits: {active user: {subject: user, exclude: [bot]}}\n"
BY_QUERIES = f"{USERS}pools:\n  - {{pool: db, match: {{ServiceName: db}}, by: queries}}\n"


def test_bare_focus_file_needs_nothing_else(tmp_path: Path) -> None:
    """init, import FILE, run, reconcile: with the default model all of it is unallocated."""
    project = tmp_path / "bare"
    file = tmp_path / "bill.csv"
    file.write_text(bill([charge("db", "12.5", *MONTH, BillingCurrency="EUR")]), encoding="utf-8")

    assert call("init", project).code == 0
    assert call("import", file, "--project", project).code == 0
    assert call("run", "--project", project).code == 0
    found = ask(project, "reconcile")
    assert found["bill_total"] == found["unallocated"] == "12.50"
    assert found["difference"] == found["allocated"] == "0.00"
    assert found["meta"]["currency"] == "EUR"


def test_segment_level_only(tmp_path: Path) -> None:
    """Usage and heads by tier alone give cost by tier, and say so where users are asked for."""
    model = USERS + (
        "segments: {tier: {}}\npools:\n  - {pool: db, match: {ServiceName: db}, by: queries}\n"
    )
    readings = [
        {"month": "2025-10", "meter": "queries", "tier": tier, "quantity": quantity}
        for tier, quantity in (("Free", 1), ("Pro", 3))
    ]
    heads = [
        {"month": "2025-10", "tier": tier, "count": count}
        for tier, count in (("Free", 30), ("Pro", 10))
    ]
    inputs = Inputs(model, [charge("db", "100", *MONTH)], readings, counts=heads)
    project = made(tmp_path, inputs)
    found = ask(project, "cost --by tier")

    assert amounts(found["rows"], "tier") == {"Free": 25, "Pro": 75}
    assert {row["tier"]: row["units"] for row in found["rows"]} == {"Free": 30, "Pro": 10}
    assert amounts(found["rows"], "tier", column="cost_per_unit")["Pro"] == Decimal("7.5")
    (row,) = ask(project, "cost --by user")["rows"]
    assert (row["user"], row["total"], row["not_known_below"]) == (None, "100.00", "tier")


def test_pool_of_only_negative_lines(tmp_path: Path) -> None:
    """A pool that only refunds gives each user its part of the refund."""
    readings = usage(("2025-10", "queries", "ann", 1), ("2025-10", "queries", "bob", 2))
    project = made(tmp_path, Inputs(BY_QUERIES, [charge("db", "-1", *DAY)], readings))
    found = ask(project, "cost --by user")

    assert sorted(amounts(found["rows"], "user").values()) == [
        Decimal("-0.666666666667"), Decimal("-0.333333333333"),
    ]  # fmt: skip
    assert found["totals"]["bill_total"] == found["totals"]["total"] == "-1.00"
    assert closes(found)


def test_one_subject_has_it_all(tmp_path: Path) -> None:
    """With one user, cost per user is the pool."""
    readings = usage(("2025-10", "queries", "ann", 7))
    lines = [charge("db", "33.000000000000000001", *DAY)]
    found = ask(made(tmp_path, Inputs(BY_QUERIES, lines, readings)), "cost --by user")

    assert [row["total"] for row in found["rows"]] == ["33.000000000000000001"]
    assert found["rows"][0]["units"] == 1
    assert found["totals"]["cost_per_unit"] == "33.00"


def test_no_subject(tmp_path: Path) -> None:
    """Usage that names nobody makes anonymous cost, and no unit to divide by."""
    readings = usage(("2025-10", "queries", "", 7))
    project = made(tmp_path, Inputs(BY_QUERIES, [charge("db", "33", *DAY)], readings))
    found = ask(project, "cost --by user")

    assert found["rows"] == []
    assert found["classes"]["anonymous"] == "33.00"
    assert found["totals"]["total"] == "0.00"
    assert found["totals"]["cost_per_unit"] is None


def only_bots(folder: Path) -> Path:
    """Run a project whose users are two crawlers; return the folder."""
    rows = usage(
        ("2025-10", "queries", "crawler", 3, {"subject_kind": "bot"}),
        ("2025-10", "queries", "spider", 1, {"subject_kind": "bot"}),
    )
    return made(folder, Inputs(BY_QUERIES, [charge("db", "8", *MONTH)], rows))


def test_month_of_only_bots(tmp_path: Path) -> None:
    """Bots carry their cost as a named line and are no units."""
    found = ask(only_bots(tmp_path), "cost")

    assert found["rows"] == []
    assert found["classes"]["bots"] == found["totals"]["bill_total"] == "8.00"
    assert found["totals"]["cost_per_unit"] is None
    assert closes(found)


def test_month_of_only_bots_has_no_users_and_knows_it(tmp_path: Path) -> None:
    """Everyone was observed and nobody was a user: zero units are known, not missing."""
    found = ask(only_bots(tmp_path), "cost")

    assert found["totals"]["units"] == 0
    assert "units" not in found["meta"]["missing"]


def test_bill_and_one_head_count(tmp_path: Path) -> None:
    """The first figure: the bill over the heads, marked as what it is."""
    inputs = Inputs(USERS, [charge("db", "10", *MONTH)], counts=[{"month": "2025-10", "count": 3}])
    found = ask(made(tmp_path, inputs), "cost")

    assert found["meta"]["numerator"] == "unallocated baseline"
    assert found["totals"]["units"] == 3
    assert found["totals"]["cost_per_unit"] == "3.333333333333"
    assert found["totals"]["total"] == "0.00"
    assert found["classes"]["unallocated"] == found["totals"]["bill_total"] == "10.00"


def test_a_bill_without_lines_is_no_run(tmp_path: Path) -> None:
    """Where there is nothing to allocate the run says so and leaves with code 2."""
    project = write(tmp_path, Inputs(USERS, []))
    said = call("run", "--project", project)

    assert said.code == 2
    assert "no bill lines" in said.err
