"""Columns that lines have no place for, on their way through the store."""

from __future__ import annotations

from pathlib import Path

from bills.bill_texts import text
from percapita.bills import take
from percapita.core.sources import Source
from percapita.core.tables import LINES
from percapita.store import Store

ROWS = [{"x_Part": "api", "x_id": "a", "X_ID": "b"}, {"BilledCost": "2", "x_Other": "o"}]


def _taken(store: Store, folder: Path, name: str, content: str) -> None:
    (folder / f"{name}.csv").write_text(content)
    take(store, Source(name, f"{name}.csv"), root=folder)


def test_extra_is_a_map_to_readers(store: Store, tmp_path: Path) -> None:
    """Each line has the keys it fills, whichever file they come from and however they are kept."""
    _taken(store, tmp_path, "a", text(ROWS))
    _taken(store, tmp_path, "b", text([{"x_New": "n"}]))

    store.bind(LINES)
    found = store.engine.rows('SELECT source, "row", Extra FROM lines ORDER BY ALL')

    assert found == [
        ("a", 1, {"x_Part": "api", "x_id": "a", "X_ID": "b"}),
        ("a", 2, {"x_Other": "o"}),
        ("b", 1, {"x_New": "n"}),
    ]
    assert store.extra_keys() == {"x_Part", "x_id", "X_ID", "x_Other", "x_New"}


def test_keys_are_columns_where_asked_for(store: Store, tmp_path: Path) -> None:
    """A key that is bound is a column behind the others, null where a line has none."""
    _taken(store, tmp_path, "a", text(ROWS))
    _taken(store, tmp_path, "b", text([{"x_New": "n"}]))

    store.bind(LINES, keys=["x_Part", "X_ID", "nowhere"])
    found = store.engine.rows(
        'SELECT "Extra.x_Part", "Extra.X_ID", "Extra.nowhere" FROM lines ORDER BY source, "row"'
    )

    assert found == [("api", "b", None), (None, None, None), (None, None, None)]


def test_files_hold_keys_as_columns(store: Store, tmp_path: Path) -> None:
    """A bill's column is a column of the stored file, so that one can be read without the rest."""
    _taken(store, tmp_path, "a", text(ROWS))

    (file,) = (tmp_path / ".percapita" / "tables" / "lines").rglob("*.parquet")
    names = {name for name, *_ in store.engine.rows(f"DESCRIBE SELECT * FROM '{file}'")}

    assert {"Extra.x_Part", "Extra.x_Other"} <= names
