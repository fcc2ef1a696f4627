"""Large files, parsed by all threads, become the same lines as small ones parsed by one."""

from __future__ import annotations

import csv
import io

import pytest

from bills.bill_texts import ROW, Read
from percapita.bills.files import texts

WIDTH = 60
"""Columns beside those of FOCUS; wide enough for empty ones to be left out."""


def wide(cells: dict[int, dict[str, str]], rows: int = 3000, end: str = "\n") -> str:
    """Return a wide bill of many rows; some say more."""
    columns = [*ROW, *(f"x_{n}" for n in range(WIDTH)), "x_last"]
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, columns, restval="", lineterminator=end)
    writer.writeheader()
    for n in range(rows):
        writer.writerow({**ROW, "BilledCost": f"{n}.5", "x_1": str(n), **cells.get(n, {})})
    return target.getvalue()


CASES = {
    "plain": wide({}),
    "late column": wide({2999: {"x_50": "late"}}),
    "late quoted column": wide({2000: {"x_50": 'a,"b'}}),
    "quotes": wide({7: {"x_1": "a,b"}, 2500: {"x_last": '{"a": "b"}'}}),
    "line end in a cell": wide({1500: {"x_1": "a\nb"}, 1600: {"x_50": "c\n\nd"}}),
    "words for nothing": wide({5: {"x_1": "NULL", "x_2": "null"}, 6: {"x_1": "nULL"}}),
    "short row": wide({}) + "1,1\n" + wide({}, 2).partition("\n")[2],
    "long row": wide({}) + ",".join(["1"] * 100) + "\n",
    "blank lines": wide({}).replace("\n", "\n\n", 3),
    "no line end at the end": wide({}).rstrip("\n"),
    "cut off": wide({})[:-70],
    "line ends of DOS": wide({}, end="\r\n"),
    "umlauts": wide({9: {"x_1": "größer", "x_59": ""}, 10: {"ServiceName": "Ö"}}),
    "mark": "\ufeff" + wide({}),
    "row of nothing": wide({}) + "," * (len(ROW) + WIDTH) + "\n" + wide({}, 2).partition("\n")[2],
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_lines_either_way(read: Read, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever stands in the cells, all threads and one make the same lines and quarantine."""
    one = read(CASES[name])
    monkeypatch.setattr(texts, "LARGE", 0)
    many = read(CASES[name])

    assert many.lines == one.lines
    assert many.quarantined == one.quarantined
    assert many.notes == one.notes
    assert len(one.lines) + len(one.quarantined) >= 3000


def test_rows_keep_their_numbers(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads parse a file, a line knows its row."""
    monkeypatch.setattr(texts, "LARGE", 0)
    lines = read(wide({}, 30_000)).lines

    assert [line["row"] for line in lines] == list(range(1, 30_001))
    assert all(line["Extra"] == {"x_1": str(line["row"] - 1)} for line in lines)
    assert all(str(line["BilledCost"]).startswith(f"{line['row'] - 1}.5") for line in lines)
