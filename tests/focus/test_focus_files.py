"""``export focus`` as a user types it: columns of each version, kinds of rows, files."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invariants.folder import Inputs, Said, call, charge, made
from invariants.shop import monthly, shop
from percapita.report.focus.columns import SUMMABLE, of_version

COUNTS = {"1.2": 57, "1.3": 65, "1.4": 65}
"""How many columns Cost and Usage has."""
SPLIT = (
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName",
    "AllocatedTags",
)  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the shop, run for October."""
    return made(tmp_path_factory.mktemp("focus"), monthly(shop()))


def export(project: Path, out: str, *options: str) -> Said:
    """Export to a file of the project; it must end well."""
    said = call("export", "focus", "--out", project / out, *options, "--project", project)

    assert said.code == 0, said.err
    assert said.out == ""
    return said


def table(project: Path, out: str, *options: str) -> pa.Table:
    """Export to Parquet and read it."""
    export(project, out, *options)
    return pq.read_table(project / out)


@pytest.mark.parametrize("version", COUNTS)
def test_a_version_has_its_columns_and_custom_ones_last(project: Path, version: str) -> None:
    """FOCUS' columns come first, in the order of the specification; ours have the prefix x_."""
    names = table(
        project, f"{version}.parquet", "--version", version, "--rows", "origin"
    ).schema.names
    count = COUNTS[version]

    assert names[:count] == of_version(version) == sorted(names[:count])
    assert all(name.startswith("x_") for name in names[count:])


def test_versions_differ_as_focus_says() -> None:
    """1.3 adds split columns, providers and contracts; 1.4 drops the old provider names."""
    two, three, four = (set(of_version(version)) for version in COUNTS)

    assert three - two == {*SPLIT, "ContractApplied", "HostProviderName", "ServiceProviderName"}
    assert two - three == set()
    assert three - four == {"ProviderName", "PublisherName"}
    assert four - three == {"CommitmentProgramEligibilityDetails", "InvoiceDetailId"}


def test_split_columns_have_the_prefix_where_the_version_lacks_them(project: Path) -> None:
    """In 1.2 the split columns are custom ones, in 1.3 FOCUS' own."""
    options = ("--rows", "allocated", "--version")
    old = table(project, "a2.parquet", *options, "1.2")
    new = table(project, "a3.parquet", *options, "1.3")

    for name in SPLIT:
        assert name not in old.schema.names
        assert old.column(f"x_{name}").to_pylist() == new.column(name).to_pylist()


def test_parquet_has_exact_types(project: Path) -> None:
    """Amounts are decimals, times are instants in UTC, tags are JSON or, if asked, a map."""
    plain = table(project, "j.parquet", "--rows", "origin").schema
    mapped = table(project, "m.parquet", "--rows", "origin", "--tags", "map").schema

    assert plain.field("BilledCost").type == pa.decimal128(36, 18)
    assert plain.field("ChargePeriodStart").type == pa.timestamp("us", tz="UTC")
    assert plain.field("Tags").type == pa.string()
    assert mapped.field("Tags").type == pa.map_(pa.string(), pa.string())


@pytest.mark.parametrize("options", [(), ("--by", "tier"), ("--no-fill",)])
def test_rows_of_a_line_sum_to_it(project: Path, options: tuple[str, ...]) -> None:
    """Every summable column of the allocated rows of a line sums to the origin's, exactly."""
    filled = [option for option in options if option == "--no-fill"]
    origin = table(project, "o.parquet", "--rows", "origin", *filled).to_pylist()
    cut = table(project, "a.parquet", "--rows", "allocated", *options).to_pylist()
    sums: dict[tuple[str, str], Decimal] = {}
    for row in cut:
        for name in SUMMABLE:
            if row[name] is not None:
                key = (row["x_OriginChargeId"], name)
                sums[key] = sums.get(key, Decimal(0)) + row[name]

    assert sums == {
        (row["x_OriginChargeId"], name): row[name]
        for row in origin
        for name in SUMMABLE
        if row[name] is not None
    }
    assert len(cut) > len(origin)


def test_an_allocated_row_keeps_what_is_not_summable(project: Path) -> None:
    """Dimensions, unit prices and tags of an allocated row are its origin's."""
    known = {
        row["x_OriginChargeId"]: row
        for row in table(project, "o.parquet", "--rows", "origin").to_pylist()
    }
    same = [name for name in of_version("1.3") if name not in (*SUMMABLE, *SPLIT)]
    for row in table(project, "a.parquet", "--rows", "allocated").to_pylist():
        assert [row[name] for name in same] == [
            known[row["x_OriginChargeId"]][name] for name in same
        ]


def test_an_allocated_row_names_nobody(project: Path) -> None:
    """A user is a pseudonym, usage of nobody is anonymous, what no receiver has carries no id."""
    export(project, "a.csv", "--rows", "allocated")
    text = (project / "a.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    by_kind: dict[str, set[str]] = {}
    for row in rows:
        kind = json.loads(row["AllocatedTags"])["percapita/kind"]
        by_kind.setdefault(kind, set()).add(row["AllocatedResourceId"])

    assert not any(name in text for name in ("ann", "bob", "crawler"))
    assert by_kind["anonymous"] == {"anonymous"}
    assert by_kind["idle"] == by_kind["unallocated"] == by_kind["excluded"] == {""}
    assert all(len(name) == 32 for name in by_kind["user"] | by_kind["bot"])


def test_a_segment_stands_for_its_users(project: Path) -> None:
    """By tier the rows of a line have what those of its users sum to, and its ratios sum to 1."""
    users = table(project, "u.parquet", "--rows", "allocated", "--version", "1.3").to_pylist()
    tiers = table(project, "t.parquet", "--rows", "allocated", "--by", "tier").to_pylist()
    wanted: dict[tuple[str, str], Decimal] = {}
    for row in users:
        tags = json.loads(row["AllocatedTags"])
        kind = tags["percapita/kind"]
        name = tags.get("percapita/tier", "not known") if kind == "user" else kind
        key = (row["x_OriginChargeId"], name)
        wanted[key] = wanted.get(key, Decimal(0)) + row["EffectiveCost"]
    found: dict[tuple[str, str], Decimal] = {}
    ratios: dict[str, Decimal] = {}
    for row in tiers:
        line = row["x_OriginChargeId"]
        name = row["AllocatedResourceId"] or json.loads(row["AllocatedTags"])["percapita/kind"]
        assert (line, name) not in found
        found[line, name] = row["EffectiveCost"]
        details = json.loads(row["AllocatedMethodDetails"], parse_float=Decimal)["Elements"]
        shares = [Decimal(element["AllocatedRatio"]) for element in details]
        ratios[line] = ratios.get(line, Decimal(0)) + sum(shares)

    assert {key: cost for key, cost in found.items() if cost} == {
        key: cost for key, cost in wanted.items() if cost
    }
    assert set(ratios.values()) == {1}
    assert len(tiers) < len(users)


def test_only_segments_of_the_model_cut_rows(project: Path) -> None:
    """A name that is no segment is refused with the nearest one, and so are rows uncut."""
    command = ("export", "focus", "--out", project / "no.csv", "--project", project, "--rows")
    wrong = call(*command, "allocated", "--by", "teir")

    assert (wrong.code, call(*command, "origin", "--by", "tier").code) == (2, 2)
    assert "Did you mean tier?" in wrong.err
    assert not (project / "no.csv").exists()


def test_csv_and_parquet_say_the_same(project: Path) -> None:
    """CSV holds plain digits, UTC and empty nulls; gzipped twice it is the same bytes."""
    export(project, "x.csv.gz", "--rows", "origin")
    first = (project / "x.csv.gz").read_bytes()
    export(project, "x.csv.gz", "--rows", "origin")
    rows = list(csv.DictReader(gzip.decompress(first).decode().splitlines()))
    stored = table(project, "x.parquet", "--rows", "origin").to_pylist()

    assert first == (project / "x.csv.gz").read_bytes()
    assert [Decimal(row["BilledCost"]) for row in rows] == [row["BilledCost"] for row in stored]
    assert all(
        row["ChargePeriodStart"] == f"{other['ChargePeriodStart']:%Y-%m-%dT%H:%M:%SZ}"
        and (row["ChargeClass"] or None) == other["ChargeClass"]
        and "E" not in row["EffectiveCost"]
        for row, other in zip(rows, stored, strict=True)
    )


def test_what_was_filled_is_said(project: Path) -> None:
    """A cost that the bill left empty is filled, and the row names it and what the bill had."""
    rows = table(project, "o.parquet", "--rows", "origin").to_pylist()
    (line,) = [
        row for row in rows if row["ListCost"] == Decimal("70.5") and row["EffectiveCost"] > 300
    ]
    filled: dict[str, Any] = json.loads(line["x_FilledColumns"])

    assert line["ContractedCost"] == line["EffectiveCost"]
    assert filled["ContractedCost"] is None
    assert "ListCost" not in filled


def test_what_the_bill_leaves_open_can_stay_open(project: Path) -> None:
    """With --no-fill nothing is filled, and no column says what was."""
    origin = table(project, "n.parquet", "--rows", "origin", "--no-fill").to_pylist()
    filled = table(project, "o.parquet", "--rows", "origin").to_pylist()
    said = {row["x_OriginChargeId"]: json.loads(row["x_FilledColumns"] or "{}") for row in filled}

    assert "x_FilledColumns" not in origin[0]
    for row in origin:
        had = said[row["x_OriginChargeId"]]
        assert all(row[name] is None for name, value in had.items() if value is None)


def test_who_bills_sells_and_has_an_invoice(tmp_path: Path) -> None:
    """A marketplace that bills is the seller; a charge without invoice has a provisional one."""
    days = ("2025-10-01T00:00:00Z", "2025-10-02T00:00:00Z")
    lines = [
        charge("appliance", "9", *days, ProviderName="Redcap", InvoiceIssuerName="Nimbus",
               PublisherName="Redcap"),
        charge("trial", "0", *days, ProviderName="Redcap", InvoiceIssuerName="Nimbus",
               PublisherName="Redcap", InvoiceId="N-7"),
    ]  # fmt: skip
    folder = made(tmp_path / "p", Inputs("version: 1\ncurrency: USD\nunits: {u: {subject: user}}\n",
                                         lines))  # fmt: skip
    rows = {
        row["ServiceName"]: row
        for row in table(folder, "o.parquet", "--version", "1.2", "--rows", "origin").to_pylist()
    }
    columns = ("ProviderName", "PublisherName", "InvoiceId")

    assert [rows["appliance"][name] for name in columns] == [
        "Nimbus", "Redcap", "provisional Nimbus 2025-10",
    ]  # fmt: skip
    assert [rows["trial"][name] for name in columns] == ["Redcap", "Redcap", "N-7"]
    assert json.loads(rows["appliance"]["x_FilledColumns"])["InvoiceId"] is None


def test_a_file_of_no_format_is_refused(project: Path) -> None:
    """A name that ends in no known format is refused before anything is read."""
    said = call("export", "focus", "--rows", "origin", "--out", "a.xls", "--project", project)

    assert said.code == 2
    assert ".parquet" in said.err


def test_one_file_holds_one_kind_of_row(project: Path) -> None:
    """The kind of row has no default and takes one value."""
    assert call("export", "focus", "--out", "a.csv", "--project", project).code == 2
