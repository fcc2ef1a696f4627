"""Invoices priced by what the project's own readings say."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from percapita.cli import main

INVOICE = """\
issuer: Acme Mail
currency: USD
period: 2025-10..2025-11
items:
  - {item: Calls, unit: call, price: 0.5, every: month, quantity: {meter: calls}}
  - {item: Mails, unit: mail, price: 2, quantity: {meter: calls, where: {operation: send}}}
"""
USAGE = """\
time,user,meter,operation,quantity
2025-10-01,ann,calls,send,10
2025-10-31T23:30:00Z,bob,calls,list,20
2025-11-01T00:30:00Z,bob,calls,send,5
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project that names an invoice before the readings that it is priced by."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-12-03T00:00:00Z")
    assert main.run(["init", str(tmp_path)]) == 0
    (tmp_path / "vendor.yaml").write_text(INVOICE)
    (tmp_path / "usage.csv").write_text(USAGE)
    settings = tmp_path / "percapita.yaml"
    settings.write_text(
        settings.read_text().split("\nsources:")[0]
        + "\nsources:\n  mail: {path: vendor.yaml}\n  usage: {kind: readings, path: usage.csv}\n"
    )
    return tmp_path


def taken(project: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Import all sources; return what became of the invoice."""
    capsys.readouterr()
    assert main.run(["import", "--project", str(project), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (mail,) = [one for one in found if one["source"] == "mail"]
    return dict(mail)


def test_quantities_come_from_readings(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each time is charged by what was measured in it, of all rows or of those that are asked."""
    first = taken(project, capsys)

    assert Decimal(first["sums"]["USD"]["billed"]) == Decimal("17.5") + 30
    assert (first["files"], first["unchanged"]) == (1, False)
    assert taken(project, capsys)["unchanged"]


def test_changed_readings_are_priced_anew(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The invoice is read again when the usage that it is priced by has changed, and only then."""
    taken(project, capsys)
    usage = project / "usage.csv"
    usage.write_text(USAGE + "2025-11-02,ann,calls,list,100\n")
    changed = taken(project, capsys)

    assert not changed["unchanged"]
    assert Decimal(changed["sums"]["USD"]["billed"]) == Decimal("67.5") + 30
    usage.write_text(usage.read_text() + "2025-11-02,ann,other,list,100\n")
    assert taken(project, capsys)["unchanged"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{meter: cals}", "Nothing is taken in of the meter 'cals'"),
        ("{meter: calls, where: {operation: sent}}", "where {'operation': 'sent'}"),
        ("{meter: calls, where: {operaton: send}}", "'operaton'"),
        ("{meter: calls, file: calls.csv}", "needs file or meter"),
    ],
)
def test_a_meter_that_says_nothing_is_an_error(
    project: Path, capsys: pytest.CaptureFixture[str], said: str, message: str
) -> None:
    """Nothing is priced at zero because a name is wrong."""
    invoice = project / "vendor.yaml"
    invoice.write_text(INVOICE.replace("{meter: calls}", said))

    assert main.run(["import", "--project", str(project)]) == 2
    assert message in capsys.readouterr().err
