"""Whose usage is: sessions that turn out to be someone's, and aliases, move usage and no total."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from percapita.cli.main import run
from percapita.core.sources import Source
from percapita.core.tables import CLAIMS
from percapita.project import Project
from percapita.store.delivery import FileStat

BILL = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId
USD,12,12,2025-10-03T00:00:00Z,2025-10-04T00:00:00Z,\
2025-10-01T00:00:00Z,2025-11-01T00:00:00Z,Usage,Database,a
"""
USAGE = """hour,subject,subject_kind,meter,quantity
2025-10-03T12:00Z,ann,user,queries,2
2025-10-03T12:00Z,,,queries,1
2025-10-03T08:00Z,s1,session,queries,4
2025-10-03T11:00Z,s1,session,queries,3
2025-10-03T15:00Z,s1,session,queries,2
"""
MODEL = "currency: USD\npools:\n  - {pool: database, match: {ServiceName: Database}, by: queries}\n"


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A database of 12 dollars: ann asked it twice, somebody once, a session nine times."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    (folder / "model.yaml").write_text(MODEL, encoding="utf-8")
    deliver(folder, "bill", BILL)
    deliver(folder, "usage", USAGE)
    return folder


def deliver(folder: Path, name: str, text: str) -> None:
    """Import a file as the newest delivery of the source of its name."""
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    assert run(["import", str(path), "--source", name, "--project", str(folder)]) == 0


def claim(folder: Path, *seen: tuple[str, str, str]) -> None:
    """Let telemetry see a session and a user together."""
    with Project.open(folder).store() as store:
        for number, (session, user, at) in enumerate(seen):
            who = store.door.numbers("session", [session])[session]
            of = store.door.numbers("user", [user])[user]
            row = f"{who}, {of}, 'user', NULL, NULL, TIMESTAMPTZ '{at}'"
            source = Source("otlp", "otlp", kind="readings", mode="append")
            file = FileStat(f"{number}", 1, f"{session}{user}{at}")
            with store.begin_import(source, [file]) as tx:
                tx.write(CLAIMS, f"SELECT * FROM (VALUES ({row})) AS c({columns()})")
                tx.commit()


def columns() -> str:
    """Return the columns of claims, quoted."""
    return ", ".join(f'"{column.name}"' for column in CLAIMS.columns)


def shares(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Decimal]:
    """Run, and return what each receiver of the database got: user or session by its kind."""
    assert run(["run", "--project", str(folder)]) == 0
    capsys.readouterr()
    options = ["--format", "csv", "--period", "2025-10"]
    assert run(["ledger", *options, "--project", str(folder)]) == 0
    found: dict[str, Decimal] = {}
    with Project.open(folder).store() as store:
        names = {n: name for name, n in numbers(store.door.numbers).items()}
    for row in csv.DictReader(io.StringIO(capsys.readouterr().out)):
        name = names[int(row["subject"])]
        found[name] = found.get(name, Decimal(0)) + Decimal(row["amount"])
    return found


def numbers(of: Callable[[str, Sequence[str]], dict[str, int]]) -> dict[str, int]:
    """Return the numbers of everyone here."""
    return {"anonymous": 0, **of("user", ["ann", "bob"]), **of("session", ["s1"])}


def test_unclaimed_session_pays_for_itself(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is known of a session, its usage is its own, beside users and nobody."""
    assert shares(company, capsys) == {
        "ann": Decimal(2), "anonymous": Decimal(1), "s1": Decimal(9),
    }  # fmt: skip


def test_late_login_claims_what_the_session_did_before(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session that logs in at 14:10 was its user's from the start, and the total stays."""
    claim(company, ("s1", "ann", "2025-10-03T14:10:00Z"))

    assert shares(company, capsys) == {"ann": Decimal(11), "anonymous": Decimal(1)}


def test_session_of_two_users_is_split_at_the_later_claim(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage is the first user's up to the second one's login, whatever order the claims come in."""
    claim(company, ("s1", "bob", "2025-10-03T11:00:00Z"), ("s1", "ann", "2025-10-03T09:30:00Z"))

    assert shares(company, capsys) == {
        "ann": Decimal(6), "bob": Decimal(5), "anonymous": Decimal(1),
    }  # fmt: skip


def test_claims_do_not_rewrite_what_was_imported(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim that is taken back gives the session its usage again."""
    before = shares(company, capsys)
    text = "alias,alias_kind,of\ns1,session,ann\n"
    deliver(company, "map", text)
    assert shares(company, capsys)["ann"] == Decimal(11)

    deliver(company, "map", "alias,alias_kind,of\ns2,session,ann\n")
    assert shares(company, capsys) == before


def test_alias_map_is_valid_from_to_in_the_models_zone(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dates of an alias map begin at the model's midnight; what lies outside stays where it was."""
    (company / "model.yaml").write_text(f"timezone: Asia/Tokyo\n{MODEL}", encoding="utf-8")
    # In Tokyo the 4th begins at 15:00 UTC of the 3rd.
    deliver(company, "map", "alias,alias_kind,of,from\ns1,session,bob,2025-10-04\n")

    found = shares(company, capsys)
    assert found["s1"] + found["bob"] + found["ann"] + found["anonymous"] == Decimal(12)
    assert found["bob"] > 0
    assert found["s1"] > 0


def test_aliases_lead_on(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A session of an account that is another one's alias is that other one's."""
    claim(company, ("s1", "bob", "2025-10-03T14:10:00Z"))
    deliver(company, "map", "alias,of\nbob,ann\n")

    assert shares(company, capsys) == {"ann": Decimal(11), "anonymous": Decimal(1)}


def test_aliases_in_a_circle_claim_nothing(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two accounts that are each other's alias stay two, and the total holds."""
    deliver(company, "map", "alias,alias_kind,of\nann,user,bob\nbob,user,ann\n")

    assert shares(company, capsys)["ann"] == Decimal(2)


def test_broken_alias_rows_are_set_aside(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown kinds, missing ids and impossible times are named; no id is printed."""
    text = (
        "alias,alias_kind,of,from,to\n,session,ann,,\ns9,tab,ann,,\nann,user,ann,,\n"
        "s1,session,,,\ns1,session,ann,soon,\ns1,session,ann,2025-10-04,2025-10-03\n"
    )
    deliver(company, "map", text)
    capsys.readouterr()
    assert run(["quarantine", "--project", str(company)]) == 0
    told = capsys.readouterr().out

    for reason in ("no kind of subject", "the alias itself", "not say whose", "not lie after"):
        assert reason in " ".join(told.split())
    assert "ann" not in told
