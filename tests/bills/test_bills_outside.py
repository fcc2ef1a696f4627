"""A bill source of another package: installed, found, and proven by its own case."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from percapita import bills
from percapita.testing import Case, cases, check

PACKAGE = Path(__file__).parents[2] / "examples" / "outside-source"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the example package is installed into, from its files alone."""
    folder = tmp_path_factory.mktemp("outside")
    copy = shutil.copytree(PACKAGE, folder / "package")
    subprocess.run(  # noqa: S603 our own interpreter and our own example
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--root-user-action", "ignore",
         "--target", str(folder / "site"), str(copy)],
        check=True,
    )  # fmt: skip
    return folder / "site"


def run(installed: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module with the example package beside percapita."""
    env = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", *command], env=env, capture_output=True, text=True, check=False
    )


def test_package_is_proven_by_its_case(installed: Path) -> None:
    """The package's own test passes against the installed format."""
    done = run(installed, "pytest", "-q", "-p", "no:cacheprovider", str(PACKAGE))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_installed_format_recognises_its_bill(installed: Path, tmp_path: Path) -> None:
    """Once installed, ``percapita import`` takes the bill without a word about its format."""
    started = run(installed, "percapita", "init", str(tmp_path / "p"))
    assert started.returncode == 0, started.stderr
    bill = PACKAGE / "cases" / "october" / "bill.csv"
    done = run(installed, "percapita", "import", str(bill), "--project", str(tmp_path / "p"),
               "--format", "json")  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert '"northwind"' in done.stdout
    assert "70.489" in done.stdout


def _case(folder: Path, bill: str, expected: str) -> Case:
    case = folder / "one"
    case.mkdir()
    (case / "bill.csv").write_text(bill)
    (case / "expected.csv").write_text(expected)
    (case / "source.json").write_text(
        '{"format": "mapped", "columns": {"cost": "Net", "ChargePeriodStart": "Month"},'
        ' "values": {"BillingCurrency": "EUR"}}'
    )
    return cases(folder)[0]


@pytest.mark.parametrize(
    ("bill", "expected", "told"),
    [
        ("Month,Net,Note\n2025-10,2,n\n", "BilledCost,Note\n3.00,n\n", r"-3\.00,n\n\+2\.00,n"),
        ("Month,Net\n2025-10,2\n2025-10,3\n", "BilledCost\n2.00\n", r"\+3\.00"),
        ("Month,Net\n2025-10,2\n2025-10,x\n", "BilledCost\n2.00\n", r"\+row 2, Net: 'x'"),
    ],
)
def test_case_of_csv_tells_the_difference(
    tmp_path: Path, bill: str, expected: str, told: str
) -> None:
    """A line that differs, one too many, and a row in quarantine each fail a case in words."""
    case = _case(tmp_path, bill, expected)

    assert str(case) == "one"
    with pytest.raises(AssertionError, match=told):
        check(case, bills.preview)


def test_case_of_csv_holds_only_what_it_is_about(tmp_path: Path) -> None:
    """Columns that the case does not name may say anything."""
    check(_case(tmp_path, "Month,Net,Note\n2025-10,2,n\n", "BilledCost\n2.00\n"), bills.preview)
