"""Ids of people end at the door: neither the store nor any output has them in clear."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from invariants.folder import Inputs, Said, call, charge, usage, write
from percapita.core.privacy import open_key
from percapita.core.subjects import USER

PLANTED = "Zdenka.Privata+4711@example.org"
MODEL = """
version: 1
currency: USD
units: {active user: {subject: user, exclude: [bot]}}
segments: {tier: {from: users.plan}}
dimensions: [feature]
pools:
  - {pool: db, match: {ServiceName: db}, by: queries, within: [resource]}
"""
DAY = ("2025-10-03T00:00:00Z", "2025-10-04T00:00:00Z")
COMMANDS = (
    "import", "run", "runs", "sources", "quarantine", "check", "reconcile", "model check",
    "model describe", "cost --by user", "cost --by tier --distribution --top 3",
    "cost --by day --by user", "explain #1", "explain #2", "explain --tier Pro",
    "lines --period 2025-10", "ledger --period 2025-10", "weights --period 2025-10",
    "groups --period 2025-10",
)  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Said]]:
    """Give a project with planted ids, sound rows and broken ones, and what all commands said."""
    folder = tmp_path_factory.mktemp("privacy")
    rows = usage(
        ("2025-10", "queries", PLANTED, 3, {"subject_kind": ""}),
        ("2025-10", "queries", PLANTED.lower(), 2, {"subject_kind": "bot"}),
        ("2025-10", "queries", f"{PLANTED} ", "three", {"subject_kind": ""}),
        # The cells of this row have shifted.
        ("2025-10", "queries", "", PLANTED, {"subject_kind": ""}),
        ("not a time", "queries", f"{PLANTED}1", 3, {"subject_kind": ""}),
        ("2025-10", "queries", f"{PLANTED}2", 3, {"subject_kind": "martian"}),
        ("2025-10", "queries", "bob", 4, {"subject_kind": ""}),
    )
    users = [
        {"user": PLANTED, "plan": "Pro", "email": PLANTED, "name": "Zdenka Privata", "from": ""},
        {"user": f"{PLANTED}3", "plan": "Pro", "email": "", "name": "", "from": "the day before"},
        {"user": "", "plan": "Pro", "email": PLANTED, "name": "", "from": ""},
    ]
    revenue = [
        {"user": PLANTED, "month": "2025-10", "amount": "9.90", "currency": "USD"},
        {"user": PLANTED, "month": "2025-10", "amount": "a lot", "currency": "USD"},
    ]
    write(folder, Inputs(MODEL, [charge("db", "7", *DAY)], rows, users, revenue=revenue))
    found = {}
    for command in COMMANDS:
        found[command] = call(*command.split(), "--project", folder)
        if not command.startswith(("import", "run", "model")):
            found[f"{command} as json"] = call(
                *command.split(), "--project", folder, "--format", "json"
            )
    return folder, found


def secrets() -> list[re.Pattern[str]]:
    """Return what must not be found: the ids, in any case, and the rarest part of them."""
    return [re.compile(re.escape(text), re.IGNORECASE) for text in (PLANTED, "privata", "zdenka")]


def shows(text: str) -> bool:
    """Tell whether a text has any of it."""
    return any(secret.search(text) for secret in secrets())


def test_every_command_ends_well(said: tuple[Path, dict[str, Said]]) -> None:
    """What is looked through below is real output, with rows that were set aside among it."""
    codes = {command: one.code for command, one in said[1].items()}

    assert set(codes.values()) == {0}, codes
    broken = json.loads(said[1]["quarantine as json"].out)
    assert len(broken) >= 5


def test_no_output_names_a_person(said: tuple[Path, dict[str, Said]]) -> None:
    """Nothing that any command writes to stdout or stderr has an id in clear."""
    leaks = [command for command, one in said[1].items() if shows(one.out) or shows(one.err)]

    assert leaks == []


def test_no_file_of_the_store_names_a_person(said: tuple[Path, dict[str, Said]]) -> None:
    """Raw bytes of every file: no id, neither in data nor in statistics, logs or names."""
    files = [path for path in (said[0] / ".percapita").rglob("*") if path.is_file()]
    leaks = [path for path in files if shows(path.read_bytes().decode("latin-1"))]

    assert len(files) > 10
    assert leaks == []
    assert not any(shows(str(path.relative_to(said[0]))) for path in files)


def test_no_stored_value_names_a_person(said: tuple[Path, dict[str, Said]]) -> None:
    """Parquet pages are compressed: every string of every column is read and looked at."""
    seen = 0
    for path in (said[0] / ".percapita").rglob("*.parquet"):
        for row in pq.read_table(path, partitioning=None).to_pylist():
            seen += 1
            assert not shows(repr(row)), path
    assert seen > 10


def test_no_row_of_the_catalog_names_a_person(said: tuple[Path, dict[str, Said]]) -> None:
    """Every value of every table of the catalog."""
    values = list(_catalog(said[0] / ".percapita"))

    assert len(values) > 50
    assert [value for value in values if shows(value)] == []


def _catalog(root: Path) -> Iterator[str]:
    """Yield every value of every SQLite file in the store."""
    for path in root.rglob("*"):
        if not path.is_file() or path.read_bytes()[:15] != b"SQLite format 3":
            continue
        connection = sqlite3.connect(path)
        tables = [name for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield from map(str, row)
        connection.close()


def test_quarantine_shows_the_pseudonym_alone(said: tuple[Path, dict[str, Said]]) -> None:
    """A broken row is found again by file and row; whose it is stands there as a pseudonym."""
    rows = json.loads(said[1]["quarantine as json"].out)
    key = open_key(said[0] / "percapita.key")
    shown = {(row["source"], row["column"], row["value"]) for row in rows}

    assert all(row["file"] and row["row"] for row in rows)
    assert ("usage", "quantity", "three") in shown
    assert ("usage", "quantity", key.pseudonym(USER, PLANTED)) in shown


def test_the_rows_themselves_are_read_from_their_files(said: tuple[Path, dict[str, Said]]) -> None:
    """Only who has the file sees the row in clear: without it nothing is left of it."""
    with_file = call("quarantine", "--rows", "--source", "usage", "--project", said[0])
    moved = (said[0] / "usage.csv").rename(said[0] / "elsewhere.csv")
    without = call("quarantine", "--rows", "--source", "usage", "--project", said[0])
    moved.rename(said[0] / "usage.csv")

    assert PLANTED in with_file.out
    assert without.code == 0
    assert not shows(without.out + without.err)


def test_the_key_is_not_in_the_store(said: tuple[Path, dict[str, Said]]) -> None:
    """Who has the store alone cannot make a pseudonym from a name."""
    secret = (said[0] / "percapita.key").read_text(encoding="utf-8").strip()
    for path in (said[0] / ".percapita").rglob("*"):
        if path.is_file():
            content = path.read_bytes()

            assert secret.encode() not in content
            assert bytes.fromhex(secret) not in content
