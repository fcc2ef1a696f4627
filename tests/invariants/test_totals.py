"""I7: the split and the question move money between rows, never into or out of the total."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import amounts, ask, closes
from invariants.shop import MODEL

_HEAD = MODEL[: MODEL.index("pools:")]
MODELS = {
    "nothing is split": _HEAD,
    "all by one driver": f"{_HEAD}pools:\n  - {{pool: all, by: queries}}\n",
    "idle is shared": MODEL.replace("to: line", "to: share"),
    "nobody is served": MODEL.replace("by: cpu", "by: never.measured"),
    "credits apart": MODEL.replace("dimensions:", "credits: own pool\ndimensions:"),
    "credits backed out": MODEL.replace("dimensions:", "credits: back out\ndimensions:"),
    "no fall-back": MODEL.replace("within: [resource],", "within: [resource], fallback: [],"),
    "monthly": MODEL.replace("by: queries, within", "grain: month, by: queries, within"),
    "overhead over allocated": MODEL.replace("overhead: cost",
                                             "overhead: {by: cost, over: allocated}"),
    "overhead by fixed weights": MODEL.replace("overhead: active",
                                               "overhead: {weights: {tier: {Free: 1, Pro: 3}}}"),
    "New York": MODEL.replace("currency: USD", "currency: USD\ntimezone: America/New_York"),
}  # fmt: skip

QUICK = ("nothing is split", "idle is shared", "credits apart")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in MODELS]
)
def test_another_split_has_the_same_total(october: Path, name: str, tmp_path: Path) -> None:
    """Whatever model splits it, the bill is the bill, in every statement."""
    (tmp_path / "model.yaml").write_text(MODELS[name], encoding="utf-8")
    assert MODELS[name] != MODEL
    model = ["--no-publish", "--no-import", "--model", str(tmp_path / "model.yaml")]
    run = ask(october, "run", *model)["run"]
    first, other = (ask(october, "reconcile", "--run", each) for each in ("r000001", run))

    assert other["bill_total"] == first["bill_total"]
    assert other["difference"] == "0.00"
    statement = ask(october, "cost --by pool --by tier", "--run", run)
    assert closes(statement)
    assert statement["totals"]["bill_total"] == first["bill_total"]


CUTS = ("tier", "user", "pool", "feature", "service", "day", "month", "layer")


@pytest.mark.parametrize("cut", CUTS)
def test_filters_keep_what_they_let_through(october: Path, cut: str) -> None:
    """A row under a filter is the row without it; rows and named lines stay the bill."""
    whole = ask(october, f"cost --by {cut}")
    rows = amounts(whole["rows"], cut)
    value = max((key for key in rows if key), key=lambda key: rows[key], default=None)
    assert value is not None
    filtered = ask(october, f"cost --by {cut}", "--where", f"{cut}={value}")

    assert amounts(filtered["rows"], cut) == {value: rows[value]}
    assert closes(filtered)
    assert filtered["totals"]["bill_total"] == whole["totals"]["bill_total"]


def test_two_filters_let_through_what_both_do(october: Path) -> None:
    """Of pool and tier each cell is the same, alone or among the others."""
    cells = amounts(ask(october, "cost --by pool --by tier")["rows"], "pool", "tier")
    for pool, tier in (("db", "Pro"), ("mail", "Free")):
        where = ["--where", f"pool={pool}", "--where", f"tier={tier}"]
        found = ask(october, "cost", *where)

        assert Decimal(found["totals"]["total"]) == cells[pool, tier]
        assert closes(found)


def test_days_and_scopes_close_too(october: Path) -> None:
    """Any period and scope has rows and named lines that sum to what it calls its bill."""
    for question in ("--period 2025-10-03", "--period 2025-10-03..2025-10-12",
                     "--scope infrastructure", "--scope cloud"):  # fmt: skip
        assert closes(ask(october, f"cost --by user {question}"))
