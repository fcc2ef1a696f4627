"""Facets: the values of a name in a state, with units and cost, beside what is asked."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import percapita
from figures.folder import make_project
from figures.w1 import w1
from percapita.cli.main import run
from percapita.report.cost import facets as facets_module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return CloudMetrics' project."""
    return make_project(tmp_path_factory.mktemp("facets"), w1())


def asked(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401
    """Return a statement as JSON."""
    capsys.readouterr()
    command = ["cost", "--period", "2025-10", "--project", str(folder), "--format", "json"]
    assert run([*command, *words]) == 0
    return json.loads(capsys.readouterr().out)


def told(rows: Any, name: str) -> list[tuple[str, int, str]]:  # noqa: ANN401
    """Return value, units and cost of each row."""
    return [(row[name], row["units"], row["total"]) for row in rows]


def test_a_facet_is_the_table_without_its_own_filter(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A facet counts under all filters but the one on its name, and marks what that one chose."""
    state = ("--where", "tier=Starter", "--where", "pool=postgresql", "--scope", "infrastructure")
    found = asked(folder, capsys, "--by", "pool", *state, "--facet", "tier", "--facet", "pool")
    by_tier = asked(folder, capsys, "--by", "tier", *state[2:])["rows"]
    by_pool = asked(folder, capsys, "--by", "pool", *state[:2], *state[4:])["rows"]
    tier, pool = found["facets"]

    assert told(tier["values"], "value") == told(by_tier, "tier")
    assert told(pool["values"], "value") == told(by_pool, "pool")
    assert [one["value"] for one in tier["values"] if one["chosen"]] == ["Starter"]
    assert [one["value"] for one in pool["values"] if one["chosen"]] == ["postgresql"]


def test_what_is_chosen_of_a_facet_costs_what_it_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cost and the units beside a value are what the rows come to when it is chosen."""
    facet = asked(folder, capsys, "--by", "pool", "--facet", "tier")["facets"][0]
    assert len(facet["values"]) > 1
    for one in facet["values"]:
        chosen = asked(folder, capsys, "--by", "pool", "--where", f"tier={one['value']}")
        assert (one["total"], one["units"]) == (
            chosen["totals"]["total"], chosen["totals"]["units"]
        )  # fmt: skip


def test_a_long_facet_sums_its_rest(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the dearest values stand alone; with the rest they are the total, shares of it too."""
    monkeypatch.setattr(facets_module, "TOP", 2)
    found = asked(folder, capsys, "--by", "tier", "--facet", "pool")
    facet = found["facets"][0]
    amounts = [Decimal(one["total"]) for one in facet["values"]]

    assert len(amounts) == 2
    assert facet["others"]["values"] > 1
    total = Decimal(found["totals"]["total"])
    assert sum(amounts) + Decimal(facet["others"]["total"]) == total
    assert amounts == sorted(amounts, reverse=True)
    assert Decimal(facet["values"][0]["share_percent"]) == round(amounts[0] / total * 100, 12)


def test_python_gives_the_same_facets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``cost(facets=…)`` is what ``--facet`` prints; without it there are none."""
    words = ("--by", "pool", "--where", "tier=Starter", "--facet", "tier", "--facet", "pool")
    found = asked(folder, capsys, *words)
    with percapita.open(folder) as book:
        told = book.cost("pool", where=["tier=Starter"], period="2025-10", facets=["tier", "pool"])
        bare = book.cost("pool", period="2025-10")

    assert told.data["facets"] == found["facets"]
    assert "facets" not in bare.data


def test_facets_of_people_are_never_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A facet without people is worked out once; one of people, or behind them, leaves no trace."""
    answers = folder / ".percapita" / "answers"

    def kept() -> int:
        return len(list(answers.glob("facet-*"))) if answers.exists() else 0

    asked(folder, capsys, "--by", "pool", "--facet", "tenant", "--scope", "cloud")
    before = kept()
    first = asked(folder, capsys, "--by", "pool", "--facet", "tier", "--scope", "cloud")
    assert kept() == before + 1
    again = asked(folder, capsys, "--by", "pool", "--facet", "tier", "--scope", "cloud")
    assert again["facets"] == first["facets"]
    assert kept() == before + 1


def test_facets_are_shown_as_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the terminal each facet is a table of its own; a file of one table takes none."""
    capsys.readouterr()
    words = ["cost", "--by", "pool", "--facet", "tier", "--project", str(folder)]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "Starter" in said
    assert run([*words, "--format", "csv"]) == 2
    assert "a file holds one table" in capsys.readouterr().err


def test_a_facet_of_nothing_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that cost cannot be cut by is answered with the nearest one."""
    assert run(["cost", "--facet", "teir", "--project", str(folder)]) == 2
    assert "Did you mean tier?" in capsys.readouterr().err
