"""Findings that compare who was active with who has cost, however a run comes by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import Inputs, Row, ask, charge, made, usage

DAYS = (
    ("2025-10-03T00:00:00Z", "2025-10-04T00:00:00Z"),
    ("2025-10-04T00:00:00Z", "2025-10-05T00:00:00Z"),
)
MODEL = """
version: 1
currency: USD
units: {active user: {subject: user, exclude: [bot]}}
pools:
  - {pool: own, match: {ServiceName: own}, direct: {user: tags.user}}
  - {pool: db, match: {ServiceName: db}, by: queries}
"""
EVERYONE = [
    ("2025-10-03T08:00:00Z", "queries", "ann", 1),
    ("2025-10-04T08:00:00Z", "queries", "bob", 2),
]
BILL = [charge("db", "5", *day) for day in DAYS]


def found(project: Path) -> list[tuple[str, str]]:
    """Return code and message of the findings about users."""
    findings: list[dict[str, Any]] = ask(project, "check")["findings"]
    return [(f["code"], f["message"]) for f in findings if f["where"] == "users"]


def test_everyone_active_has_cost(tmp_path: Path) -> None:
    """Where each day's usage is split by, there is nothing to say."""
    project = made(tmp_path, Inputs(MODEL, BILL, usage(*EVERYONE)))
    assert found(project) == []


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        (BILL, ("2025-10-04T08:00:00Z", "logins", "cyd", 1)),
        (BILL, ("2025-10-20T08:00:00Z", "queries", "cyd", 1)),
    ],
    ids=["by a meter that nothing is split by", "on a day without a bill"],
)
def test_active_users_without_cost(
    tmp_path: Path, lines: Sequence[Row], more: tuple[Any, ...]
) -> None:
    """Whoever was active and got no part of anything is counted."""
    project = made(tmp_path, Inputs(MODEL, lines, usage(*EVERYONE, more)))
    assert found(project) == [("F1", "1 of 3 active users (33.3 %) have no cost.")]


def test_users_with_cost_and_no_activity(tmp_path: Path) -> None:
    """A user whose resource was billed, and who used nothing, is dormant."""
    lines = [*BILL, charge("own", "7", *DAYS[0], tags={"user": "dan"})]
    project = made(tmp_path, Inputs(MODEL, lines, usage(*EVERYONE)))
    assert found(project) == [("dormant", "1 subjects have cost but no activity.")]


def test_bots_are_neither(tmp_path: Path) -> None:
    """A bot has cost and is no active user: that is no finding about users."""
    readings = usage(*EVERYONE, ("2025-10-04T08:00:00Z", "queries", "robo", 1, {"kind": "bot"}))
    project = made(tmp_path, Inputs(MODEL, BILL, readings))
    assert found(project) == []
