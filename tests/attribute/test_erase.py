"""Erasure: who somebody was is forgotten, every total stays to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from percapita.project import Project
from percapita.store.erasure import erase
from percapita.store.kept.on_disk import OnDisk

BILL = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId
USD,100.000000000000000007,100.000000000000000007,2025-10-01T00:00:00Z,2025-10-03T00:00:00Z,\
2025-10-01T00:00:00Z,2025-11-01T00:00:00Z,Usage,Web,a
"""
USAGE = """hour,subject,subject_kind,meter,quantity
2025-10-01T08:00Z,ann,user,requests,3
2025-10-01T09:00Z,bob,user,requests,4
2025-10-01T09:00Z,s1,session,requests,2
2025-10-01T10:00Z,bob,user,requests,-1
"""
ALIASES = "alias,alias_kind,of\ns1,session,bob\n"
MODEL = "currency: USD\npools:\n  - {pool: web, match: {ServiceName: Web}, by: requests}\n"


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A web service that ann and bob use, bob in a session too; one of his rows is broken."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    (folder / "model.yaml").write_text(MODEL, encoding="utf-8")
    for name, text in (("bill", BILL), ("usage", USAGE), ("aliases", ALIASES)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        assert run(["import", str(folder / f"{name}.csv"), "--project", str(folder)]) == 0
    assert run(["run", "--project", str(folder)]) == 0
    return folder


def cost(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401
    """Return the cost of users."""
    capsys.readouterr()
    assert run(["cost", "--by", "user", "--format", "json", "--project", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_totals_stay_and_the_cost_is_erased(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What bob cost stands in the line `erased` after the next run, to the last digit."""
    before = cost(company, capsys)
    assert run(["erase", "user:bob", "--project", str(company)]) == 0
    at_once = cost(company, capsys)
    assert at_once["totals"]["bill_total"] == before["totals"]["bill_total"]

    assert run(["run", "--project", str(company)]) == 0
    after = cost(company, capsys)
    assert after["totals"]["bill_total"] == before["totals"]["bill_total"] == BILL.split(",")[10]
    bobs = max(Decimal(row["total"]) for row in before["rows"])
    assert Decimal(after["classes"]["erased"]) == bobs
    assert (
        sum(Decimal(row["total"]) for row in after["rows"])
        == Decimal(before["totals"]["total"]) - bobs
    )


def test_no_file_of_the_store_leads_from_the_id_to_the_number(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the id nor its pseudonym is in any file afterwards, those of its session included."""
    project = Project.open(company)
    traces = [b"bob", *(project.key().pseudonym(kind, name).encode()
                        for kind, name in (("user", "bob"), ("session", "s1")))]  # fmt: skip
    assert _holding(project.store_root, traces[1])

    assert run(["erase", "user:bob", "--project", str(company)]) == 0
    assert "with 1 aliases and sessions" in capsys.readouterr().out
    for trace in traces:
        assert _holding(project.store_root, trace) == []
    with Project.open(company).store() as store:
        assert store.door.find("user", "bob") is None
        assert any(entry.what == "erase" for entry in store.audit())


def _holding(folder: Path, text: bytes) -> list[str]:
    """Return the files of a folder that hold a text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if text in path.read_bytes()]


def test_who_comes_again_is_somebody_new(company: Path) -> None:
    """The same id gets another number than the one that was erased."""
    with Project.open(company).store() as store:
        before = store.door.find("user", "bob")
    assert run(["erase", "user:bob", "--project", str(company)]) == 0
    with Project.open(company).store() as store:
        assert store.door.numbers("user", ["bob"])["bob"] not in (before, 0)


@pytest.mark.parametrize(("subject", "told"), [("bob", "user:ID"), ("user:zoe", "no user of")])
def test_unknown_subjects_are_said(
    company: Path, capsys: pytest.CaptureFixture[str], subject: str, told: str
) -> None:
    """A subject without a kind, or that nobody knows, is refused and nothing is changed."""
    assert run(["erase", subject, "--project", str(company)]) == 2
    assert told in capsys.readouterr().err


def test_kept_answers_go_with_who_is_erased(company: Path) -> None:
    """What pages keep beside the tables may name somebody, and is worked out again."""
    with Project.open(company).store() as store:
        kept = OnDisk(store.root)
        assert kept.text("answer", lambda: "bob") == "bob"
        assert kept.text("answer", lambda: "not asked") == "bob"

        erase(store, "user", "bob")

        assert kept.text("answer", lambda: "nobody") == "nobody"
        assert kept.text("answer", lambda: "not asked") == "nobody"
