"""Cells by pattern, and tags gathered from several columns."""

from __future__ import annotations

import pytest

from percapita.bills.cells import columns_of, spent, text, value
from percapita.bills.normalise import tags
from percapita.plugins import Cell, Fixed, Gathered, Labels, Like
from percapita.store import Store

AT = {"Type": "c0", "Tags": "c1", "More": "c2"}
SPOT = Like("Type", ".*Spot.*", Fixed("Dynamic"), "Type")
BOTH = Gathered((Labels("Tags", ("user:", "user_")), Labels("More", before="cost/")))


def _both(store: Store, cell: Cell, record: dict[str, str]) -> str | None:
    """Return a cell's text; the engine's and Python's must agree."""
    row = ", ".join(f"$${record.get(name, '')}$$ AS {column}" for name, column in AT.items())
    found: str | None = store.engine.value(f"SELECT {text(cell, AT)} FROM (SELECT {row})")
    assert (found or "") == value(cell, record)
    return found


@pytest.mark.parametrize(
    ("record", "expected"),
    [({"Type": "EU-SpotUsage"}, "Dynamic"), ({"Type": "Box"}, "Box"), ({}, None)],
)
def test_like(store: Store, record: dict[str, str], expected: str | None) -> None:
    """A pattern fits the whole text or not at all; an empty cell fits none."""
    assert _both(store, SPOT, record) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"Tags": '{"user:a": "1", "user_b": "2", "user": "3"}'},
            {"a": "1", "b": "2", "user": "3"},
        ),
        ({"Tags": '{"a": "user_x"}', "More": '{"a": "2"}'}, {"a": "user_x", "cost/a": "2"}),
        ({"More": '{"user_a": null, "b": ""}'}, {"cost/b": ""}),
    ],
)
def test_gathered(store: Store, record: dict[str, str], expected: dict[str, str]) -> None:
    """Keys lose the beginnings that are to be cut off and get the one that is to lead them."""
    assert tags(str(_both(store, BOTH, record))) == expected


def test_gathered_of_nothing(store: Store) -> None:
    """Empty columns hold no tags, and text that is no JSON is no set of tags."""
    assert _both(store, BOTH, {}) is None
    with pytest.raises(ValueError, match="not"):
        tags(str(_both(store, BOTH, {"Tags": "a=b"})))


def test_columns() -> None:
    """A pattern's own column is kept beside the line; gathered ones are done with."""
    assert spent(SPOT) == frozenset()
    assert list(columns_of(SPOT)) == ["Type"]
    assert spent(BOTH) == {"Tags", "More"}
    assert list(columns_of(BOTH)) == ["Tags", "More"]
