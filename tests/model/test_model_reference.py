"""The reference page: complete, true, and the one that the grammar writes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from percapita.model import spec
from percapita.model.codes import ERRORS, WARNINGS
from percapita.model.grammar import MODEL, SEGMENT, TARGET, UNIT
from percapita.model.load import loads
from percapita.model.pool_keys import POOL
from percapita.model.reference import Entry, entries, reference
from percapita.model.signal_keys import IDENTITY, SAMPLING
from percapita.model.structures import Record

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "model.md"
ENTRIES = list(entries())


def test_page_is_what_the_grammar_says() -> None:
    """The page in docs/ is the generated one: percapita model schema --format markdown."""
    assert reference() == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path)
def test_every_key_has_a_heading(entry: Entry) -> None:
    """Each key of the grammar, at any depth, has one heading, a type, a default and a meaning."""
    assert PAGE.read_text(encoding="utf-8").count(f"\n### `{entry.path}`\n") == 1
    assert all([entry.words, entry.default, entry.meaning, entry.example])


def test_every_code_has_a_heading() -> None:
    """Each code of an error or warning has one heading."""
    page = PAGE.read_text(encoding="utf-8")

    assert all(page.count(f"\n### error `{code}`\n") == 1 for code in ERRORS)
    assert all(page.count(f"\n### warning `{code}`\n") == 1 for code in WARNINGS)


CONTEXT = """\
currency: USD
segments: {tier: {from: users.plan}}
pools:
  - {pool: api, by: cpu}
  - {pool: workers, by: cpu}
"""


def placed(entry: Entry) -> str:
    """Return an example inside a whole model."""
    section = entry.path.partition(".")[0]
    lines = entry.example.splitlines()
    if section in {"pools", "driver"} and not entry.example.startswith("pools:"):
        name = [] if any(line.startswith("pool:") for line in lines) else ["pool: x"]
        return CONTEXT + "  -\n" + "".join(f"    {line}\n" for line in [*name, *lines])
    if section in {"units", "segments", "meters"} and entry.path != section:
        wrapped = f"{section}:\n  {entry.example}\n"
        return f"currency: USD\n{wrapped}"
    head = CONTEXT
    for key in ("currency", "segments"):
        if entry.example.startswith(key):
            head = "\n".join(line for line in head.splitlines() if not line.startswith(key)) + "\n"
    if entry.example.startswith("pools"):
        head = "currency: USD\n"
    return f"{head}{entry.example}\n"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path)
def test_every_example_loads(entry: Entry) -> None:
    """The example of each key is taken by the reader, and uses the key."""
    model = loads(placed(entry))

    assert model.currency == "USD"
    key = entry.path.rpartition(".")[2]
    assert key == "LEVEL" or f"{key}:" in entry.example


@pytest.mark.parametrize(
    ("record", "made"),
    [
        (MODEL, spec.Model),
        (POOL, spec.Pool),
        (UNIT, spec.Unit),
        (SEGMENT, spec.Segment),
        (TARGET, spec.Target),
        (IDENTITY, spec.Identity),
        (SAMPLING, spec.Sampling),
    ],
)
def test_every_field_of_the_spec_has_a_key(record: Record, made: type[object]) -> None:
    """No field of the spec is out of a model's reach, and no key leads nowhere."""
    derived = {"path", "hash", "text", "marks", "line", "name", "free", "source", "column"}
    keys = {key.target for key in record.keys} - {"version", "where", "origin", "pool"}

    assert keys - derived == {field.name for field in fields(made)} - derived  # type: ignore[arg-type]
