"""The file of tag rules: what it takes, and what it says of mistakes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from percapita.model.spec import Condition
from percapita.model.tags import Rule, TagRulesError, Value, of_json, read_rules, to_json

EVERYTHING = """
rules:
  - name: spelling
    set: {Environment: {column: tags.env, values: {PRD: prod, Live: prod}, case: lower}}
  - match: {ServiceName: ["Amazon*", db], tags.Team: absent}
    from: 2025-01-01
    to: 2025-06-30
    set: {Team: data, Owner: {column: SubAccountName}}
"""


def read(folder: Path, text: str) -> tuple[Rule, ...]:
    """Read rules from a text."""
    path = folder / "tags.yaml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def test_a_file_of_rules_is_read_as_written(tmp_path: Path) -> None:
    """Every key has its place; a rule without a name is called by its number."""
    first, second = read(tmp_path, EVERYTHING)

    assert first == Rule(
        {"Environment": Value(None, "tags.env", {"prd": "prod", "live": "prod"}, "lower")},
        {}, "spelling",
    )  # fmt: skip
    assert second == Rule(
        {"Team": Value("data"), "Owner": Value(None, "SubAccountName")},
        {"ServiceName": Condition(("Amazon*", "db")), "tags.Team": Condition(present=False)},
        "rule 2", date(2025, 1, 1), date(2025, 6, 30),
    )  # fmt: skip


def test_what_a_run_keeps_of_a_rule_is_all_of_it(tmp_path: Path) -> None:
    """A rule comes back from its JSON as it was."""
    rules = read(tmp_path, EVERYTHING)

    assert tuple(of_json(to_json(rule)) for rule in rules) == rules


@pytest.mark.parametrize(
    ("rule", "place", "said"),
    [
        ("{}", "1:9", "needs the key 'set'"),
        ("{set: {A: {values: {a: b}}}}", "1:19", "needs the key 'column'"),
        ("{set: {A: b}, match: {Servicename: c}}", "1:31", "ServiceName"),
        ("{set: {A: b}, from: June}", "1:29", "must be a day, not 'June'"),
        ("{set: {A: b}, from: 2025-02-01, to: 2025-01-01}", "1:9", "ends before it starts"),
        ("{set: {A: {column: tags.a, case: title}}}", "1:42", "cannot be 'title'"),
        ("{sets: {A: b}}", "1:10", "Did you mean set?"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    rule: str, place: str, said: str, tmp_path: Path
) -> None:
    """Line and column of what is wrong, and what would be right."""
    with pytest.raises(TagRulesError) as raised:
        read(tmp_path, f"rules: [{rule}]")
    found = [str(problem) for problem in raised.value.problems]
    assert any(f"tags.yaml:{place}:" in text and said in text for text in found), found
