"""What readers see who may not see people, and that differences tell them no more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from figures.folder import make_project
from figures.world import Part, To, World
from percapita.cli.main import run
from percapita.measure.cohorts import blocks, label, shown

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user, window: day}}
segments: {tier: {from: users.plan}, region: {from: users.region}}
pools:
  - {pool: db, match: {ServiceName: db}, by: queries}
  - {pool: mail, match: {ServiceName: mail}, by: mails}
"""
PEOPLE: Sequence[tuple[str, str]] = (
    *[("Pro", "EU")] * 6, *[("Pro", "US")] * 5, *[("Trial", "EU")] * 2, *[("Free", "US")] * 3,
    ("Gold", "EU"), ("Gold", "US"),
)  # fmt: skip
"""Tier and region of each user; the first has number 1."""
FEWEST = 5
DAY = date(2025, 10, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose users are in small and large groups."""
    return written(tmp_path_factory.mktemp("sighted"), PEOPLE)


def written(folder: Path, people: Sequence[tuple[str, str]], *nobody: tuple[int, str]) -> Path:
    """Write a project of these people, and of subjects without a name: weight and kind of each."""
    world = World(MODEL)
    world.subjects = [("user", f"u{n}") for n in range(len(people) + len(nobody))]
    for number, (tier, region) in enumerate(people, 1):
        world.slices[number] = ("user", {"tier": tier, "region": region})
        for day in (3, 4, 5):
            world.active(date(2025, 10, day), number, number)
    others = list(enumerate(nobody, len(people) + 1))
    for number, (_, kind) in others:
        world.slices[number] = (kind, {})
    for name, first in (("db", 1), ("mail", 3)):
        world.line(name, "1000", ServiceName=name)
        to = [To(n, first + 7 * n, n) for n in range(1, len(people) + 1)]
        to += [To(number, weight, number) for number, (weight, _) in others]
        world.group(name, [Part(name, DAY, "1000")], to, days=(DAY, date(2025, 10, 5)))
    made = make_project(folder, world)
    with (made / "percapita.yaml").open("a") as file:
        file.write("viewers: {fewest: 5, segments: [tier, region]}\n")
    return made


def asked(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401
    """Return a statement as a viewer sees it."""
    capsys.readouterr()
    command = ["cost", "--period", "2025-10", "--project", str(folder), "--format", "json"]
    assert run([*command, *words]) == 0
    return json.loads(capsys.readouterr().out)


def indicator(people: set[int]) -> list[Fraction]:
    """Return a group as a vector over all people."""
    return [Fraction(number in people) for number in range(1, len(PEOPLE) + 1)]


def told_by(tables: Sequence[Sequence[set[int]]]) -> list[list[Fraction]]:
    """Return the sums that a reader knows, brought to echelon form."""
    rows = [indicator(group) for table in tables for group in table]
    made: list[list[Fraction]] = []
    for row in rows:
        left = reduced(row, made)
        if any(left):
            made.append(left)
    return made


def reduced(row: Sequence[Fraction], echelon: Sequence[Sequence[Fraction]]) -> list[Fraction]:
    """Return what is left of a vector when all that is known is subtracted."""
    left = list(row)
    for known in echelon:
        lead = next(n for n, value in enumerate(known) if value)
        factor = left[lead] / known[lead]
        left = [a - factor * b for a, b in zip(left, known, strict=True)]
    return left


def singled_out(tables: Sequence[Sequence[set[int]]], fewest: int) -> Iterator[tuple[int, ...]]:
    """Yield every group of fewer people whose cost follows from the tables by sums."""
    echelon = told_by(tables)
    for size in range(1, fewest):
        for people in combinations(range(1, len(PEOPLE) + 1), size):
            if not any(reduced(indicator(set(people)), echelon)):
                yield people


def groups_of(statement: Any, name: str, place: int) -> list[set[int]]:  # noqa: ANN401
    """Return who is in each row of a table, as its reader can tell."""
    rows = [set(row.get("merged", [row[name]])) for row in statement["rows"]]
    return [{n for n, person in enumerate(PEOPLE, 1) if person[place] in values} for values in rows]


def facets_of(folder: Path, capsys: pytest.CaptureFixture[str], role: str) -> list[list[set[int]]]:
    """Return who is in each line of each facet that a role may open, as its reader can tell."""
    opened = ("--facet", "tier", "--facet", "region", "--facet", "pool", "--facet", "month")
    found = asked(folder, capsys, "--by", "pool", "--as", role, *opened)["facets"]
    assert [facet["facet"] for facet in found] == ["tier", "region", "pool", "month"]
    tables = []
    for facet, place in zip(found, (0, 1), strict=False):
        assert facet["others"] is None
        values = [set(one.get("merged", [one["value"]])) for one in facet["values"]]
        tables.append([{n for n, p in enumerate(PEOPLE, 1) if p[place] in one} for one in values])
    return tables


def test_differences_single_nobody_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From all tables and facets of a viewer, and the total, no sum of fewer than five follows."""
    everyone = [set(range(1, len(PEOPLE) + 1))]
    tables = {}
    for role in ("viewer", "admin"):
        tier = asked(folder, capsys, "--by", "tier", "--as", role)
        region = asked(folder, capsys, "--by", "region", "--as", role)
        tables[role] = [everyone, groups_of(tier, "tier", 0), groups_of(region, "region", 1)]
        beside = facets_of(folder, capsys, role)
        # By facets alone it works as well as by tables.
        assert list(told_by([everyone, *beside])) == list(told_by(tables[role]))
        tables[role] += beside

    # The attack works: from the tables of an admin it finds the two of Trial, for one.
    assert (12, 13) in set(singled_out(tables["admin"], FEWEST))
    assert list(singled_out(tables["viewer"], FEWEST)) == []


def test_small_groups_stand_in_one_line_and_totals_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is shown together is named, and rows still sum to the bill."""
    found = asked(folder, capsys, "--by", "tier", "--as", "viewer")
    whole = asked(folder, capsys, "--by", "tier")

    merged = [row for row in found["rows"] if "merged" in row]
    assert merged
    assert all(len(row["merged"]) > 1 for row in merged)
    assert merged[0]["tier"] == label(merged[0]["merged"])
    assert sum(Decimal(row["total"]) for row in found["rows"]) == Decimal(2000)
    assert found["totals"] == whole["totals"]
    assert summed(found["classes"]) == summed(whole["classes"])


def summed(amounts: Mapping[str, str]) -> Decimal:
    """Return the sum of named lines."""
    return sum(map(Decimal, amounts.values()), Decimal(0))


def test_an_erased_person_is_in_no_line_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody's cost is one line to a viewer, and neither sums nor differences take it apart."""
    made = written(tmp_path, PEOPLE, (40, "erased"), (60, "anonymous"), (5, "bot"))
    whole = asked(made, capsys, "--by", "tier")["classes"]
    alone = Decimal(whole["erased"])
    assert alone
    for by in ("tier", "region", "pool", "month"):
        for scope in ("fully loaded", "infrastructure"):
            found = asked(made, capsys, "--by", by, "--scope", scope, "--as", "viewer")
            known = [*found["classes"].values(), *(row["total"] for row in found["rows"])]
            totals = [found["totals"][name] for name in ("total", "bill_total")]
            assert not {"erased", "anonymous", "bots"} & set(found["classes"])
            for size in (1, 2):
                for few in combinations(map(Decimal, [*known, *totals]), size):
                    assert alone not in {sum(few), abs(few[0] - few[-1])}
    assert summed(found["classes"]) == summed(
        asked(made, capsys, "--by", "month", "--scope", "infrastructure")["classes"]
    )


def test_an_erased_person_with_nobody_to_hide_among_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where erased people alone have no name, what is left of the bill would be theirs."""
    made = written(tmp_path, PEOPLE, (40, "erased"))

    assert refused(made, capsys, "--by", "pool")
    assert asked(made, capsys, "--by", "pool")["classes"]["erased"] != "0.00"


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> bool:
    """Tell whether a viewer is refused a question of October."""
    capsys.readouterr()
    command = ["cost", "--project", str(folder), "--as", "viewer", "--period", "2025-10"]
    return run([*command, *words]) == 2 and "Your role does not see" in capsys.readouterr().err


def test_a_month_of_few_people_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four people's total is about the four: neither groups nor pools nor the overview show it."""
    few, enough = written(tmp_path / "4", PEOPLE[:4]), written(tmp_path / "5", PEOPLE[:5])

    for by in ("tier", "pool", "month"):
        assert refused(few, capsys, "--by", by)
        assert not refused(enough, capsys, "--by", by)


@pytest.mark.parametrize("period", ["2025-10-04", "2025-10-04..2025-10-20", "2025-09..2025-10-04"])
def test_days_are_not_shown_by_pool_either(
    folder: Path, period: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two periods that differ by a day tell what the few cost who came on that day."""
    assert refused(folder, capsys, "--by", "pool", "--period", period)
    assert not refused(folder, capsys, "--by", "pool", "--period", "2025-Q4")


def test_a_cut_by_pools_shows_the_same_groups(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second cut, or the dearest rows alone, lets no small group out."""
    plain = {row["tier"] for row in asked(folder, capsys, "--by", "tier", "--as", "viewer")["rows"]}
    crossed = asked(folder, capsys, "--by", "tier", "--by", "pool", "--as", "viewer")["rows"]
    monthly = asked(folder, capsys, "--by", "month", "--by", "tier", "--as", "viewer")["rows"]
    first = asked(folder, capsys, "--by", "tier", "--top", "1", "--as", "viewer")["rows"]

    assert {row["tier"] for row in crossed} == plain
    assert {row["tier"] for row in monthly} == plain
    assert first[0]["tier"] in plain


@pytest.mark.parametrize(
    "words",
    [
        ["--by", "user"], ["--by", "tier", "--by", "region"],
        ["--by", "tier", "--where", "region=EU"],
        ["--distribution"], ["--by", "day"],
        ["--by", "tier", "--run", "r000001"], ["--by", "service"],
        ["--by", "pool", "--facet", "user"], ["--by", "pool", "--facet", "day"],
        ["--by", "pool", "--facet", "tier", "--where", "tier=Pro"],
        ["--by", "pool", "--facet", "tier", "--where", "region=EU"],
        ["--by", "pool", "--facet", "tier", "--period", "2025-10-01..2025-10-30"],
        ["--by", "tier", "--facet", "region", "--facet", "service"],
    ],
)  # fmt: skip
def test_what_may_single_people_out_is_refused(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Cuts by people, crossed groups, filters, days and other runs are for finance."""
    assert (
        run(["cost", "--period", "2025-10", "--project", str(folder), "--as", "viewer", *words])
        == 2
    )
    assert "Your role does not see" in capsys.readouterr().err


def test_days_in_a_month_are_not_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two people who come every day are two, though the unit counts user-days."""
    found = asked(folder, capsys, "--by", "tier", "--as", "viewer")

    assert "Trial" not in {row["tier"] for row in found["rows"]}


def test_a_segment_that_is_none_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A segment for viewers that the model has not is named with the nearest one."""
    said = (folder / "percapita.yaml").read_text()
    (folder / "percapita.yaml").write_text(said.replace("[tier, region]", "[teir]"))
    try:
        assert run(["cost", "--by", "tier", "--as", "viewer", "--project", str(folder)]) == 2
    finally:
        (folder / "percapita.yaml").write_text(said)
    assert "Did you mean tier?" in capsys.readouterr().err
    assert tmp_path.exists()


PARTS: st.SearchStrategy[Mapping[tuple[str | None, ...], int]] = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), st.integers(0, 12), min_size=1
)


@given(PARTS, st.integers(1, 8))
def test_every_line_is_made_of_blocks_of_enough_people(
    people: Mapping[tuple[str | None, ...], int], fewest: int
) -> None:
    """Whatever the groups, each line of each table is a union of blocks, each of enough people."""
    made = blocks(people, fewest=fewest)

    assert sorted(key for block in made for key in block) == sorted(people)
    assert len(made) == 1 or all(sum(people[k] for k in block) >= fewest for block in made)
    for place in (0, 1):
        together = shown(made, place)
        for block in made:
            assert len({together[key[place]] for key in block}) == 1


def test_groups_that_are_large_enough_stay_apart() -> None:
    """Nothing is brought together that need not be."""
    made = blocks({("a",): 5, ("b",): 9, ("c",): 7}, fewest=5)

    assert set(shown(made, 0).values()) == {("a",), ("b",), ("c",)}


def test_people_in_two_groups_do_not_count_twice() -> None:
    """Three of six in two groups may be the same people: then neither is large enough."""
    made = blocks({("a",): 6, ("b",): 6, ("c",): 30}, fewest=5, overlap=3)

    assert set(shown(made, 0).values()) == {("a", "b"), ("c",)}
