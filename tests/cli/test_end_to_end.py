"""The stable way from a bare bill to a reconciliation, as outside programs take it."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from percapita.cli import main

HEADER = (
    "BillingAccountId", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart",
    "ChargePeriodEnd", "ChargeCategory", "BilledCost", "EffectiveCost", "BillingCurrency",
    "ServiceName", "ResourceId", "Tags",
)  # fmt: skip
COSTS = ("1200.10", "0.000000000000000017", "4.5E-07", "33.333333333333333", "-20.00", "250", "0")
CLASSES = ("idle", "anonymous", "bots", "erased", "excluded", "unallocated", "rounding")


def charge(number: int, cost: str, month: int = 10) -> tuple[str, ...]:
    """Return a FOCUS row for one day of a month of 2025."""
    first, after = f"2025-{month:02d}-01", f"2025-{month + 1:02d}-01"
    day = 1 + number % 27
    return (
        "4711", first, after, f"2025-{month:02d}-{day:02d}T00:00:00Z",
        f"2025-{month:02d}-{day + 1:02d}T00:00:00Z", "Credit" if cost.startswith("-") else "Usage",
        cost, cost, "EUR", f"Service {number % 3}", f"res-{number % 5}",
        json.dumps({"env": "prod"}),
    )  # fmt: skip


ROWS = [charge(n, cost, month) for month in (9, 10) for n, cost in enumerate(COSTS)]


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write a FOCUS file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return path


class Ran(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        """Standard output as JSON; all of it must be."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""

    def command(*arguments: object) -> Ran:
        capfd.readouterr()
        code = main.run([str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return command


@pytest.fixture
def project(tmp_path: Path, run: Run) -> Path:
    """Return a new project with a bare FOCUS file imported."""
    folder = tmp_path / "acme"
    assert run("init", folder).code == 0
    bill = write(tmp_path / "bill.csv", ROWS)
    assert run("import", bill, "--project", folder).code == 0
    return folder


def figures(run: Run, project: Path) -> dict[str, Any]:
    """Return the reconciliation without what names the run."""
    found: dict[str, Any] = run("reconcile", "--project", project, "--format", "json").json
    return {key: value for key, value in found.items() if key != "meta"}


def test_bare_bill_closes(project: Path, run: Run) -> None:
    """A FOCUS file alone gives a proven run: all of it unallocated, to the last digit."""
    ran = run("run", "--project", project, "--format", "json")
    found = run("reconcile", "--project", project, "--format", "json")
    total = 2 * sum(map(Decimal, COSTS))

    assert (ran.code, found.code) == (0, 0)
    assert ran.json["periods"] == ["2025-09", "2025-10"]
    assert ran.json["published"] is True
    assert Decimal(found.json["bill_total"]) == total
    assert Decimal(found.json["unallocated"]) == total
    assert found.json["difference"] == "0.00"
    assert found.json["meta"]["currency"] == "EUR"
    assert found.json["meta"]["run"] == ran.json["run"]


def test_reconciliation_adds_up_everywhere(project: Path, run: Run) -> None:
    """Bill total = allocated + named lines, in the whole, each pool and each billing period."""
    run("run", "--project", project)
    found = figures(run, project)

    for part in (found, *found["pools"], *found["periods"]):
        parts = [Decimal(part[name]) for name in ("allocated", *CLASSES)]
        assert sum(parts) == Decimal(part["bill_total"])
    assert [part["billing_period"] for part in found["periods"]] == ["2025-09", "2025-10"]


def test_run_says_what_outside_programs_read(project: Path, run: Run) -> None:
    """The JSON of a run has its documented keys, and no others."""
    ran = run("run", "--project", project, "--format", "json").json

    assert list(ran) == [
        "run", "model", "basis", "periods", "rows", "ledger_hash", "findings", "seconds",
        "published", "later",
    ]  # fmt: skip
    assert len(ran["ledger_hash"]) == len(ran["model"]) == 64
    assert ran["rows"] >= len(COSTS)


def test_months_that_have_not_begun_wait(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run leaves later months for later and says so; asked for, or alone, they are run."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-09-30T12:00:00Z")
    ran = run("run", "--project", project, "--format", "json").json
    assert (ran["periods"], ran["later"]) == (["2025-09"], ["2025-10"])
    assert "2025-10" in run("run", "--project", project).out
    asked = run("run", "--period", "2025-10", "--project", project, "--format", "json").json
    assert (asked["periods"], asked["later"]) == (["2025-10"], [])
    monkeypatch.setenv("PERCAPITA_NOW", "2025-08-01T12:00:00Z")
    alone = run("run", "--project", project, "--format", "json").json
    assert (alone["periods"], alone["later"]) == (["2025-09", "2025-10"], [])


def test_standard_output_is_json_alone(project: Path, run: Run) -> None:
    """Whatever is said beside the result goes to standard error."""
    lines = [
        "import", "run", "runs", "sources", "quarantine", "check", "reconcile", "cost",
        "explain unallocated", "cost --by pool --distribution", "lines --period 2025-10",
        "groups --period 2025-10", "weights --period 2025-10", "ledger --period 2025-10",
    ]  # fmt: skip
    source = project.parent / "bill.csv"
    for line in lines:
        words = line.split() + ([str(source)] if line == "import" else [])
        ran = run(*words, "--project", project, "--format", "json")

        assert ran.code == 0, line
        assert isinstance(ran.json, dict | list), line
        assert ran.err == "", line


def test_same_input_gives_the_same_ledger(project: Path, run: Run) -> None:
    """A second run has another id and the same hash; one thread gives what four give."""
    first = run("run", "--project", project, "--format", "json").json
    before = figures(run, project)
    for options in ([], ["--threads", "1"], ["--threads", "4"]):
        again = run("run", "--project", project, "--format", "json", *options).json

        assert again["run"] != first["run"]
        assert again["ledger_hash"] == first["ledger_hash"]
        assert figures(run, project) == before


def test_order_of_rows_does_not_matter(project: Path, tmp_path: Path, run: Run) -> None:
    """A bill with its rows shuffled gives the same figures and the same hash."""
    first = run("run", "--project", project, "--format", "json").json
    other = tmp_path / "other"
    run("init", other)
    shutil.copy(project / "percapita.key", other)
    shuffled = random.Random(5).sample(ROWS, len(ROWS))  # noqa: S311 no secret
    (tmp_path / "mixed").mkdir()
    run("import", write(tmp_path / "mixed" / "bill.csv", shuffled), "--project", other)
    second = run("run", "--project", other, "--format", "json").json

    assert second["ledger_hash"] == first["ledger_hash"]
    assert figures(run, other) == figures(run, project)


def test_order_of_usage_does_not_matter(example: Path, tmp_path: Path, run: Run) -> None:
    """Shuffled usage, split over its users, gives the same hash at any number of threads."""
    hashes = set()
    for number, threads in enumerate((1, 4)):
        folder = tmp_path / str(number)
        shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".percapita"))
        header, *rows = (folder / "usage.csv").read_text(encoding="utf-8").splitlines()
        mixed = random.Random(number).sample(rows, len(rows))  # noqa: S311 no secret
        (folder / "usage.csv").write_text("\n".join([header, *mixed, ""]), encoding="utf-8")
        ran = run("run", "--project", folder, "--threads", threads, "--format", "json")
        hashes.add(ran.json["ledger_hash"])

    assert len(hashes) == 1


def test_importing_twice_changes_nothing(project: Path, run: Run) -> None:
    """The same file again is recognised by its content, and the figures stay."""
    run("run", "--project", project)
    before = figures(run, project)
    again = run(
        "import", project.parent / "bill.csv", "--project", project, "--format", "json"
    ).json
    run("run", "--project", project)

    assert [one["unchanged"] for one in again] == [True]
    assert figures(run, project) == before


def test_broken_row_is_set_aside(tmp_path: Path, run: Run) -> None:
    """A row that cannot be read is counted and listed, the exit code stays 0, the rest counts."""
    bad = (*charge(1, "oops")[:6], "oops", "oops", *charge(1, "1")[8:])
    folder = tmp_path / "acme"
    run("init", folder)
    bill = write(tmp_path / "bill.csv", [*ROWS, bad])
    taken = run("import", bill, "--project", folder, "--format", "json")
    ran = run("run", "--project", folder)
    listed = run("quarantine", "--project", folder, "--format", "json").json

    assert (taken.code, ran.code) == (0, 0)
    assert [one["quarantined"] for one in taken.json] == [1]
    assert [(row["row"], row["value"], row["code"]) for row in listed] == [
        (len(ROWS) + 1, "oops", "not-a-number")
    ]
    assert Decimal(figures(run, folder)["bill_total"]) == 2 * sum(map(Decimal, COSTS))


def test_findings_leave_with_1_where_asked(tmp_path: Path, run: Run) -> None:
    """``check --fail-on`` leaves with 1 for findings of that severity, and with 0 unasked."""
    bad = (*charge(1, "1")[:8], "", *charge(1, "1")[9:])
    folder = tmp_path / "acme"
    run("init", folder)
    run("import", write(tmp_path / "bill.csv", [*ROWS, bad]), "--project", folder)

    assert run("check", "--project", folder).code == 0
    assert run("check", "--project", folder, "--fail-on", "warning").code == 1
    assert run("check", "--project", folder, "--fail-on", "error").code == 0


def test_usage_errors_leave_with_2(project: Path, tmp_path: Path, run: Run) -> None:
    """What cannot be worked with leaves with 2 and says what to do, on standard error alone."""
    trials = {
        ("run", "--project", tmp_path / "nowhere"): "percapita init",
        ("import", tmp_path / "gone.csv", "--project", project): "gone.csv",
        ("cost", "--project", project): "percapita run",
        ("cost", "--by"): "--by",
        ("run", "--project", project, "--basis", "net"): "billed",
        ("frobnicate",): "frobnicate",
    }
    for arguments, said in trials.items():
        ran = run(*arguments)

        assert ran.code == 2, arguments
        assert ran.out == "", arguments
        assert said in ran.err, arguments
        assert "Traceback" not in ran.err, arguments


def test_error_inside_leaves_with_3(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of percapita itself leaves with 3, apart from errors of the input."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("percapita.pipeline.run", broken)
    ran = run("run", "--project", project, "--format", "json")

    assert ran.code == 3
    assert ran.out == ""
    assert "ZeroDivisionError" in ran.err


def test_broken_model_changes_nothing(project: Path, run: Run) -> None:
    """A model with an error stops the run with its line, and what was published stays."""
    run("run", "--project", project)
    before = figures(run, project)
    model = project / "model.yaml"
    model.write_text(model.read_text(encoding="utf-8") + "pols: []\n", encoding="utf-8")
    ran = run("run", "--project", project)

    assert ran.code == 2
    assert "model.yaml:" in ran.err
    assert "pools" in ran.err
    assert figures(run, project) == before
