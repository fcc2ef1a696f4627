"""Virtual tags: ordered rules that supply or normalise the values of tags.

Every rule reads the line as imported. For each key the first rule wins that fits the line and has
a value for it; where none does, the tag stays what the bill says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

from percapita.core.errors import InputError, Problem
from percapita.model.check import in_order
from percapita.model.pool_keys import MATCH, Column
from percapita.model.shapes import BAD, At, Choice, Name, WrongError, braced
from percapita.model.spec import Condition, Match
from percapita.model.structures import Either, Key, Listed, Made, Named, Record
from percapita.model.yaml import parse

RAW: Final = "raw."
"""``tags.raw.KEY`` is the value that the bill has where a rule replaced it."""
RULE: Final = "rule."
"""``tags.rule.KEY`` names the rule that supplied the value of a key."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a rule sets a key to: a text, or what a column says, translated."""

    text: str | None = None
    column: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """What the column says, in any case of letters -> value."""
    case: str = ""
    """lower or upper: also what is not listed is a value, in this case of letters."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``start`` and ``end`` are days of the charge's start, both included."""

    set: Mapping[str, Value]
    match: Mapping[str, Condition] = field(default_factory=dict)
    name: str = ""
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules in their order, and the time zone that their days are of."""

    rules: tuple[Rule, ...] = ()
    zone: str = "UTC"


NO_RULES: Final = Rules()


class TagRulesError(InputError):
    """Rules that cannot be worked with."""

    def __init__(self, path: str, problems: tuple[Problem, ...]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{path} has {count}; nothing was changed.", problems=problems)


def _day(text: object) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        message = f"{{name}} must be a day, not {braced(str(text))}."
        raise WrongError("not-a-date", message, "Write 2025-10-31.") from error


def _value(**values: Any) -> Value:  # noqa: ANN401
    if "column" not in values:
        raise WrongError("missing-key", "A value needs the key 'column'.", f"For example: {_COPY}.")
    named = {key.strip().lower(): value for key, value in values.pop("values", {}).items()}
    return Value(values=named, **values)


def _rule(**values: Any) -> Rule:  # noqa: ANN401
    match: Match = values.pop("match", Match())
    rule = Rule(match=match.columns, **values)
    if rule.start and rule.end and rule.end < rule.start:
        raise WrongError("wrong-order", "A rule ends before it starts.", "Correct from and to.")
    return rule


_COPY: Final = "set: {Team: {column: SubAccountName}}"
_SYNONYMS: Final = "set: {Environment: {column: tags.env, values: {prd: prod, live: prod}}}"
_DATES: Final = "rules: [{from: 2025-01-01, to: 2025-06-30, set: {Team: data}}]"

_VALUE: Final = Either(
    (
        Made(Name("a value"), lambda text: Value(str(text))),
        Record(
            "A value",
            (
                Key("column", Column(), "Line column whose value is taken.", _COPY),
                Key("values", Named(Name(), Name()),
                    "What the column says, in any case of letters, to the value it stands for. What"
                    " is not listed is no value of this rule, unless `case` is said.", _SYNONYMS,
                    default="the column's value as it is"),
                Key("case", Choice(("lower", "upper")), "Case of letters that the column's value is"
                    " brought to.", "set: {Environment: {column: tags.Environment, case: lower}}"),
            ),
            _value,
            spec=Value,
        ),
    )
)  # fmt: skip

RULE_SHAPE: Final = Record(
    "A rule",
    (
        Key("name", Name(), "What the rule is called where it is named as the source of a value.",
            "rules: [{name: old spellings, set: {Team: data}}]", default="its number"),
        Key("match", MATCH, "Lines the rule is for, as a pool's `match`.",
            "rules: [{match: {ServiceName: Amazon*, tags.Team: absent}, set: {Team: platform}}]",
            default="every line"),
        Key("set", Named(Name("a tag key"), _VALUE), "Tag keys and the value of each.", _COPY,
            required=True),
        Key("from", Made(Name("a day"), _day), "First day: of the start of the charge, in the"
            " model's time zone.", _DATES, field="start"),
        Key("to", Made(Name("a day"), _day), "Last day, included.", _DATES, field="end"),
    ),
    _rule,
    spec=Rule,
)  # fmt: skip

RULES: Final = Listed(RULE_SHAPE, single=False)

FILE: Final = Record(
    "The file of tag rules",
    (Key("rules", RULES, "The rules, first to last.", _DATES, required=True),),
    lambda **values: values["rules"],
)


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read ``tags.yaml``.

    Raises:
        TagRulesError: something is wrong with it; every problem is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    root, problems = parse(text, str(path), start="rules: []")
    if root is None:
        raise TagRulesError(str(path), tuple(problems))
    found = FILE.read(root, At(str(path), problems=problems))
    if problems or found is BAD:
        raise TagRulesError(str(path), tuple(in_order(problems)))
    return numbered(cast("tuple[Rule, ...]", found))


def numbered(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Name every rule that has no name by its number."""
    return tuple(
        Rule(r.set, r.match, r.name or f"rule {at}", r.start, r.end)
        for at, r in enumerate(rules, 1)
    )


def to_json(rule: Rule) -> str:
    """Write a rule as a run keeps it."""
    return json.dumps(
        {
            "name": rule.name,
            "match": {
                column: {"values": list(c.values), "present": c.present}
                for column, c in rule.match.items()
            },
            "set": {
                key: {"text": v.text, "column": v.column, "values": dict(v.values), "case": v.case}
                for key, v in rule.set.items()
            },
            "from": rule.start and rule.start.isoformat(),
            "to": rule.end and rule.end.isoformat(),
        },
        ensure_ascii=False,
    )


def of_json(text: str) -> Rule:
    """Read what ``to_json`` wrote."""
    said = json.loads(text)
    return Rule(
        {key: Value(**value) for key, value in said["set"].items()},
        {
            column: Condition(tuple(c["values"]), c["present"])
            for column, c in said["match"].items()
        },
        said["name"],
        *(date.fromisoformat(said[at]) if said[at] else None for at in ("from", "to")),
    )
