"""Tables for other programs: what is written is what a reader gets back."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from percapita.report import export

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.tuples(NAMES, st.integers()), min_size=1))
@example([("shop\rfront", 1)])
@example([("two\nlines", 1), ('a "quote", and a comma', 2)])
def test_names_come_back_whole(rows: list[tuple[str, int]]) -> None:
    """Whatever a name holds: line ends of any system, quotes, commas; a formula is made text."""
    stream = io.StringIO(newline="")
    export.write_csv(stream, ["name", "count"], rows)
    stream.seek(0)
    header, *found = csv.reader(stream)

    assert header == ["name", "count"]
    assert [int(count) for _, count in found] == [count for _, count in rows]
    for (told, _), (name, _) in zip(found, rows, strict=True):
        assert told in (name, f"'{name}")
        assert (told == name) or name[0] in "=+-@\t\r"
