"""I2: the same input gives the same ledger, to the last bit, however it is computed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import Inputs, Row, ask, charge, usage, write
from invariants.shop import monthly, shop


def shuffled(inputs: Inputs, seed: int) -> Inputs:
    """Return the same rows in another order."""
    luck = random.Random(seed)  # noqa: S311
    mixed: dict[str, Sequence[Row]] = {
        name: luck.sample(rows, len(rows))
        for name in ("lines", "readings", "segments", "revenue")
        if (rows := getattr(inputs, name))
    }
    return replace(inputs, **mixed)  # type: ignore[arg-type]


INPUTS = monthly(shop())


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Give a project and what its run said."""
    project = write(tmp_path_factory.mktemp("straight"), INPUTS)
    return project, ask(project, "run", "--threads", "1")


def test_order_of_rows_does_not_matter(
    straight: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Bill, readings and users shuffled: same ids of lines, same ledger."""
    mixed = write(tmp_path, shuffled(INPUTS, 7))
    one, other = straight[1], ask(mixed, "run")

    assert one["ledger_hash"] == other["ledger_hash"]
    assert one["rows"] == other["rows"] > 0
    ids = [
        sorted(line["LineId"] for line in ask(each, "lines --period 2025-10"))
        for each in (straight[0], mixed)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(INPUTS.lines)


def test_threads_do_not_matter(straight: tuple[Path, dict[str, Any]]) -> None:
    """One, two and four threads, the later runs in a store that has one already."""
    hashes = [ask(straight[0], "run", "--threads", n)["ledger_hash"] for n in ("2", "4")]

    assert hashes == [straight[1]["ledger_hash"]] * 2


def test_key_numbers_people_and_moves_no_money(
    straight: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Subjects are numbered by their pseudonyms; another key leaves every sum as it is."""
    other = write(tmp_path, INPUTS)
    (other / "percapita.key").write_text("3c" * 32 + "\n", encoding="utf-8")

    assert ask(other, "run")["rows"] == straight[1]["rows"]
    mine, theirs = (ask(each, "reconcile") for each in (straight[0], other))
    for statement in (mine, theirs):
        del statement["meta"]
    assert mine == theirs


@pytest.mark.slow
def test_many_rows_in_parallel(tmp_path: Path) -> None:
    """Enough rows for the engine to work in parallel: threads and order change nothing."""
    luck = random.Random(1)  # noqa: S311
    days = [f"2025-10-{n:02d}" for n in range(1, 32)]
    rows = usage(
        *((f"{luck.choice(days)}T{luck.randrange(24):02d}:00:00Z", luck.choice(("a", "b")),
           f"user {luck.randrange(20_000)}", luck.randrange(1, 10**12)) for _ in range(200_000))
    )  # fmt: skip
    model = """
version: 1
currency: USD
units: {active user: {subject: user}}
pools:
  - {pool: one, match: {ServiceName: one}, by: a}
  - {pool: two, match: {ServiceName: two}, by: {mix: {a: 1, b: 2, active: 0.5}}}
  - {pool: rest, overhead: cost}
"""
    whole = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
    lines = [charge(name, f"{n}77.123456789012345678", *whole)
             for n, name in enumerate(("one", "two", "three"), 1)]  # fmt: skip
    inputs = Inputs(model, lines, rows)
    project = write(tmp_path / "straight", inputs)
    hashes = [ask(project, "run", "--threads", n)["ledger_hash"] for n in ("1", "2", "4")]
    mixed = write(tmp_path / "mixed", shuffled(inputs, 2))
    hashes.append(ask(mixed, "run", "--threads", "3")["ledger_hash"])

    assert len(set(hashes)) == 1
