"""I1: money leaves as text, exact and written in one way only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import Said, ask

MONEY = re.compile(r"-?(0|[1-9]\d*)\.(\d{2}|\d{2,17}[1-9])")
"""Plain digits, at least two and at most eighteen places, no zero at the end after the second."""
QUOTIENT = re.compile(r"-?(0|[1-9]\d*)\.(\d{2}|\d{2,11}[1-9])")
LOOKS_LIKE_MONEY = re.compile(
    r"[+-]?\d[\d,_]*(\.\d*)?([eE][+-]?\d+)?|[+-]?(nan|inf(inity)?)", re.IGNORECASE
)

ALWAYS_MONEY = {
    "direct", "shared", "overhead", "total", "revenue", "margin", "bill_total", "allocated",
    "idle", "anonymous", "bots", "erased", "excluded", "unallocated", "rounding", "difference",
    "amount", "line_amount", "group_amount", *("BilledCost", "EffectiveCost", "ContractedCost"),
    "ListCost",
}  # fmt: skip
QUOTIENTS = {"cost_per_unit", "revenue_per_unit", "margin_per_unit", "margin_percent", "share"}
NUMBERS = {"units", "overlap", "w", "total_weight", "shift", "group", "receivers", "rows"}
SECONDS = "seconds"

PERIOD = "--period 2025-10"
QUESTIONS = (
    "sources", "check", f"cost {PERIOD}", f"cost --by tier {PERIOD}", "cost --by user",
    "cost --by day --by pool", "cost --by feature --basis billed", "cost --distribution --top 2",
    "cost --by tier --unit request", "cost --where tier=Pro", "reconcile",
    "reconcile --basis billed", "explain --tier Pro", "explain ann", "explain idle",
    f"lines {PERIOD}", f"groups {PERIOD}", f"ledger {PERIOD}", f"weights {PERIOD}",
    f"ledger {PERIOD} --basis billed",
)  # fmt: skip


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield every plain value of a JSON document with the key it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    else:
        yield key, value


def check(document: Any) -> None:  # noqa: ANN401
    """Fail where an amount is no text, or a text with a point is not written as money is."""
    for key, value in leaves(document):
        where = f"{key}: {value!r}"
        assert not isinstance(value, float) or key == SECONDS, where
        if key in NUMBERS and value is not None and not isinstance(value, str):
            assert isinstance(value, int), where
        if not isinstance(value, str):
            # total is a weight where a group is explained.
            assert key not in ALWAYS_MONEY - {"total"} or value is None, where
            continue
        assert value not in {"-0.00", "-0"}, where
        if key in QUOTIENTS:
            assert QUOTIENT.fullmatch(value), where
        elif key in ALWAYS_MONEY or ("." in value and LOOKS_LIKE_MONEY.fullmatch(value)):
            assert MONEY.fullmatch(value), where


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_value_of_every_answer(october: Path, question: str) -> None:
    """No float, no exponent, no trailing zero, no minus nought: whatever is asked."""
    document = ask(october, question)

    check(document)
    assert list(leaves(document))


def test_every_line_explained(october: Path) -> None:
    """The way up is written like the way down."""
    for line in ask(october, "lines --period 2025-10"):
        check(ask(october, f"explain --line {line['LineId']}"))


def test_amounts_keep_all_their_digits(october: Path) -> None:
    """1e-18 stays beside 1e12, and scientific notation becomes plain digits."""
    costs = {line["EffectiveCost"] for line in ask(october, "lines --period 2025-10")}
    bill = ask(october, "reconcile")["bill_total"]

    assert {"0.000000000000000001", "1000000000000.01", "0.00000000000000015"} <= costs
    assert bill == "1000000000413.506666666666666825"


def test_what_a_run_says(first_run: tuple[Path, Said]) -> None:
    """Progress goes to stderr: what a program reads is one JSON document with known keys."""
    said = first_run[1]
    document = json.loads(said.out)

    assert said.code == 0
    assert set(document) >= {
        "run", "model", "basis", "periods", "rows", "ledger_hash", "findings", "seconds",
    }  # fmt: skip
    check(document)
