"""What enforces a taxonomy elsewhere: policies, patches, and the check of a plan."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import Inputs, ask, call, charge, write
from percapita.report.tags.enforce import AwsPolicyError, aws_tag_policy, azure_policy
from percapita.report.tags.taxonomy import Taxonomy

MODEL = "version: 1\ncurrency: USD\nunits: {active user: {subject: user}}\n"
SPAN = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
TAXONOMY = """
required: [Environment, Team]
values: {Environment: [prod, dev], Tier: [gold, "1"]}
enforced for: ["ec2:instance", "s3:bucket"]
"""
RULES = """
rules:
  - name: words
    set: {Environment: {column: tags.Environment, values: {production: prod, dev: dev}}}
  - {name: team, match: {ServiceName: db}, set: {Team: data}}
"""
VM = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with taxonomy, rules and 23 resources of two clouds."""
    lines = [
        charge("db", "5", *SPAN, ResourceId=f"arn:aws:rds:x:1:db:{n}", tags={"Environment": "dev"})
        for n in range(21)
    ]
    lines += [
        charge("vm", "9", *SPAN, ResourceId=VM, tags={"Environment": "Production"}),
        charge("saas", "1", *SPAN, ResourceId="seat", tags={"Environment": "production"}),
    ]
    folder = write(tmp_path_factory.mktemp("enforce"), Inputs(MODEL, lines))
    (folder / "taxonomy.yaml").write_text(TAXONOMY, encoding="utf-8")
    (folder / "tags.yaml").write_text(RULES, encoding="utf-8")
    ask(folder, "import")
    return folder


def exported(folder: Path, kind: str, *more: str) -> str:
    """Return what an export prints."""
    said = call("tags", "export", "--kind", kind, *more, "--project", folder)

    assert said.code == 0, said.err
    return said.out


def test_the_tag_policy_of_aws_says_the_taxonomy(shop: Path) -> None:
    """Spelling, values and enforcement, each assigned; the required keys are reported on too."""
    tags = json.loads(exported(shop, "aws-tag-policy"))["tags"]

    types = {"@@assign": ["ec2:instance", "s3:bucket"]}
    assert tags == {
        "environment": {
            "tag_key": {"@@assign": "Environment"}, "tag_value": {"@@assign": ["prod", "dev"]},
            "enforced_for": types, "report_required_tag_for": types,
        },
        "team": {
            "tag_key": {"@@assign": "Team"}, "enforced_for": types,
            "report_required_tag_for": types,
        },
        "tier": {
            "tag_key": {"@@assign": "Tier"}, "tag_value": {"@@assign": ["gold", "1"]},
            "enforced_for": types,
        },
    }  # fmt: skip


def test_what_aws_cannot_say_is_refused() -> None:
    """Keys that differ in case alone, and a policy longer than AWS takes."""
    with pytest.raises(AwsPolicyError, match="apart by case: 'team'"):
        aws_tag_policy(Taxonomy({"Team": (), "team": ()}))
    with pytest.raises(AwsPolicyError, match="AWS takes 10,000"):
        aws_tag_policy(Taxonomy({"Team": tuple(f"team-{n}" for n in range(1000))}))


def test_the_policy_of_azure_finds_missing_and_wrong_tags(shop: Path, tmp_path: Path) -> None:
    """It is a custom definition that audits until it is assigned as Deny."""
    out = tmp_path / "policy.json"
    exported(shop, "azure-policy", "--out", str(out))

    of = json.loads(out.read_text(encoding="utf-8"))["properties"]
    assert (of["policyType"], of["mode"]) == ("Custom", "Indexed")
    assert of["parameters"]["effect"]["defaultValue"] == "Audit"
    assert of["policyRule"] == {
        "if": {"anyOf": [
            {"field": "tags['Environment']", "exists": "false"},
            {"field": "tags['Environment']", "notIn": ["prod", "dev"]},
            {"field": "tags['Team']", "exists": "false"},
            {"allOf": [{"field": "tags['Tier']", "exists": "true"},
                       {"field": "tags['Tier']", "notIn": ["gold", "1"]}]},
        ]},
        "then": {"effect": "[parameters('effect')]"},
    }  # fmt: skip


def test_a_key_with_an_apostrophe_is_quoted_for_azure() -> None:
    """The name of the tag reaches Azure as it is."""
    rule = azure_policy(Taxonomy({"boss's": ()}))["properties"]["policyRule"]

    assert rule["if"]["anyOf"] == [{"field": "tags['''boss's''']", "exists": "false"}]


def test_a_patch_holds_what_rules_supply_and_resources_lack(shop: Path) -> None:
    """As a table: what to set, what is there, which rule; a value that is there is no patch."""
    rows = list(csv.DictReader(io.StringIO(exported(shop, "patch", "--format", "csv"))))

    assert len(rows) == 23
    (vm,) = [row for row in rows if row["resource"] == VM]
    assert (vm["key"], vm["value"], vm["present"], vm["rule"]) == (
        "Environment", "prod", "Production", "words",
    )  # fmt: skip
    databases = [row for row in rows if row["service"] == "db"]
    assert {(row["key"], row["value"], row["present"]) for row in databases} == {
        ("Team", "data", ""),
    }  # fmt: skip


def test_a_patch_is_ready_for_the_command_lines(shop: Path) -> None:
    """AWS takes 20 resources a call, Azure one resource and a body; the rest stays a list."""
    patch: dict[str, Any] = json.loads(exported(shop, "patch"))

    assert [len(one["ResourceARNList"]) for one in patch["aws"]] == [20, 1]
    assert all(one["Tags"] == {"Team": "data"} for one in patch["aws"])
    assert patch["azure"] == [
        {"id": VM, "body": {"operation": "Merge", "properties": {"tags": {"Environment": "prod"}}}}
    ]
    assert patch["other"] == [{"resource": "seat", "tags": {"Environment": "prod"}}]


def change(address: str, after: object, *actions: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a resource change of a plan."""
    said = {"actions": list(actions or ["create"]), "after": after, **more}
    return {
        "address": address,
        "mode": "managed",
        "type": address.partition(".")[0],
        "change": said,
    }


def plan(folder: Path, *changes: dict[str, Any]) -> Path:
    """Write a plan."""
    path = folder / "plan.json"
    document = {"format_version": "1.2", "resource_changes": changes}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_plan_is_checked_before_it_is_applied(shop: Path, tmp_path: Path) -> None:
    """Defaults of the provider, labels, blocks and values known later all count."""
    good = {"Environment": "dev", "Team": "data"}
    path = plan(
        tmp_path,
        change("aws_instance.bad", {"tags": {"Environment": "production"}, "tags_all": None}),
        change("aws_instance.defaults", {"tags": None, "tags_all": good}, "update"),
        change("aws_instance.later", {"tags": {"Environment": "dev"}},
               after_unknown={"tags": {"Team": True}}),
        change("google_x.labels", {"labels": {"environment": "prod", "team": "x"}}),
        change("aws_asg.blocks", {"tag": [{"key": k, "value": v} for k, v in good.items()]}),
        change("aws_s3.replaced", {"tags": {**good, "Tier": "tin", "Team": None}}, "delete",
               "create"),
        change("aws_s3.gone", None, "delete"),
        change("aws_s3.same", {"tags": {}}, "no-op"),
        change("aws_policy.x", {"name": "x"}),
        change("aws_s3.open", {}, after_unknown={"tags": True}),
    )  # fmt: skip

    said = call("tags", "check-plan", path, "--project", shop, "--format", "json")
    found = json.loads(said.out)
    assert said.code == 1
    assert (found["checked"], found["untaggable"], found["unknown"]) == (6, 1, 1)
    assert {
        one["address"]: [(tag["key"], tag["problem"], tag["meant"]) for tag in one["tags"]]
        for one in found["resources"]
    } == {
        "aws_instance.bad": [("Team", "missing", None), ("Environment", "not allowed", "prod")],
        "aws_s3.replaced": [("Team", "missing", None), ("Tier", "not allowed", None)],
    }
    text = call("tags", "check-plan", path, "--project", shop).out
    assert "aws_instance.bad\n  Team is missing.\n" in text
    assert "Environment cannot be 'production'. Did you mean prod?" in text
    assert "4 of 6 resources follow the taxonomy; 1 cannot carry tags;" in text


def test_a_plan_that_follows_the_taxonomy_passes(shop: Path, tmp_path: Path) -> None:
    """Nothing to say leaves with code 0."""
    path = plan(tmp_path, change("aws_s3.a", {"tags": {"Environment": "dev", "Team": "x"}}))

    said = call("tags", "check-plan", path, "--project", shop)
    assert said.code == 0
    assert said.out == "1 of 1 resource follows the taxonomy.\n"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format_version": "1", "resource_changes": 1}', "{}"]
)
def test_what_is_no_plan_is_refused(shop: Path, tmp_path: Path, text: str) -> None:
    """The message says how to make one."""
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")

    said = call("tags", "check-plan", path, "--project", shop)
    assert said.code == 2
    assert "terraform show -json" in said.err
