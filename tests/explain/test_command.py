"""Explain as a user asks for it: over a published run in a store."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from explain.handmade import FREE, PRO, Run, cascade
from percapita.core import money
from percapita.core.errors import InputError
from percapita.core.privacy import Key
from percapita.report import sought as whose
from percapita.report.explain import as_json as explain_json
from percapita.report.explain import bound
from percapita.report.explain.as_json import Asked
from percapita.report.explain.as_text import down_text, up_text
from percapita.report.explain.bound import UnknownLineError
from percapita.report.explain.explain import down
from percapita.report.explain.found import Question
from percapita.report.opened import Opened, open_figures
from percapita.report.sought import UnknownSubjectError, UnknownValueError
from percapita.store import Store
from percapita.store.catalog.people import people

NOW = datetime(2025, 11, 3, 12, tzinfo=UTC)
KEY = Key(b"k" * 32)
META = {"basis": "effective", "currency": "USD", "period": "2025-10", "pool": None, "run": "r1"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The published cascade; subjects 7 to 9 are users, tenant Acme has never cost anything."""
    root = tmp_path_factory.mktemp("store")
    with Store.open(Path(root), KEY, now=NOW, who="tester") as store:
        store.door.numbers("tenant", ["Acme"])
        users = store.door.numbers("user", [f"user{n}@x" for n in range(8)])
        assert set(users.values()) == set(range(2, 10))
        cascade().save(store)
        yield open_figures(store, now=NOW)


def asked(opened: Opened, **options: Any) -> Question:  # noqa: ANN401
    """A question to what is published."""
    return Question(opened.basis, tuple(opened.runs.items()), **options)


def name_of(opened: Opened, number: int) -> str:
    """The id, as the user writes it, of a number."""
    found = opened.store.door.numbers("user", [f"user{n}@x" for n in range(8)])
    return next(name for name, held in found.items() if held == number)


def explained(opened: Opened, sought: whose.Sought, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """The JSON of one way down."""
    found = down(
        opened.engine,
        lambda period, run: bound.bind(opened, period, run),
        asked(opened, **options),
        lambda: sought.choose(opened),
    )
    sought.check()
    return explain_json.down_json(Asked(sought.title, sought.shown, META), found)


def test_a_subject_is_found_however_it_is_written(opened: Opened) -> None:
    """An id is hashed with the key; a number, a pseudonym and its first digits lead there too."""
    name = name_of(opened, 7)
    pseudonym = KEY.pseudonym("user", name)
    ways = [name, "#7", pseudonym, pseudonym[:10]]
    totals = {explained(opened, whose.subject(opened, way))["total"] for way in ways}

    assert len(totals) == 1
    assert whose.subject(opened, "Acme").shown["label"] == "Acme"
    assert whose.subject(opened, "idle").subjects == (-1,)


def test_an_unknown_subject_is_told_the_nearest(opened: Opened) -> None:
    """A name that nobody has stops, and names that are kept are offered."""
    with pytest.raises(UnknownSubjectError, match="'Acne'") as error:
        whose.subject(opened, "Acne")
    assert "Acme" in str(error.value)


def test_json_sums_to_the_last_digit(opened: Opened) -> None:
    """Pools, groups and line parts each sum to the total, as text with every digit."""
    document = explained(opened, whose.subject(opened, "#7"))
    groups = [group for pool in document["pools"] for group in pool["groups"]]
    parts = [part for line in document["lines"] for part in line["parts"]]
    for rows in (document["pools"], groups, document["lines"], parts):
        assert money.text(money.total([Decimal(r["amount"]) for r in rows])) == document["total"]
    assert document["other_lines"] == {"count": 0, "amount": "0.00"}


def test_a_segment_is_everyone_in_it(opened: Opened) -> None:
    """A tier is explained over all its receivers; both tiers and idle are everything."""
    tiers = [whose.segment(opened, {"tier": name}) for name in ("Free", "Pro")]
    rest = whose.subject(opened, "idle")
    totals = [Decimal(explained(opened, one)["total"]) for one in (*tiers, rest)]
    run = cascade()

    assert money.total(totals) == money.total(list(run.bill.values()))


def test_unknown_values_and_segments_stop(opened: Opened) -> None:
    """A value nobody has is told with the nearest; a segment the model lacks likewise."""
    with pytest.raises(UnknownValueError, match="tier=Por") as error:
        explained(opened, whose.segment(opened, {"tier": "Por"}))
    assert "Pro" in str(error.value)
    with pytest.raises(InputError, match="'teir' is not a segment"):
        whose.segment(opened, {"teir": "Pro"})


def test_a_line_is_found_by_the_start_of_its_id(opened: Opened) -> None:
    """A unique start is enough; an exact id wins; what is unknown or ambiguous stops."""
    assert bound.line(opened, asked(opened), "cr").line["LineId"] == "credit"
    assert bound.line(opened, asked(opened), "c").line["LineId"] == "c"
    with pytest.raises(UnknownLineError, match="No line starts with 'x'"):
        bound.line(opened, asked(opened), "x")


def test_the_way_up_sums_to_the_line(opened: Opened) -> None:
    """Receivers, groups and parts each sum to the line's cost, in JSON and in CSV."""
    for line, amount in cascade().bill.items():
        found = bound.line(opened, asked(opened), line)
        known = people(opened.store.catalog, {got.subject for got in found.got})
        document = explain_json.up_json(Asked("", {}, META), found, known)
        rows = list(explain_json.up_csv(found, known))

        assert document["total"] == document["line"]["line_amount"] == money.text(amount)
        for name in ("parts", "groups", "receivers"):
            sums = money.total([Decimal(row["amount"]) for row in document[name]])
            assert sums == amount
        assert money.total([Decimal(str(row[-1])) for row in rows[1:]]) == amount


def test_csv_has_a_row_a_part(opened: Opened) -> None:
    """Parts of lines sum to the figure; without lines the groups stand there."""
    sought = whose.subject(opened, "#7")
    for lines in (None, 0):
        found = down(
            opened.engine,
            lambda period, run: bound.bind(opened, period, run),
            asked(opened, lines=lines),
            lambda: sought.choose(opened),
        )
        stream = StringIO()
        csv.writer(stream).writerows(explain_json.down_csv(found))
        rows = list(csv.DictReader(StringIO(stream.getvalue())))

        assert money.total([Decimal(row["amount"]) for row in rows]) == found.total


def test_the_terminal_says_why(opened: Opened) -> None:
    """On eighty columns the tree gives amount, share and driver, the table lines and their sum."""
    sought = whose.subject(opened, "#7")
    found = down(
        opened.engine,
        lambda period, run: bound.bind(opened, period, run),
        asked(opened, lines=2),
        lambda: sought.choose(opened),
    )
    console = Console(width=80, file=StringIO(), highlight=False, emoji=False)
    for part in down_text(Asked(sought.title, sought.shown, META), found):
        console.print(part)
    assert isinstance(console.file, StringIO)
    text = " ".join(console.file.getvalue().replace("│", "").split())

    assert "because 3 of 7 queries" in text
    assert "other lines (--lines all)" in text


def test_the_terminal_names_receivers(opened: Opened) -> None:
    """A line's page lists who got most and how many others there are."""
    found = bound.line(opened, asked(opened), "a")
    known = people(opened.store.catalog, {got.subject for got in found.got})
    texts = []
    for count in (2, None):
        stream = StringIO()
        console = Console(width=80, file=stream, highlight=False, emoji=False)
        for part in up_text(Asked("line a", {}, META), found, known, count):
            console.print(part)
        texts.append(stream.getvalue())

    assert "others (--lines all)" in texts[0]
    assert "idle" in texts[1]


def test_slices_tell_a_subject_apart(opened: Opened) -> None:
    """A user who changed tier has a part in both, and they sum to the user's own."""
    run: Run = cascade()
    mine = [row for row in run.rows["ledger"] if row[2] == 8]

    assert {row[3] for row in mine} == {FREE, PRO}
    total = explained(opened, whose.subject(opened, "#8"))["total"]
    assert total == money.text(money.total([row[-1] for row in mine]))
