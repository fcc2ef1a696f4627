"""Usage reported of users and of tenants is never added up."""

from __future__ import annotations

from pathlib import Path

import pytest

from percapita.cli.main import run

BILL = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId
USD,10,10,2025-10-03T00:00:00Z,2025-10-04T00:00:00Z,\
2025-10-01T00:00:00Z,2025-11-01T00:00:00Z,Usage,Database,a
"""
BY_USER = "day,user,meter,quantity\n2025-10-03,ann,queries,3\n2025-10-03,bob,queries,1\n"
BY_TENANT = "day,tenant,meter,quantity\n2025-10-03,acme,queries,4\n"
MODEL = """version: 1
currency: USD
segments: {tenant: {}}
pools:
  - pool: database
    match: {ServiceName: Database}
    by: queries
"""


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A database whose queries are reported once by user and once by tenant."""
    assert run(["init", str(tmp_path / "acme")]) == 0
    folder = tmp_path / "acme"
    for name, text in (("bill", BILL), ("users", BY_USER), ("tenants", BY_TENANT)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        assert run(["import", str(folder / f"{name}.csv"), "--project", str(folder)]) == 0
    return folder


def test_a_meter_of_two_levels_needs_a_word(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Adding users and tenants up would count usage twice: the model has to say which counts."""
    (company / "model.yaml").write_text(MODEL, encoding="utf-8")

    assert run(["run", "--project", str(company)]) == 2
    told = capsys.readouterr().err
    assert "queries is reported by tenant and by user" in told
    assert "level: tenant" in told


def test_the_named_level_counts(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a level named, only readings of that level weigh."""
    (company / "model.yaml").write_text(MODEL + "    level: user\n", encoding="utf-8")
    assert run(["run", "--project", str(company)]) == 0
    capsys.readouterr()

    args = ["ledger", "--period", "2025-10", "--format", "csv", "--project", str(company)]
    assert run(args) == 0
    amounts = [line for line in capsys.readouterr().out.splitlines() if ",database," in line]
    assert [("7.50" in line, "2.50" in line) for line in sorted(amounts)] in (
        [(True, False), (False, True)],
        [(False, True), (True, False)],
    )


def test_a_session_stands_where_its_user_is_not_known(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users and sessions of one file are never the same usage twice: both count, without a word."""
    rows = "2025-10-03,ann,user,queries,3\n2025-10-03,s1,session,queries,1\n"
    path = company / "users.csv"
    path.write_text(f"day,subject,subject_kind,meter,quantity\n{rows}", encoding="utf-8")
    (company / "tenants.csv").write_text(BY_TENANT.replace("queries", "other"), encoding="utf-8")
    (company / "model.yaml").write_text(MODEL, encoding="utf-8")
    for name in ("users", "tenants"):
        assert run(["import", str(company / f"{name}.csv"), "--project", str(company)]) == 0

    assert run(["run", "--project", str(company)]) == 0
    assert "Every sum closes" in capsys.readouterr().out
