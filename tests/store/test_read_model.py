"""The names a model can use, as the inputs carry them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from percapita.core.tables import LINES, READINGS, SEGMENTS, Table
from percapita.store.engine import Engine
from percapita.store.read import model as read_model


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Open an engine with empty inputs."""
    opened = Engine(threads=1)
    for table in (LINES, READINGS, SEGMENTS):
        load(opened, table)
    yield opened
    opened.close()


def load(engine: Engine, table: Table, *rows: Mapping[str, Any]) -> None:
    """Make an input of rows; columns that a row leaves out are null."""
    kinds = {column.name: column.type for column in table.columns}
    engine.load(table.name, kinds, [[row.get(name) for name in kinds] for row in rows])


def test_empty_inputs_name_nothing(engine: Engine) -> None:
    """Without rows there is no name."""
    assert read_model.meters(engine) == set()
    assert read_model.tags(engine) == set()
    assert read_model.bills(engine) == set()
    assert read_model.attributes(engine) == {}


def test_names_are_each_told_once(engine: Engine) -> None:
    """Meters, tag keys, bills and attributes are collected over all rows."""
    load(engine, READINGS, {"meter": "cpu"}, {"meter": "cpu"}, {"meter": "calls"})
    load(
        engine,
        LINES,
        {"source": "bill", "Tags": {"team": "a", "env": "x"}, "Extra": {}},
        {"source": "bill", "Tags": {"team": "b"}, "Extra": {}},
        {"source": "desk"},
    )
    load(
        engine,
        SEGMENTS,
        {"source": "users", "attribute": "plan"},
        {"source": "users", "attribute": "plan"},
        {"source": "users", "attribute": "seats"},
        {"source": "crm", "attribute": "owner"},
    )

    assert read_model.meters(engine) == {"cpu", "calls"}
    assert read_model.tags(engine) == {"team", "env"}
    assert read_model.bills(engine) == {"bill", "desk"}
    assert read_model.attributes(engine) == {"users": {"plan", "seats"}, "crm": {"owner"}}
