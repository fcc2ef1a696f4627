"""Where peers lose or invent money: days without usage, negative pools, keys that do not join."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from invariants.folder import Inputs, amounts, ask, charge, closes, made, usage

USERS = "version: 1\ncurrency: USD\nunits: {active user: {subject: user}}\npools:\n"
DB = "  - {pool: db, match: {ServiceName: db}, by: queries"
FIRST = ("2025-10-03T00:00:00Z", "2025-10-04T00:00:00Z")
SECOND = ("2025-10-04T00:00:00Z", "2025-10-05T00:00:00Z")
ON_THE_FIRST = usage(("2025-10-03", "queries", "ann", 3), ("2025-10-03", "queries", "bob", 1))
ANN_AND_BOB = usage(("2025-10", "queries", "ann", 3), ("2025-10", "queries", "bob", 1))


def test_day_without_usage_keeps_its_cost(tmp_path: Path) -> None:
    """A day nobody used goes to the month's users; Koku hands its pool to nobody and drops it."""
    lines = [charge("db", "8", *FIRST), charge("db", "4", *SECOND)]
    project = made(tmp_path, Inputs(f"{USERS}{DB}}}\n", lines, ON_THE_FIRST))
    found = ask(project, "cost --by user")

    assert sorted(amounts(found["rows"], "user").values()) == [3, 9]
    assert found["totals"]["bill_total"] == found["totals"]["total"] == "12.00"
    levels = {row["start"][:10]: row["level"] for row in ask(project, "groups --period 2025-10")}
    assert levels["2025-10-03"] == "own"
    assert levels["2025-10-04"] != "own"
    findings = ask(project, "check")["findings"]
    assert any("db" in str(finding) for finding in findings)


def test_day_without_usage_and_without_a_fall_back_is_unallocated(tmp_path: Path) -> None:
    """Where no widening is allowed the day's cost is a named line of the same total."""
    lines = [charge("db", "8", *FIRST), charge("db", "4", *SECOND)]
    model = f"{USERS}{DB}, fallback: []}}\n"
    found = ask(made(tmp_path, Inputs(model, lines, ON_THE_FIRST)), "cost --by user")

    assert sorted(amounts(found["rows"], "user").values()) == [2, 6]
    assert found["classes"]["unallocated"] == "4.00"
    assert found["totals"]["bill_total"] == "12.00"


def test_negative_pool_is_handed_out_whole(tmp_path: Path) -> None:
    """A pool below zero is split like one above: no receiver is dropped, nothing is clipped."""
    lines = [charge("db", "10", *FIRST), charge("platform", "-3", *FIRST)]
    model = f"{USERS}{DB}}}\n  - {{pool: platform, overhead: active}}\n"
    found = ask(made(tmp_path, Inputs(model, lines, ANN_AND_BOB)), "cost --by pool --by user")
    cells = amounts(found["rows"], "pool", "user")

    assert sorted(a for (pool, _), a in cells.items() if pool == "platform") == [
        Decimal("-1.5"), Decimal("-1.5"),
    ]  # fmt: skip
    assert found["totals"]["total"] == "7.00"
    assert closes(found)


def test_receivers_of_ten_and_minus_two_share_exactly_what_there_is(tmp_path: Path) -> None:
    """Costs +10 and -2: a peer's coefficients are 1.25 and 0, 125 % of the shared cost."""
    own = "  - {pool: own, match: {tags.user: present}, direct: {user: tags.user}}\n"
    lines = [
        charge("vm", "10", *FIRST, tags={"user": "ann"}),
        charge("vm", "-2", *FIRST, tags={"user": "bob"}),
        charge("shared", "100", *FIRST),
    ]
    model = f"{USERS}{own}  - {{pool: shared, overhead: cost}}\n"
    project = made(tmp_path, Inputs(model, lines, ANN_AND_BOB))
    found = ask(project, "cost --by pool --by user")
    cells = amounts(found["rows"], "pool", "user")
    shared = [amount for (pool, _), amount in cells.items() if pool == "shared"]

    # Weights are gross cost: who has only a refund carries no overhead.
    assert shared == [100]
    assert found["totals"]["total"] == found["totals"]["bill_total"] == "108.00"
    assert closes(found)
    assert ask(project, "explain ann")["total"] == "110.00"
    assert ask(project, "explain bob")["total"] == "-2.00"


def test_total_of_zero_or_less_is_still_shared(tmp_path: Path) -> None:
    """Costs +10 and -12 sum below zero: a peer then shares nothing, here the gross ones carry."""
    own = "  - {pool: own, match: {tags.user: present}, direct: {user: tags.user}}\n"
    lines = [
        charge("vm", "10", *FIRST, tags={"user": "ann"}),
        charge("vm", "-12", *FIRST, tags={"user": "bob"}),
        charge("shared", "5", *FIRST),
    ]
    model = f"{USERS}{own}  - {{pool: shared, overhead: cost}}\n"
    found = ask(made(tmp_path, Inputs(model, lines, ANN_AND_BOB)), "cost --by pool")

    assert amounts(found["rows"], "pool") == {"own": -2, "shared": 5}
    assert found["classes"]["unallocated"] == "0.00"
    assert closes(found)


def test_key_that_does_not_join_is_not_dropped(tmp_path: Path) -> None:
    """A resource that no reading names keeps its cost: shared by the pool, or in sight."""
    lines = [
        charge("db", "8", *FIRST, ResourceId="r1"),
        charge("db", "4", *FIRST, ResourceId="i-0unknown"),
        charge("db", "2", *FIRST),
    ]
    rows = usage(
        ("2025-10", "queries", "ann", 3, {"resource": "r1"}),
        ("2025-10", "queries", "bob", 1, {"resource": "r1"}),
        ("2025-10", "queries", "bob", 4, {"resource": "renamed"}),
    )
    joined = made(tmp_path / "one", Inputs(f"{USERS}{DB}, within: [resource]}}\n", lines, rows))
    found = ask(joined, "cost --by user")

    # r1: 6 and 2; the other two by the usage of the whole pool, 3 to 5.
    assert sorted(amounts(found["rows"], "user").values()) == [Decimal("5.75"), Decimal("8.25")]
    assert closes(found)
    assert any("db" in str(finding) for finding in ask(joined, "check")["findings"])


def test_key_that_does_not_join_without_fall_back(tmp_path: Path) -> None:
    """Without a widening the cost of the unknown resource is unallocated, under its pool's name."""
    lines = [
        charge("db", "8", *FIRST, ResourceId="r1"),
        charge("db", "4", *FIRST, ResourceId="i-0unknown"),
    ]
    rows = usage(("2025-10", "queries", "ann", 3, {"resource": "r1"}))
    model = f"{USERS}{DB}, within: [resource], fallback: []}}\n"
    project = made(tmp_path, Inputs(model, lines, rows))
    (pool,) = ask(project, "reconcile")["pools"]

    assert (pool["pool"], pool["bill_total"]) == ("db", "12.00")
    assert (pool["allocated"], pool["unallocated"]) == ("8.00", "4.00")


def test_idle_and_shares_never_exceed_the_bill(tmp_path: Path) -> None:
    """Usage above capacity leaves no negative idle: the pool is shared as it is, and it is said."""
    idle = "idle: {capacity: capacity, used: used, to: line}"
    rows = [
        *ANN_AND_BOB,
        *usage(("2025-10", "capacity", "", 10), ("2025-10", "used", "", 14)),
    ]
    model = f"{USERS}{DB}, {idle}}}\n"
    project = made(tmp_path, Inputs(model, [charge("db", "8", *FIRST)], rows))
    found = ask(project, "reconcile")

    assert (found["allocated"], found["idle"], found["bill_total"]) == ("8.00", "0.00", "8.00")
    assert any("capacity" in str(finding) for finding in ask(project, "check")["findings"])
