"""``percapita tags``: coverage over time, wrong values, the map of resources, drift."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from invariants.folder import Inputs, ask, call, charge, write

MODEL = "version: 1\ncurrency: USD\nunits: {active user: {subject: user}}\n"
OCTOBER = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
NOVEMBER = ("2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z")
LINES = [
    charge("db", "60", *OCTOBER, ResourceId="a", tags={"Environment": "prod", "Team": "data"}),
    charge("db", "20", *OCTOBER, ResourceId="a", tags={"Environment": "prod"}),
    charge("web", "20", *OCTOBER, ResourceId="b", tags={"Environment": "Live"}),
    charge("web", "-50", *OCTOBER, ResourceId="b", ChargeCategory="Credit"),
    charge("db", "50", *NOVEMBER, ResourceId="a", tags={"Environment": "prod", "Team": "apps"}),
    charge("web", "50", *NOVEMBER, ResourceId="b", tags={"Environment": "prodd", "team": "web"}),
    charge("web", "7", *NOVEMBER, ResourceId="c", BillingCurrency="EUR", tags={"Team": "apps"}),
]
TAXONOMY = "required: [Environment, Team]\nvalues: {Environment: [prod, dev]}\n"
MAP = (
    "resource type,usage pattern,tagging status,attribution method\ndb,shared,untagged,by queries\n"
)


def project(folder: Path, taxonomy: str = TAXONOMY) -> Path:
    """Write a project and take its bill in."""
    write(folder, Inputs(MODEL, LINES))
    (folder / "taxonomy.yaml").write_text(taxonomy, encoding="utf-8")
    (folder / "resource_map.csv").write_text(MAP, encoding="utf-8")
    ask(folder, "import")
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with tags of every quality. Nobody may change it."""
    return project(tmp_path_factory.mktemp("tags"))


def rows(folder: Path, question: str) -> list[dict[str, str]]:
    """Return the rows of a command's CSV."""
    said = call(*question.split(), "--project", folder, "--format", "csv")

    assert said.code == 0, said.err
    return list(csv.DictReader(io.StringIO(said.out)))


def test_coverage_is_by_month_by_spend_and_by_resources(shop: Path) -> None:
    """A resource is tagged if a charge of its is; spend is what carries the tag itself."""
    months = {month["month"]: month for month in ask(shop, "tags")["months"]}

    assert list(months) == ["2025-10", "2025-11", "all"]
    october = months["2025-10"]
    assert (october["spend"], october["tagged_spend"], october["by_spend"]) == (
        "100.00", "60.00", "60.00",
    )  # fmt: skip
    assert (october["resources"], october["tagged_resources"]) == (2, 1)
    assert october["keys"]["Environment"]["by_spend"] == "80.00"
    assert october["keys"]["Team"]["tagged_spend"] == "60.00"
    assert months["all"]["by_spend"] == "55.00"
    assert months["all"]["resources"] == 2


def test_coverage_is_cut_by_service_and_team_or_as_asked(shop: Path) -> None:
    """Each cut has every month and all of them, and sums to the whole."""
    by = ask(shop, "tags")["by"]

    assert list(by) == ["service", "tags.Team"]
    whole = {row["value"]: row["spend"] for row in by["tags.Team"] if row["month"] == "all"}
    assert whole == {None: "90.00", "apps": "50.00", "data": "60.00"}
    flat = rows(shop, "tags --by account --period 2025-10")
    assert {row["cut"] for row in flat} == {"", "account"}
    assert {row["month"] for row in flat} == {"2025-10", "all"}
    assert {row["key"] for row in flat} == {"all", "Environment", "Team"}


def test_coverage_by_a_column_of_the_bill(tmp_path: Path) -> None:
    """A cut by a column of the file's own is that column, whatever case its neighbours have."""
    write(
        tmp_path,
        Inputs(
            MODEL,
            [
                charge("db", "6", *OCTOBER, x_Team="data", x_team="a", tags={"Environment": "dev"}),
                charge("db", "4", *OCTOBER, x_Team="web", x_team="b"),
                charge("db", "3", *OCTOBER),
            ],
        ),
    )
    (tmp_path / "taxonomy.yaml").write_text(TAXONOMY, encoding="utf-8")
    ask(tmp_path, "import")

    by = ask(tmp_path, "tags", "--by", "x_Team", "--by", "x_team")["by"]
    spend = {
        cut: {row["value"]: row["spend"] for row in found if row["month"] == "all"}
        for cut, found in by.items()
    }
    assert spend == {
        "x_Team": {None: "3.00", "data": "6.00", "web": "4.00"},
        "x_team": {None: "3.00", "a": "6.00", "b": "4.00"},
    }


def test_wrong_values_come_with_the_one_meant(shop: Path) -> None:
    """Values that the taxonomy does not list, most spend first, and other spellings of a key."""
    found = ask(shop, "tags")

    assert [(v["value"], v["meant"], v["spend"], v["first"]) for v in found["values"]] == [
        ("prodd", "prod", "50.00", "2025-11"), ("Live", None, "20.00", "2025-10"),
    ]  # fmt: skip
    assert found["also_written"] == {"Team": ["team"]}
    text = call("tags", "--project", shop).out
    assert "Team is also written team" in text
    assert "prodd" in text


def test_coverage_is_what_check_says(shop: Path) -> None:
    """Both ask the same question."""
    tags, check = ask(shop, "tags")["months"][-1], ask(shop, "check")["tags"]

    assert {name: tags[name] for name in ("spend", "tagged_spend", "by_spend", "by_resources")} == {
        name: check[name] for name in ("spend", "tagged_spend", "by_spend", "by_resources")
    }


def test_other_currencies_count_as_soon_as_there_is_a_rate(tmp_path: Path) -> None:
    """Lines are converted without a run; without a rate they stay apart."""
    folder = project(tmp_path)
    assert ask(folder, "tags")["months"][-1]["spend"] == "200.00"
    (folder / "rates.csv").write_text("date,from,to,rate\n2025-11-30,EUR,USD,2\n", "utf-8")
    with (folder / "percapita.yaml").open("a", encoding="utf-8") as file:
        file.write("rates: rates.csv\n")

    assert ask(folder, "tags")["months"][-1]["spend"] == "214.00"
    assert ask(folder, "check")["tags"]["spend"] == "214.00"


def test_rules_act_on_coverage(tmp_path: Path) -> None:
    """Coverage reads the tags after the rules of now."""
    folder = project(tmp_path)
    rules = "rules: [{set: {Environment: {column: tags.Environment, values: {prodd: prod}}}}]"
    (folder / "tags.yaml").write_text(rules, encoding="utf-8")

    assert [one["value"] for one in ask(folder, "tags")["values"]] == ["Live"]


def test_the_map_shows_bill_and_map_side_by_side(shop: Path) -> None:
    """Every type on the bill, with what the map says of it, or that it does not."""
    db, web = rows(shop, "tags map")

    assert (db["type"], db["usage_pattern"], db["attribution_method"]) == (
        "db", "shared", "by queries",
    )  # fmt: skip
    assert (db["tagging_status"], db["tagging_status_in_map"]) == ("tagged", "untagged")
    assert (db["required_by_spend"], db["mapped"], web["mapped"]) == (
        "84.615384615385",
        "yes",
        "no",
    )


def test_drift_names_each_tag_that_changed(shop: Path) -> None:
    """Resources charged in both months whose tags differ, and types unlike the map."""
    found = ask(shop, "tags drift")

    assert (found["from"], found["to"]) == ("2025-10", "2025-11")
    said = [(c["resource"], c["key"], c["before"], c["after"]) for c in found["changes"]]
    assert said == [("a", "Team", "data", "apps"), ("b", "Environment", "Live", "prodd")]
    assert {c["change"] for c in found["changes"]} == {"changed"}
    assert [one["type"] for one in found["map"]] == ["db", "web"]
    every = ask(shop, "tags drift --all-keys")["changes"]
    assert ("b", "team", "added") in {(c["resource"], c["key"], c["change"]) for c in every}
    assert call("tags", "drift", "--fail-on-drift", "--project", shop).code == 1


def test_drift_needs_two_months(shop: Path) -> None:
    """A month without a bill cannot be compared, and the message names those there are."""
    said = call("tags", "drift", "--from", "2025-08", "--to", "2025-11", "--project", shop)

    assert said.code == 2
    assert "Known: 2025-10, 2025-11" in said.err


def test_without_a_taxonomy_nothing_is_required(tmp_path: Path) -> None:
    """Coverage says what to write."""
    folder = project(tmp_path, "required: []\n")

    said = call("tags", "--project", folder)
    assert said.code == 2
    assert "taxonomy.yaml" in said.err
