"""Virtual tags act wherever a tag is read, and can be told from the bill's own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import Inputs, amounts, ask, call, charge, usage, write

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
pools:
  - {pool: development, match: {tags.Environment: [dev, test]}, exclude: true}
  - {pool: data, match: {tags.Team: data}, by: queries, grain: month}
"""
RULES = """
rules:
  - name: spelling
    set: {Environment: {column: tags.env, values: {prd: prod, DEVEL: dev}}}
  - name: case
    set: {Environment: {column: tags.env, case: lower}}
  - name: data team
    match: {ServiceName: ["db*"], tags.Team: absent}
    set: {Team: data}
  - name: warehouse until november
    match: {ServiceName: warehouse}
    to: 2025-10-31
    set: {Team: data}
  - name: too late
    set: {Environment: {column: tags.Team, values: {data: never}}, Team: {column: x_owner}}
"""
SPAN = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
LATER = ("2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z")
LINES = [
    charge("db-main", "10", *SPAN, ResourceId="1", tags={"env": "PRD "}),
    charge("db-main", "20", *SPAN, ResourceId="2", tags={"env": "Devel", "Team": "apps"}),
    charge("web", "40", *SPAN, ResourceId="3", tags={"env": "Test", "Environment": "T"}),
    charge("web", "80", *SPAN, ResourceId="4", owner="ops"),
    charge("warehouse", "160", *SPAN, ResourceId="5"),
    charge("warehouse", "320", *LATER, ResourceId="6"),
]
USED = usage(("2025-10", "queries", "ann", 3), ("2025-11", "queries", "bob", 4))
PERIODS = "--period 2025-10..2025-11"


def project(folder: Path, rules: str = RULES) -> Path:
    """Write a project with tag rules."""
    write(folder, Inputs(MODEL, LINES, USED))
    (folder / "tags.yaml").write_text(rules, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project that was run under the rules. Nobody may change it."""
    folder = project(tmp_path_factory.mktemp("rules"))
    ask(folder, "run")
    return folder


def test_rules_supply_and_normalise_values_first_rule_first(shop: Path) -> None:
    """Synonyms, case, dates and matches; the first rule with a value wins, key by key."""
    lines = {r["ResourceId"]: r["Tags"] or {} for r in ask(shop, f"lines {PERIODS}")}

    assert lines["1"] == {"env": "PRD ", "Environment": "prod", "Team": "data",
                          "rule.Environment": "spelling", "rule.Team": "data team"}  # fmt: skip
    assert lines["2"] == {"env": "Devel", "Environment": "dev", "Team": "apps",
                          "rule.Environment": "spelling"}  # fmt: skip
    assert lines["3"] == {"env": "Test", "Environment": "test", "raw.Environment": "T",
                          "rule.Environment": "case"}  # fmt: skip
    assert lines["4"] == {"Team": "ops", "rule.Team": "too late"}
    assert lines["5"]["rule.Team"] == "warehouse until november"
    assert lines["6"] == {}


def test_pools_cost_and_its_filters_read_the_virtual_tags(shop: Path) -> None:
    """The model matches them, and cost is cut by them, the bill's own value included."""
    pools = {row["pool"]: Decimal(row["bill_total"]) for row in ask(shop, "reconcile")["pools"]}
    by_team = ask(shop, "cost --by tags.Environment")

    assert pools == {"development": 60, "data": 170, "unallocated": 400}
    assert amounts(by_team["rows"], "tags.Environment")["prod"] == 10
    assert by_team["classes"]["excluded"] == "60.00"


def test_explain_names_the_rule_and_the_original(shop: Path) -> None:
    """A value that a rule supplied names its rule, and what the bill says instead."""
    run = ask(shop, "runs")[-1]["run"]
    (line,) = [r for r in ask(shop, f"lines --period 2025-10 --run {run}")
               if r["ResourceId"] == "3"]  # fmt: skip

    found = ask(shop, f"explain --line {line['LineId']}")
    assert found["line"]["virtual_tags"] == {
        "Environment": {"value": "test", "original": "T", "rule": "case"}
    }
    text = call("explain", "--line", line["LineId"], "--project", shop).out
    assert "tags.Environment is test instead of T, by case" in text


def test_changed_rules_need_a_run_and_no_import(tmp_path: Path) -> None:
    """Rules are not part of what is imported; a run keeps those it read its lines through."""
    folder = project(tmp_path)
    ask(folder, "run")
    changed = RULES.replace("set: {Team: data}", "set: {Team: lake}")
    (folder / "tags.yaml").write_text(changed, encoding="utf-8")

    old = amounts(ask(folder, "cost --by tags.Team")["rows"], "tags.Team")
    ask(folder, "run", "--no-import")
    imports = {one["import"] for one in ask(folder, "sources")}
    assert old == {"data": 170}
    assert "lake" not in old
    pools = {row["pool"]: row["bill_total"] for row in ask(folder, "reconcile")["pools"]}
    assert pools == {"development": "60.00", "unallocated": "570.00"}
    assert amounts(ask(folder, "cost --by tags.Team --run r000001")["rows"], "tags.Team") == old
    assert len(imports) == 2


def test_rules_can_stand_in_percapita_yaml(tmp_path: Path) -> None:
    """The list of rules under `tags:` is the same as a file of them."""
    folder = write(tmp_path, Inputs(MODEL, LINES, USED))
    with (folder / "percapita.yaml").open("a", encoding="utf-8") as file:
        file.write("tags:\n  - {match: {ServiceName: web}, set: {Team: data}}\n")
    ask(folder, "run")

    pools = {row["pool"]: row["bill_total"] for row in ask(folder, "reconcile")["pools"]}
    assert pools == {"data": "120.00", "unallocated": "510.00"}


def test_check_judges_the_tags_after_the_rules(shop: Path, tmp_path: Path) -> None:
    """Coverage of required keys counts what the rules supply."""
    (shop / "taxonomy.yaml").write_text("required: [Team]\n", encoding="utf-8")
    bare = write(tmp_path, Inputs(MODEL, LINES, USED))
    (bare / "taxonomy.yaml").write_text("required: [Team]\n", encoding="utf-8")
    ask(bare, "run")

    found = {name: ask(folder, "check") for name, folder in (("rules", shop), ("none", bare))}
    untagged = {
        name: sorted(row["resource"] for row in said["untagged"]) for name, said in found.items()
    }
    assert untagged == {"rules": ["3", "6"], "none": ["1", "3", "4", "5", "6"]}


def test_days_of_rules_are_those_of_the_models_time_zone(tmp_path: Path) -> None:
    """A charge of the last evening of October in UTC is of November in Berlin."""
    late = ("2025-10-31T23:00:00Z", "2025-11-01T00:00:00Z")
    lines = [charge("warehouse", "160", *SPAN), charge("warehouse", "5", *late)]
    shown = {}
    for place in ("UTC", "Europe/Berlin"):
        folder = tmp_path / place.replace("/", "-")
        write(folder, Inputs(f"{MODEL}timezone: {place}\n", lines, USED))
        (folder / "tags.yaml").write_text(RULES, encoding="utf-8")
        ask(folder, "run")
        said = [row["Tags"] or {} for row in ask(folder, "lines --period 2025-10..2025-11")]
        shown[place] = sum("Team" in tags for tags in said)

    assert shown == {"UTC": 2, "Europe/Berlin": 1}


def test_wrong_rules_stop_before_anything_is_read(tmp_path: Path) -> None:
    """A mistake in the rules is an input error with its place."""
    folder = project(tmp_path, "rules: [{sett: {a: b}}]")

    said = call("run", "--project", folder)
    assert said.code == 2
    assert "tags.yaml:1:" in said.err
    assert "Did you mean set?" in said.err
