"""Short ways to an answer give what the long ones give: heads counted ahead, rows cut off."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path

import pytest

from percapita.cli import main
from percapita.core.money import total
from percapita.measure.question import ask
from percapita.project import Project
from percapita.report.cost.answer import answer
from percapita.report.opened import Opened, open_figures
from percapita.store.read.units import Counting, heads_of

MODEL = """
version: 1
currency: USD
timezone: America/New_York
units:
  monthly: {subject: user, window: month}
  weekly: {subject: user, window: week}
  daily: {subject: user, window: day}
  quarterly: {subject: user, window: quarter}
  request: {meter: requests}
segments: {plan: {from: users.plan}, country: {from: users.country}}
pools:
  - {pool: api, match: {ServiceName: api}, by: requests}
  - {pool: rent, match: {ServiceName: rent}, by: desks}
"""
PROJECT = """
model: model.yaml
sources:
  bill: {kind: bill, format: mapped, path: bill.csv, columns: {ChargePeriodStart: day, cost: cost,
         ServiceName: service}, values: {BillingCurrency: USD, ChargeCategory: Usage}}
  users: {kind: segments, path: users.csv, columns: {subject: user, plan: plan, country: country,
          start: start, end: end}}
  usage: {kind: readings, path: usage.csv, columns: {time: time, subject: user, quantity: n},
          values: {meter: requests}}
  offices: {kind: readings, path: offices.csv, columns: {time: time, subject: office, quantity: n},
            values: {meter: desks, subject_kind: tenant}}
"""
FIRST, DAYS, USERS = date(2025, 10, 1), 61, 25
UNITS = ("monthly", "weekly", "daily", "quarterly", "request")
ASKED = (
    *product(((), ("plan", "country"), ("day",), ("country", "month")),
             (None, "2025-11", "2025-10-09..2025-11-18"), ((),)),
    ((), "2025-10", ("plan=Pro",)), (("month",), None, ("plan=Pro",)), (("user",), "2025-10", ()),
)  # fmt: skip


def _write(folder: Path, seed: int) -> None:
    """Write two months in which users come and go, and change what they are, at any hour."""
    draw = random.Random(seed)  # noqa: S311 no secret
    days = [FIRST + timedelta(days=at) for at in range(DAYS)]
    folder.mkdir()
    (folder / "model.yaml").write_text(MODEL, encoding="utf-8")
    (folder / "percapita.yaml").write_text(PROJECT, encoding="utf-8")
    bill = "".join(f"{day},{draw.randint(1, 900)}.17,api\n" for day in days)
    # What is of tenants alone has no user: its row stands somewhere among theirs.
    bill += "".join(f"{day},{100 * seed},rent\n" for day in days[::10])
    (folder / "bill.csv").write_text("day,cost,service\n" + bill, encoding="utf-8")
    with (folder / "users.csv").open("w", encoding="utf-8") as file:
        file.write("user,plan,country,start,end\n")
        for user in range(USERS):
            country = draw.choice(("DE", "FR", ""))
            ends = sorted(draw.sample(range(1, DAYS * 24), draw.randint(0, 3)))
            at = [datetime(2025, 10, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in ends]
            texts = ["", *(f"{one:%Y-%m-%dT%H}:00:00Z" for one in at), ""]
            for start, end in pairwise(texts):
                plan = draw.choice(("Free", "Pro", "Team"))
                file.write(f"u{user},{plan},{country},{start},{end}\n")
    with (folder / "usage.csv").open("w", encoding="utf-8") as file:
        file.write("time,user,n\n")
        for user, day in product(range(USERS), days):
            if draw.random() < 0.2:
                file.write(f"{day}T{draw.randint(0, 23):02}:00:00Z,u{user},{draw.randint(1, 9)}\n")
    with (folder / "offices.csv").open("w", encoding="utf-8") as file:
        file.write("time,office,n\n")
        file.writelines(f"{day}T09:00:00Z,hq,{draw.randint(5, 20)}\n" for day in days[::10])


@pytest.fixture(scope="module", params=[1, 2])
def opened(tmp_path_factory: pytest.TempPathFactory, request: object) -> Iterator[Opened]:
    """Return the published figures of a random world."""
    folder = tmp_path_factory.mktemp("presence") / "world"
    _write(folder, request.param)  # type: ignore[attr-defined]
    assert main.run(["run", "--project", str(folder)]) == 0
    project = Project.open(folder)
    with project.store(create=False, threads=1) as store:
        yield open_figures(store, now=project.now)


@pytest.mark.parametrize("unit", UNITS)
def test_heads_counted_ahead_are_those_of_the_activity(opened: Opened, unit: str) -> None:
    """Every unit, cut and period has the same denominators by both ways."""
    assert opened.heads
    for by, period, where in ASKED:
        question = ask(
            opened.model, by=by, period=opened.period(period), basis=opened.basis, unit=unit,
            where=where,
        )  # fmt: skip
        ahead = answer(opened, question).figures
        counted = answer(replace(opened, heads=False), question).figures

        assert [(row.key, row.units) for row in ahead.rows] == [
            (row.key, row.units) for row in counted.rows
        ], (by, period, where)
        assert ahead.totals.units == counted.totals.units, (by, period, where)


@pytest.mark.parametrize("unit", ["monthly", "daily", "request"])
def test_the_dearest_users_are_those_of_the_whole_list(opened: Opened, unit: str) -> None:
    """A list cut off by the engine has the rows of the whole one, and the rest sums to the same."""
    asked = product((1, 5, 24, 200), (None, "2025-10"), ((), ("plan=Pro",), ("pool=api",)))
    for top, period, where in asked:
        question = ask(
            opened.model, by=("user",), period=opened.period(period), basis=opened.basis, unit=unit,
            where=where,
        )  # fmt: skip
        whole = answer(opened, question).figures
        found = answer(opened, replace(question, top=top)).figures
        rest = whole.rows[top:]

        assert found.rows[:top] == whole.rows[:top], (top, period, where)
        assert found.totals == whole.totals
        assert len(found.rows) == min(top, len(whole.rows)) + bool(rest)
        if rest:
            assert found.rows[-1].others == len(rest)
            assert found.rows[-1].cost.total == total([row.cost.total for row in rest])


def test_a_page_of_users_is_that_of_the_whole_list(opened: Opened) -> None:
    """Wherever a page begins and ends, beside the row of no user too; the others are its rest."""
    for where in ((), ("plan=Pro",)):
        question = ask(
            opened.model, by=("user",), period=opened.period("2025-10"), basis=opened.basis,
            where=where,
        )  # fmt: skip
        whole = answer(opened, question).figures
        assert where or 0 < [row.key for row in whole.rows].index((None,)) < len(whole.rows) - 1
        for skip, top in (*product(range(0, 26, 3), (1, 4)), (0, 30), (26, 4)):
            found = answer(opened, replace(question, top=top, skip=skip)).figures
            page = [row for row in found.rows if not row.others]

            assert page == list(whole.rows[skip : skip + top]), (where, skip, top)
            assert found.totals == whole.totals
            assert sum(row.others for row in found.rows) == len(whole.rows) - len(page)
            parts = [row.cost.total for row in found.rows]
            assert total(parts) == whole.totals.cost.total


@pytest.mark.parametrize(
    ("window", "times", "days", "grain"),
    [
        ("month", (), (date(2025, 10, 1), date(2025, 12, 1)), "month"),
        ("month", ("day",), (date(2025, 10, 3), date(2025, 10, 9)), "day"),
        ("month", (), (date(2025, 10, 3), date(2025, 11, 1)), None),
        ("week", (), (date(2025, 10, 1), date(2025, 11, 1)), "week"),
        ("week", ("month",), (date(2025, 10, 1), date(2025, 12, 1)), "week"),
        ("week", (), (date(2025, 10, 1), date(2025, 12, 1)), None),
        ("quarter", (), (date(2025, 10, 1), date(2026, 1, 1)), None),
        ("quarter", ("month",), (date(2025, 10, 1), date(2026, 1, 1)), "month"),
    ],
)
def test_heads_are_added_up_only_where_the_question_counts_anew(
    window: str, times: tuple[str, ...], days: tuple[date, date], grain: str | None
) -> None:
    """Pieces of time that one head can be in twice are never added."""
    asked = Counting("u", False, window, *days, (), times, (), {})

    assert heads_of(asked) == grain
