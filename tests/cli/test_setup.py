"""``init``, ``import``, ``sources`` and ``quarantine`` from the command line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run

BILL = """\
BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,\
ListCost,ContractedCost,BillingCurrency,ChargeCategory,ServiceName,BillingAccountId
2025-10-01,2025-11-01,2025-10-01,2025-10-02,1.5,1.25,2,1.5,{currency},Usage,Machines,a
2025-10-01,2025-11-01,2025-10-02,2025-10-03,oops,1.25,2,1.5,{currency},Usage,Machines,a
2025-10-01,2025-11-01,2025-10-03,2025-10-04,0.5,0.5,1,0.5,{currency},Usage,Disks,a
"""
USAGE = "day,user,meter,quantity\n2025-10-03,ann,q,4\n2025-10-03,bob@example.org,q,four\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a fresh folder, at a fixed time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T12:00:00Z")
    Path("bill.csv").write_text(BILL.format(currency="EUR"))
    Path("usage.csv").write_text(USAGE)


def read(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:  # noqa: ANN401
    """Run a verb that prints JSON, and nothing else, and return it."""
    capsys.readouterr()
    assert run([*arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_import_says_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, rows set aside and exact sums are reported; broken rows leave the exit code 0."""
    run(["init", "p"])
    (taken,) = read(capsys, "import", "bill.csv", "--project", "p")

    assert (taken["source"], taken["kind"]) == ("bill.csv", "bill")
    assert (taken["rows"], taken["quarantined"], taken["unchanged"]) == (2, 1, False)
    assert taken["sums"] == {
        "EUR": {"billed": "2.00", "effective": "1.75", "contracted": "2.00", "list": "3.00"}
    }


def test_import_finds_out_what_a_file_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Bills and signals are told apart by their columns, each in one command."""
    run(["init", "p"])
    taken = read(capsys, "import", "bill.csv", "usage.csv", "--project", "p")

    assert [one["kind"] for one in taken] == ["bill", "readings"]


def test_the_default_model_takes_over_the_currency(capsys: pytest.CaptureFixture[str]) -> None:
    """init, import and run go on with a bill in one currency that is not USD."""
    run(["init", "p"])
    assert run(["import", "bill.csv", "--project", "p"]) == 0

    assert "currency is now EUR" in capsys.readouterr().out
    assert "\ncurrency: EUR\n" in Path("p/model.yaml").read_text()


def test_importing_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The second import of one content is recognised, however its path is written."""
    run(["init", "p"])
    (first,) = read(capsys, "import", "bill.csv", "--project", "p")
    (second,) = read(capsys, "import", "./bill.csv", "--project", "p")

    assert second["unchanged"]
    assert second["import"] == first["import"]


def test_a_bill_that_init_read_is_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that percapita.yaml names is imported as the source of that name."""
    run(["init", "p", "--bill", "bill.csv"])
    (taken,) = read(capsys, "import", "bill.csv", "--project", "p")
    (again,) = read(capsys, "import", "--project", "p")

    assert taken["source"] == "bill"
    assert again["unchanged"]


def test_one_content_under_two_names_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The same files as another source would count twice, unless that is meant."""
    run(["init", "p"])
    run(["import", "bill.csv", "--project", "p"])
    Path("copy.csv").write_bytes(Path("bill.csv").read_bytes())

    assert run(["import", "copy.csv", "--project", "p"]) == 2
    assert "--again" in capsys.readouterr().err
    assert run(["import", "copy.csv", "--again", "--project", "p"]) == 0


def test_columns_can_be_mapped_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """--map, --kind, --unit and --source describe a file, and are remembered for the next one."""
    run(["init", "p"])
    Path("w.csv").write_text("when,who,load\n2025-10-03,ann,1.5\n")
    options = ["--map", "time=when", "--map", "user=who", "--kind", "readings", "--unit", "h"]
    (taken,) = read(capsys, "import", "w.csv", "--source", "load", *options, "--project", "p")
    Path("w.csv").write_text("when,who,load\n2025-10-03,ann,2.5\n")
    (again,) = read(capsys, "import", "w.csv", "--project", "p")

    assert (taken["source"], taken["rows"]) == ("load", 1)
    assert (again["source"], again["unchanged"]) == ("load", False)


def test_a_source_has_one_path(capsys: pytest.CaptureFixture[str]) -> None:
    """--source with several paths is a usage error, as is a mapping without a sign."""
    run(["init", "p"])
    assert run(["import", "a", "b", "--source", "x", "--project", "p"]) == 2
    assert run(["import", "usage.csv", "--map", "time", "--project", "p"]) == 2
    assert "OURS=THEIRS" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["missing.csv", "strange.csv"])
def test_what_cannot_be_imported_changes_nothing(
    capsys: pytest.CaptureFixture[str], file: str
) -> None:
    """A missing or unknown file leaves with code 2, a reason, and nothing imported."""
    run(["init", "p"])
    Path("strange.csv").write_text("a,b\n1,2\n")

    assert run(["import", file, "--project", "p"]) == 2
    assert file in capsys.readouterr().err
    assert read(capsys, "sources", "--project", "p") == []


def test_sources_show_what_counts_now(capsys: pytest.CaptureFixture[str]) -> None:
    """After a restatement the old delivery is listed as replaced, and only the new one sums."""
    run(["init", "p"])
    run(["import", "bill.csv", "--project", "p"])
    Path("bill.csv").write_text(BILL.format(currency="EUR").replace("oops", "3"))
    run(["import", "bill.csv", "--project", "p"])
    old, new = read(capsys, "sources", "--project", "p")

    assert (old["state"], old["rows"], old["sums"]) == ("replaced", 0, {})
    assert (new["state"], new["rows"], new["quarantined"]) == ("live", 3, 0)
    assert new["sums"]["EUR"]["billed"] == "5.00"
    assert new["files"][0]["path"].endswith("bill.csv")


def test_sources_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    """Each currency of each delivery is one row."""
    run(["init", "p"])
    run(["import", "bill.csv", "usage.csv", "--project", "p"])
    capsys.readouterr()
    run(["sources", "--project", "p", "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    assert [(row["source"], row["currency"], row["effective"]) for row in rows] == [
        ("bill.csv", "EUR", "1.75"),
        ("usage.csv", "", ""),
    ]


def test_broken_rows_are_listed_without_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """Each broken row says where, what and why; nothing of the list names a person."""
    run(["init", "p"])
    run(["import", "bill.csv", "usage.csv", "--project", "p"])
    of_bill, of_usage = read(capsys, "quarantine", "--project", "p")

    assert (of_bill["row"], of_bill["column"], of_bill["value"]) == (2, "BilledCost", "oops")
    assert (of_usage["source"], of_usage["row"], of_usage["value"]) == ("usage.csv", 2, "four")
    assert of_usage["fix"]
    assert "bob" not in str(of_usage)


def test_broken_rows_are_read_again_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    """--rows shows the rows as they stand in their files, for who has the files."""
    run(["init", "p"])
    run(["import", "bill.csv", "usage.csv", "--project", "p"])
    (row,) = read(capsys, "quarantine", "--source", "usage.csv", "--rows", "--project", "p")
    assert row["text"] == "2025-10-03,bob@example.org,q,four"

    Path("usage.csv").unlink()
    (gone,) = read(capsys, "quarantine", "--source", "usage.csv", "--rows", "--project", "p")
    assert gone["text"] == ""


@pytest.mark.parametrize("inner", [("a.csv",), ("a.csv", "b.csv"), ("a.csv.gz", "b.csv")])
def test_broken_rows_inside_archives_are_read_again(
    capsys: pytest.CaptureFixture[str], inner: tuple[str, ...]
) -> None:
    """--rows finds the tables that a zip archive holds, one or several, packed or not."""
    run(["init", "p"])
    bill = Path("bill.csv").read_text()
    with zipfile.ZipFile("bill.zip", "w") as archive:
        for number, name in enumerate(inner):
            content = bill.replace("oops", f"oops{number}").encode()
            archive.writestr(name, gzip.compress(content) if name.endswith("gz") else content)
    run(["import", "bill.zip", "--project", "p", "--again"])
    rows = read(capsys, "quarantine", "--rows", "--project", "p")

    assert [f"oops{n}" in row["text"] for n, row in enumerate(rows)] == [True] * len(inner)


def test_an_unknown_source_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt source is an error with the nearest name, not an empty list."""
    run(["init", "p"])
    run(["import", "usage.csv", "--project", "p"])

    assert run(["quarantine", "--source", "usage.cvs", "--project", "p"]) == 2
    assert "Did you mean usage.csv" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["import", "sources", "quarantine"])
def test_without_a_project_every_verb_says_how_to_start(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """The way out of a folder without a project is percapita init."""
    assert run([verb]) == 2
    assert "percapita init" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["init", "import", "sources", "quarantine"])
def test_every_verb_shows_examples(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """--help ends in commands that can be typed."""
    run([verb, "--help"])

    assert f"\n    percapita {verb}" in capsys.readouterr().out


def test_the_text_tells_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    """The tables name what was taken and point at the rows that were set aside."""
    run(["init", "p"])
    run(["import", "bill.csv", "--project", "p"])
    run(["sources", "--project", "p"])
    run(["quarantine", "--project", "p"])
    out = capsys.readouterr().out

    assert "Next: edit p/model.yaml; percapita import BILL --project p" in out
    assert "1 row was set aside: see percapita quarantine." in out
    assert f"bill.csv: {Path.cwd()}/bill.csv, row 2, column BilledCost" in out
