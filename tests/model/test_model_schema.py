"""The JSON Schema: editors accept what ``load`` accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from percapita.model.reference import entries
from percapita.model.schema import schema

HERE = Path(__file__).parent


def typed(text: str) -> Any:  # noqa: ANN401
    """Return a document as an editor types it: numbers and booleans, dates as text."""

    class Editor(yaml.SafeLoader):
        """YAML without timestamps, as JSON knows none."""

    Editor.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load(text, Loader=Editor)  # noqa: S506


def faults(text: str) -> list[str]:
    """Return where the schema refuses a document."""
    errors = Draft202012Validator(schema()).iter_errors(typed(text))
    return sorted("/".join(map(str, error.absolute_path)) for error in errors)


def test_schema_is_a_schema() -> None:
    """The schema itself fits the draft it names."""
    Draft202012Validator.check_schema(schema())

    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_schema_takes_a_whole_model() -> None:
    """A model with every method is valid."""
    assert faults((HERE / "shop.yaml").read_text()) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("basis: list\n", ""),
        ("currency: USD\nbases: list\n", ""),
        ("currency: USD\nbasis: cash\n", "basis"),
        ("currency: USD\npools: [{pool: a, match: {Service: x}}]\n", "pools/0/match"),
        ("currency: USD\npools: [{pool: a, by: {mix: {cpu: 0}}}]\n", "pools/0/by"),
        ("currency: USD\npools: [{pool: a, fallback: [day]}]\n", "pools/0/fallback/0"),
        ("currency: USD\npools: [{pool: a, idle: {capacity: a}}]\n", "pools/0/idle"),
        ("currency: USD\npools: [{pool: a, overhead: {weights: {}}}]\n", "pools/0/overhead"),
        ("currency: USD\nsegments: {tier: {from: plan}}\n", "segments/tier/from"),
        ("currency: USD\nconcentration: 101\n", "concentration"),
    ],
)
def test_schema_refuses_bad_forms(text: str, where: str) -> None:
    """What the grammar refuses for its form alone, the schema refuses at the same place."""
    assert [where] == faults(text)


def test_schema_describes_every_key() -> None:
    """Every key of the file that is documented has its meaning in the schema."""
    text = repr(schema())

    for entry in entries():
        if "LEVEL" not in entry.path:
            assert repr(entry.meaning)[1:-1] in text
