"""Cost that sampled usage splits: who it falls on is sure within an interval, or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from percapita.attribute.sampling import probability
from percapita.cli.main import run
from percapita.core.subjects import USER
from percapita.core.tables import READINGS
from percapita.project import Project
from percapita.store.engine import arrow_type
from percapita.store.live.turns import Turn

QUARTER = "c"
DAYS, USERS = 3, 240
FIRST = datetime(2025, 10, 1, tzinfo=UTC)
MODEL = """
currency: USD
units: {active user: {subject: user}}
segments: {tier: {from: users.plan}}
pools:
  - {pool: web, match: {ServiceName: Web}, by: requests}
  - {pool: cells, match: {ServiceName: Cells}, by: requests, within: [resource]}
  - {pool: tax, match: {ServiceName: Tax}, overhead: cost}
  - {pool: seats, match: {ServiceName: Seats}, by: active}
  - {pool: ops, match: {ServiceName: Ops}, through: {pools: [web], by: requests}}
  - {pool: plans, match: {ServiceName: Plans}, by: requests, within: [tier]}
"""
BILL = (
    "BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,"
    "BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId,ResourceId\n"
)


def name(at: int) -> str:
    """Return what a user is called."""
    return f"u{at:03d}"


class Company:
    """A web service whose traces are kept one in four, and what everybody cost in truth."""

    def __init__(self, folder: Path, threshold: str | None = QUARTER) -> None:
        self.folder = folder
        self.threshold = threshold
        self.used: dict[int, Counter[int]] = {day: Counter() for day in range(DAYS)}
        assert run(["init", str(folder)]) == 0
        (folder / "model.yaml").write_text(MODEL)

    def measured(self) -> None:
        """Sample each user's traces of each day, and commit what is left as readings."""
        random, rows = Random(4), []  # noqa: S311
        chance = probability(self.threshold or QUARTER)
        with Project.open(self.folder).store() as store:
            numbers = store.door.numbers(USER, [name(at) for at in range(USERS)])
            for day, at in ((day, at) for day in self.used for at in range(USERS)):
                traces = [1 + int(random.paretovariate(2.5) * 2) for _ in range(10 + 4 * (at % 40))]
                self.used[day][at] = sum(traces)
                kept = [size for size in traces if random.random() < chance]
                if kept:
                    rows.append(self._reading(day, numbers[name(at)], at, kept))
            live = store.live()
            columns = {
                c.name: pa.array([row.get(c.name) for row in rows], arrow_type(c.type))
                for c in READINGS.columns
            }
            table = pa.table(columns)
            live.commit(Turn(1, 1, readings=table, bases={"requests": ""}), FIRST)
            live.close()

    def _reading(self, day: int, number: int, at: int, kept: list[int]) -> dict[str, Any]:
        scale = 1 / probability(self.threshold) if self.threshold else 1
        return {
            "time": FIRST + timedelta(days=day, hours=9), "grain": "hour", "meter": "requests",
            "subject": number, "level": USER, "resource": f"r{at % 2}", "service": "web",
            "signals": len(kept),
            "quantity": round(sum(kept) * scale), "threshold": self.threshold,
            "trace_squares": Decimal(sum(size**2 for size in kept)),
        }  # fmt: skip

    def billed(self, **services: int) -> None:
        """Bill each service the same every day, and run."""
        lines = [
            f"USD,{amount},{amount},{FIRST + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ},"
            f"{FIRST + timedelta(days=day + 1):%Y-%m-%dT%H:%M:%SZ},2025-10-01T00:00:00Z,"
            f"2025-11-01T00:00:00Z,{'Tax' if service == 'Tax' else 'Usage'},{service},a,{resource}"
            for service, amount in services.items()
            for day in range(DAYS)
            for resource in (("r0", "r1") if service == "Cells" else ("",))
        ]
        (self.folder / "bill.csv").write_text(BILL + "\n".join(lines) + "\n")
        plans = [f"{name(at)},{'Pro' if at % 3 else 'Free'}" for at in range(USERS)]
        (self.folder / "users.csv").write_text("user,plan\n" + "\n".join(plans) + "\n")
        typed = ["--project", str(self.folder)]
        assert run(["import", str(self.folder / "bill.csv"), *typed]) == 0
        users = ["--source", "users"]
        assert run(["import", str(self.folder / "users.csv"), *users, *typed]) == 0
        assert run(["run", *typed]) == 0

    def truth(self, at: int, cells: int = 0, web: int = 0) -> float:
        """Return what a user cost, had nothing been sampled."""
        total = 0.0
        for used in self.used.values():
            mine = used[at]
            cell = sum(used[other] for other in range(at % 2, USERS, 2))
            total += web * mine / sum(used.values()) + cells * mine / cell
        return total


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T09:00:00Z")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company with a day's bill of 300 for the web and 200 for each resource, and tax."""
    made = Company(tmp_path_factory.mktemp("sampled") / "acme")
    made.measured()
    made.billed(Web=300, Cells=200, Tax=50)
    return made


def asked(company: Company, capsys: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401
    """Return a command's JSON."""
    capsys.readouterr()
    assert run([*words, "--format", "json", "--project", str(company.folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_intervals_hold_as_often_as_they_say(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """85 to 95 % of the users cost, in truth, what their 90 % interval says, tax included."""
    found = asked(company, capsys, "cost", "--by", "user")
    with Project.open(company.folder).store() as store:
        key = store.key
    by_hash = {key.pseudonym(USER, name(at)): at for at in range(USERS)}
    held = stated = 0
    for row in found["rows"]:
        if row["interval"]["enough"]:
            stated += 1
            truth = company.truth(by_hash[row["user"]], web=300, cells=200) * (750 / 700)
            low, high = (float(row["interval"][end]) for end in ("low", "high"))
            assert low <= float(row["total"]) <= high
            held += low <= truth <= high

    assert stated > USERS * 0.8
    assert 0.85 <= held / stated <= 0.95
    assert found["meta"]["sampled"] == ["requests (web, cells)"]


def test_tiers_are_surer_than_users(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    """Many users together are known better than one; their total is exact."""
    tiers = asked(company, capsys, "cost", "--by", "tier")["rows"]
    users = asked(company, capsys, "cost", "--by", "user")["rows"]

    def width(row: dict[str, Any]) -> Decimal:
        low, high = (Decimal(row["interval"][end]) for end in ("low", "high"))
        return (high - low) / Decimal(row["total"])

    assert max(width(row) for row in tiers) < Decimal("0.05")
    assert min(width(row) for row in users if row["interval"]["enough"]) > Decimal("0.1")
    assert sum(Decimal(row["total"]) for row in tiers) == Decimal(2250)
    pools = asked(company, capsys, "cost", "--by", "pool")["rows"]
    assert all("interval" not in row for row in pools)


def test_text_and_csv_say_the_same(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    """A column of half-widths for people, bounds for programs."""
    where = ["--by", "user", "--project", str(company.folder)]
    capsys.readouterr()
    assert run(["cost", *where]) == 0
    text = capsys.readouterr().out
    assert "±90 %" in text
    assert "Usage is sampled" in text
    assert run(["cost", *where, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    known = [row for row in rows if row["enough"] == "yes"]
    assert known
    assert all(
        Decimal(row["low"]) <= Decimal(row["total"]) <= Decimal(row["high"]) for row in known
    )
    assert {row["enough"] for row in rows} == {"yes", "not enough data", ""}


def test_explain_says_where_the_interval_comes_from(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same bounds as in ``cost``, and the sampled meter and the pools behind them."""
    found = asked(company, capsys, "explain", "--tier", "Pro", "--lines", "1")["meta"]["interval"]
    rows = asked(company, capsys, "cost", "--by", "tier")["rows"]
    (pro,) = (row for row in rows if row["tier"] == "Pro")

    assert (found["low"], found["high"]) == (pro["interval"]["low"], pro["interval"]["high"])
    assert found["why"].endswith("usage is sampled: requests (web, cells).")


def test_one_user_is_as_sure_as_among_all(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """Explain reads a user's own rows and everybody's sums, and finds the bounds that cost has."""
    rows = asked(company, capsys, "cost", "--by", "user")["rows"]
    for row in (rows[0], rows[USERS // 2], rows[-1]):
        found = asked(company, capsys, "explain", row["user"], "--lines", "1")["meta"]["interval"]
        for bound in ("enough", "low", "high"):
            assert found[bound] == row["interval"][bound]
    web = asked(company, capsys, "explain", rows[0]["user"], "--pool", "web", "--lines", "1")
    assert Decimal(web["meta"]["interval"]["high"]) < Decimal(rows[0]["interval"]["low"])


@pytest.mark.parametrize("service", ["Seats", "Ops", "Plans"])
def test_splits_whose_error_nothing_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], service: str
) -> None:
    """Heads, hops and cells of attributes under sampling: unsure as a whole, never taken for exact.

    A little of it widens the interval by as much; where it is a tenth of a row, there is none.
    """
    company = Company(tmp_path / "acme")
    company.measured()
    company.billed(**{"Web": 300, service: 6})
    little = asked(company, capsys, "cost", "--by", "tier")
    assert [row["interval"]["enough"] for row in little["rows"]] == [True, True]
    for row in little["rows"]:
        low, high = (Decimal(row["interval"][end]) for end in ("low", "high"))
        least = Decimal(6 * DAYS) * Decimal(row["total"]) / Decimal(306 * DAYS)
        assert high - low > least
    assert little["meta"]["sampled"] == [f"requests (web, {service.lower()})"]

    again = Company(tmp_path / "again")
    again.measured()
    again.billed(**{"Web": 300, service: 90})
    much = asked(again, capsys, "cost", "--by", "tier")["rows"]
    assert {row["interval"]["enough"] for row in much} == {False}
    assert sum(Decimal(row["total"]) for row in much) == Decimal(390 * DAYS)


def test_few_traces_are_words_instead_of_a_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose cost a handful of traces decides has none per unit; the total stays, and sums."""
    company = Company(tmp_path / "acme", "fd")
    company.measured()
    company.billed(Web=300)
    found = asked(company, capsys, "cost", "--by", "user")
    vague = [row for row in found["rows"] if not row["interval"]["enough"]]
    assert vague
    assert {row["interval"]["low"] for row in vague} == {None}
    assert sum(Decimal(row["total"]) for row in found["rows"]) == Decimal(900)
    where = ["--by", "user", "--project", str(company.folder)]
    assert run(["cost", *where]) == 0
    assert "not enough data" in capsys.readouterr().out
    assert run(["cost", *where, "--format", "csv"]) == 0
    assert ",not enough data\n" in capsys.readouterr().out


def test_what_nothing_tells_is_not_enough_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signals of unknown probability have the model's weight, and no interval."""
    company = Company(tmp_path / "acme", None)
    company.measured()
    (company.folder / "model.yaml").write_text(MODEL + "sampling: {unknown: 4}\n")
    company.billed(Web=300)
    rows = asked(company, capsys, "cost", "--by", "tier")["rows"]
    assert {row["interval"]["enough"] for row in rows} == {False}

    (company.folder / "model.yaml").write_text(MODEL)
    assert run(["run", "--project", str(company.folder)]) == 0
    assert all("interval" not in r for r in asked(company, capsys, "cost", "--by", "tier")["rows"])
