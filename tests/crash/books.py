"""What a reader finds in a project, to be compared before and after a crash."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from invariants.folder import Inputs, Row, Said, ask, bill, call, charge, table, usage
from percapita.project import Project
from percapita.store import Store

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
segments: {tier: {from: users.plan}}
pools:
  - {pool: db, match: {ServiceName: db}, by: queries,
     idle: {capacity: capacity, used: used, to: line}}
  - {pool: tax, match: {ChargeCategory: Tax}, overhead: cost}
"""
OCTOBER = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
NOVEMBER = ("2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z")
MONTHS = ("2025-10", "2025-11")


def _lines(november: str) -> list[Row]:
    return [
        charge("db", "100.01", *OCTOBER),
        charge("tax", "7", *OCTOBER, ChargeCategory="Tax"),
        charge("db", november, *NOVEMBER),
        charge("stray", "3", *NOVEMBER),
    ]


def inputs(november: str = "50.03") -> Inputs:
    """Return the files of the project; November's bill is what is restated."""
    readings = [
        reading
        for month, factor in (("2025-10", 1), ("2025-11", 2))
        for reading in usage(
            (month, "queries", "ann", 3),
            (month, "queries", "bob", 4 * factor),
            (month, "capacity", "", 10),
            (month, "used", "", 8),
        )
    ]
    users = [{"user": "ann", "plan": "Free"}, {"user": "bob", "plan": "Pro"}]
    return Inputs(MODEL, _lines(november), readings, users)


def restate(folder: Path) -> None:
    """Deliver another bill: November's database became dearer, and a new user came."""
    changed = inputs("61.07")
    carol = usage(("2025-11", "queries", "carol", 5))
    changed = replace(changed, readings=[*changed.readings, *carol])
    (folder / "bill.csv").write_text(bill(changed.lines), encoding="utf-8")
    (folder / "usage.csv").write_text(table(changed.readings), encoding="utf-8")


@dataclass
class Books:
    """A project folder, and what its commands say."""

    folder: Path
    ledger: str = ""
    """Hash of the ledger that the last ``finish`` made."""

    def finish(self, *options: str) -> None:
        """Type the plain commands again, in this process."""
        assert call("import", "--project", self.folder).code == 0
        self.ledger = ask(self.folder, "run", *options)["ledger_hash"]

    def month(self, month: str) -> str | None:
        """Return a month's published figures as text; ``None`` where nothing is published."""
        question = ["--period", month, "--project", str(self.folder), "--format", "json"]
        parts = []
        for verb in ("cost --by user", "cost --by pool --by tier"):
            said = call(*verb.split(), *question)
            if said.code:
                assert said.code == 2, said.err
                return None
            found = json.loads(said.out)
            parts += [found["rows"], found["classes"], found["totals"]]
        return json.dumps(parts, sort_keys=True)

    @property
    def months(self) -> dict[str, str | None]:
        """Return every month's published figures."""
        return {month: self.month(month) for month in MONTHS}

    def settled(self) -> dict[str, Any]:
        """Return all that must not depend on how a state was reached."""
        statement = ask(self.folder, "reconcile")
        del statement["meta"]
        return {
            "months": self.months,
            "ledger": self.ledger,
            "reconcile": statement,
            "lines": sorted(line["LineId"] for line in ask(self.folder, "lines --period 2025-Q4")),
            "sources": [
                (one["source"], one["rows"], one["sums"], one["quarantined"])
                for one in ask(self.folder, "sources")
                if one["live"]
            ],
        }

    def reconciled(self, month: str) -> Said:
        """Return how ``percapita reconcile`` ends."""
        return call("reconcile", "--period", month, "--project", self.folder)

    def store(self) -> Store:
        """Open the project's store."""
        return Project.open(self.folder).store(create=False)


@dataclass(frozen=True)
class Goal:
    """A project that was left in peace, and what it says."""

    folder: Path
    months: dict[str, str | None]
    state: dict[str, Any]


def reached(folder: Path, *options: str) -> Goal:
    """Import and run in peace."""
    books = Books(folder)
    books.finish(*options)
    return Goal(folder, books.months, books.settled())
