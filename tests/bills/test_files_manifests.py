"""Folders with manifests: of each month the files that count, once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest

from bills.bill_texts import Read, text
from percapita.core.errors import InputError

OLD = "00000001-0000-4000-8000-000000000000"
NEW = "00000002-0000-4000-8000-000000000000"


def _bill(cost: str) -> str:
    return text([{"BilledCost": cost}])


def _manifest(*keys: str, **said: object) -> str:
    return json.dumps({"reportKeys": list(keys), "reportName": "cur", **said})


def _export(*files: str, **said: object) -> str:
    return json.dumps({"dataFiles": [f"s3://bucket/{name}" for name in files], **said})


def _billed(read: Read, files: Mapping[str, str | bytes], **said: object) -> Decimal:
    return Decimal(read(files, **said).sums["USD"]["billed"])


MONTH = "pfx/cur/20251001-20251101"
LEGACY = {
    f"{MONTH}/{OLD}/cur-1.csv": _bill("100"),
    f"{MONTH}/{OLD}/cur-Manifest.json": _manifest(f"{MONTH}/{OLD}/cur-1.csv"),
    f"{MONTH}/{NEW}/cur-1.csv": _bill("1"),
    f"{MONTH}/{NEW}/cur-2.csv": _bill("2"),
    f"{MONTH}/{NEW}/cur-Manifest.json": _manifest(
        f"{MONTH}/{NEW}/cur-1.csv", f"{MONTH}/{NEW}/cur-2.csv"
    ),
    f"{MONTH}/cur-Manifest.json": _manifest(f"{MONTH}/{NEW}/cur-1.csv", f"{MONTH}/{NEW}/cur-2.csv"),
}


def test_newest_assembly_counts_once(read: Read) -> None:
    """The manifest in the month's folder says which assembly counts; its copy adds nothing."""
    made = read(LEGACY)

    assert Decimal(made.sums["USD"]["billed"]) == 3
    assert "1 file was left aside: the manifests name newer ones for the same months." in made.notes


@pytest.mark.parametrize("above", ["pfx/cur/", "pfx/", f"{MONTH}/", ""])
def test_a_part_of_the_bucket_is_enough(read: Read, above: str) -> None:
    """Files are found by as much of their keys as was copied."""
    copied = {name.removeprefix(above): content for name, content in LEGACY.items()}

    assert _billed(read, copied) == 3


def test_one_assembly_alone(read: Read) -> None:
    """The folder of a single assembly is a delivery, too."""
    folder = f"{MONTH}/{OLD}/"
    copied = {n.removeprefix(folder): c for n, c in LEGACY.items() if n.startswith(folder)}

    assert _billed(read, copied) == 100


def test_older_assembly_without_its_manifest(read: Read) -> None:
    """What lies in a month's folder and is named by no manifest of it is of an older assembly."""
    copied = {n: c for n, c in LEGACY.items() if n != f"{MONTH}/{OLD}/cur-Manifest.json"}

    assert _billed(read, copied) == 3


def test_months_with_and_without_manifest(read: Read) -> None:
    """A month folder without a manifest counts whole, beside one that has one."""
    other = {"pfx/cur/20251101-20251201/a.csv": _bill("5"), "vendor.csv": _bill("7")}

    assert _billed(read, {**LEGACY, **other}) == 15


def test_a_manifest_as_path(read: Read) -> None:
    """The manifest itself names the delivery."""
    read(LEGACY)

    assert _billed(read, {}, path=f"bills/{MONTH}/{OLD}/cur-Manifest.json") == 100
    assert _billed(read, {}, path=f"bills/{MONTH}/cur-Manifest.json") == 3


def test_two_reports_in_one_folder(read: Read) -> None:
    """Reports of the same month, of two accounts or names, both count."""
    files = {
        "a/20251001-20251101/a-1.csv": _bill("1"),
        "a/20251001-20251101/a-Manifest.json": _manifest("a/20251001-20251101/a-1.csv"),
        "b/20251001-20251101/b-1.csv": _bill("2"),
        "b/20251001-20251101/b-Manifest.json": _manifest(
            "b/20251001-20251101/b-1.csv", reportName="b"
        ),
    }

    assert _billed(read, files) == 3


@pytest.mark.parametrize("inner", ["", "2025-10-03T01:00:00Z-1f/"])
def test_data_exports(read: Read, inner: str) -> None:
    """Manifests of Data Exports lie in a folder of their own, apart from the data."""
    data, metadata = "x/data/BILLING_PERIOD=2025-10", "x/metadata/BILLING_PERIOD=2025-10"
    files = {
        f"{data}/{inner}x-00001.csv": _bill("1"),
        f"{data}/2025-10-02T01:00:00Z-0a/x-00001.csv": _bill("100"),
        f"{metadata}/{inner}x-Manifest.json": _export(f"pfx/{data}/{inner}x-00001.csv"),
        f"{metadata}/2025-10-02T01:00:00Z-0a/x-Manifest.json": _export(
            f"pfx/{data}/2025-10-02T01:00:00Z-0a/x-00001.csv"
        ),
    }

    assert _billed(read, files) == 1


def test_report_for_athena(read: Read) -> None:
    """In a report for Athena the manifest lies beside the folders of years and months."""
    data = "r/r/r/year=2025/month=10"
    key = f"{data}/r-1.csv"
    files = {
        key: _bill("1"),
        f"{data}/r-2.csv": _bill("100"),
        "r/r/20251001-20251101/r-Manifest.json": _manifest(f"r/{key}"),
        "r/r/r/cost_and_usage_data_status/status.csv": "status\nREADY\n",
    }

    assert _billed(read, files) == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {k: c for k, c in LEGACY.items() if k != f"{MONTH}/{NEW}/cur-2.csv"},
            f"(?s){MONTH}/cur-Manifest.json names the file .*/{NEW}/cur-2.csv, which is not there",
        ),
        (
            {k: c for k, c in LEGACY.items() if k != f"{MONTH}/cur-Manifest.json"},
            "holds several assemblies of one month",
        ),
        (
            {k: c for k, c in LEGACY.items() if k.endswith("csv")},
            "(?s)holds several assemblies of one month.*Copy the month's manifest",
        ),
        ({"a.csv": _bill("1"), "cur-Manifest.json": '{"reportKeys": ['}, "no manifest that can be"),
        ({"a.csv": _bill("1"), "cur-Manifest.json": b"\xff\xfe{}"}, "no manifest that can be"),
        ({"cur-Manifest.json": _manifest()}, "No file at"),
    ],
)
def test_manifests_that_cannot_be_followed(
    read: Read, files: Mapping[str, str | bytes], said: str
) -> None:
    """Missing files, unclear assemblies and broken manifests stop the import, with the way out."""
    with pytest.raises(InputError, match=said):
        read(files)


def test_a_manifest_as_path_that_misses_a_file(read: Read) -> None:
    """A manifest that is named itself must find its files as well."""
    files = {"cur-Manifest.json": _manifest("x/cur-1.csv"), "cur-2.csv": _bill("1")}
    with pytest.raises(InputError, match=r"names the file x/cur-1\.csv, which is not there"):
        read(files, path="bills/cur-Manifest.json")


@pytest.mark.parametrize("said", [{}, [], {"fileLocations": []}, {"reportKeys": "x"}])
def test_other_manifests_are_passed_over(read: Read, said: Sequence[str] | object) -> None:
    """Manifests for other programs name no files of ours."""
    files = {"a.csv": _bill("1"), "cur-QuickSightManifest.json": json.dumps(said)}

    assert _billed(read, files) == 1
