"""A company whose October is billed and whose November has begun: what live has to price."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from invariants.folder import Inputs, Row, ask, bill, call, charge, table, usage, write

NOW = "2025-11-03T10:30:00Z"
TODAY = "2025-11-03"
MODEL = """
version: 1
currency: USD
units:
  active user: {subject: user, active: [requests], window: month, exclude: [bot]}
segments: {tier: {from: users.plan}}
pools:
  - {pool: nodes, match: {ServiceName: compute}, by: requests, live: {price: node.hours}}
  - {pool: db, match: {ServiceName: db}, by: queries, behaviour: fixed}
  - {pool: mail, match: {ServiceName: mail}, by: mails, behaviour: variable}
  - {pool: tax, match: {ChargeCategory: Tax}, overhead: cost}
"""
PLANS = {"ann": "Free", "bob": "Pro", "cat": "Pro"}
NODES = 10
"""Nodes that run, each for ten cents an hour."""


def billed(days: range, month: str = "2025-10") -> Iterator[Row]:
    """Yield the bill of some days: 24.00 of nodes, 12.00 of a database, 1.60 of mail, tax."""
    for number in days:
        day = f"{month}-{number:02d}"
        span = (f"{day}T00:00:00Z", _after(day))
        yield charge("compute", "24", *span)
        yield charge("db", "12", *span)
        yield charge("mail", "1.6", *span)
        yield charge("tax", "3.76", *span, ChargeCategory="Tax")


def _after(day: str) -> str:
    from datetime import date, timedelta  # noqa: PLC0415

    return f"{date.fromisoformat(day) + timedelta(days=1)}T00:00:00Z"


def used(days: range, month: str = "2025-10") -> list[Row]:
    """Return the usage of whole days."""
    rows = []
    for number in days:
        day = f"{month}-{number:02d}"
        rows += usage(
            (day, "node.hours", "", NODES * 24),
            (day, "requests", "ann", 10), (day, "requests", "bob", 30),
            (day, "queries", "ann", 100), (day, "queries", "bob", 100),
            (day, "mails", "ann", 4), (day, "mails", "cat", 12),
        )  # fmt: skip
    return rows


def this_morning() -> list[Row]:
    """Return the usage of today, hour by hour; the last hour has gone on for thirty minutes."""
    rows = []
    for hour in range(11):
        at, part = f"{TODAY}T{hour:02d}:00:00Z", 2 if hour == 10 else 1
        rows += usage(
            (at, "node.hours", "", NODES // part),
            (at, "requests", "ann", 10 // part), (at, "requests", "bob", 30 // part),
            (at, "queries", "ann", 10), (at, "queries", "bob", 10),
            (at, "mails", "cat", 2 // part),
        )  # fmt: skip
    return rows


def company() -> Inputs:
    """Return the company's files: October billed and used, November's first two days used."""
    readings = [*used(range(1, 32)), *used(range(1, 3), "2025-11"), *this_morning()]
    return Inputs(
        MODEL, list(billed(range(1, 32))), readings,
        [{"user": user, "plan": plan} for user, plan in PLANS.items()],
    )  # fmt: skip


def made(folder: Path) -> Path:
    """Write the company and run October."""
    ask(write(folder, company()), "run")
    return folder


def deliver(project: Path, name: str, rows: list[Row], kind: str = "readings") -> None:
    """Take one more file in, as another source."""
    path = project / f"{name}.csv"
    path.write_text(table(rows), encoding="utf-8")
    said = call("import", path, "--kind", kind, "--source", name, "--project", project)

    assert said.code == 0, said.err


DAYS = range(1, 3)
"""November's days that were estimated, and then billed."""


def november(*, nodes: str = "24", database: str = "12", credit: bool = False) -> list[Row]:
    """Return the bill of October and of two days of November."""
    lines = [*billed(range(1, 32))]
    for number in DAYS:
        span = (f"2025-11-{number:02d}T00:00:00Z", f"2025-11-{number + 1:02d}T00:00:00Z")
        lines += [
            charge("compute", nodes, *span),
            charge("db", database, *span, SubAccountId="data"),
            charge("mail", "2" if number == 1 else "1.6", *span),
            charge("tax", "3.76", *span, ChargeCategory="Tax"),
        ]
        if credit:
            about = {"ChargeCategory": "Credit", "SubAccountId": "data"}
            lines.append(charge("db", "-1", *span, **about))
    return lines


def bring(project: Path, lines: list[Row]) -> None:
    """Bring a bill, and run."""
    (project / "bill.csv").write_text(bill(lines), encoding="utf-8")
    ask(project, "run")
