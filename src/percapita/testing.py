"""Golden cases for bill formats: prove an importer by a folder with a bill and its lines.

A case is a folder with the bill's files and what they must become. A test of an outside package:

    @pytest.mark.parametrize("case", cases(Path("cases")), ids=str)
    def test_case(case: Case) -> None:
        check(case, percapita.bills.preview)

What they must become is ``expected.csv``, written by hand, or ``expected.json``, which holds all
there is to say.

``expected.csv`` has a row per line, in any order, and only the columns that the case is about:
those of ``lines``, ``tags.KEY``, and any column that went to ``Extra``. What the user says
of the source (format, columns, values) may stand beside it in ``source.json``.

``expected.json`` holds ``source`` (what the user says: path, format, columns, values), ``sums``
(currency to basis to amount, computed by hand), ``lines``, ``quarantined`` and ``notes``.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from percapita.core import money
from percapita.core.sources import Source

EXPECTED = "expected.json"
LINES = "expected.csv"
SOURCE = "source.json"


class Made(Protocol):
    """What ``percapita.bills.preview`` returns."""

    @property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        """In order of file and row."""
        ...

    @property
    def quarantined(self) -> Sequence[Any]:
        """Rows that are no lines."""
        ...

    @property
    def sums(self) -> Mapping[str, Mapping[str, str]]:
        """Currency to basis to amount."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the user is told."""
        ...


class Importer(Protocol):
    """``percapita.bills.preview``: the way every import goes, proof included, but into no store."""

    def __call__(self, source: Source, *, root: Path) -> Made:
        """Read a source whose path starts from a folder."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """One folder."""

    folder: Path
    source: Source
    expected: Mapping[str, Any]
    """Of ``expected.json``; empty where the lines stand in ``expected.csv``."""

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.folder.name

    def __str__(self) -> str:
        """Return what a test's report calls the case."""
        return self.name


def cases(folder: Path) -> list[Case]:
    """Return the cases below a folder, in order of name."""
    found = []
    for path in sorted([*folder.rglob(EXPECTED), *folder.rglob(LINES)]):
        expected = json.loads(path.read_text(encoding="utf-8")) if path.name == EXPECTED else {}
        said = expected.get("source") or _said(path.parent)
        found.append(Case(path.parent, Source(**{"name": path.parent.name, **said}), expected))
    return found


def _said(folder: Path) -> Mapping[str, Any]:
    path = folder / SOURCE
    said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    others = [item.name for item in folder.iterdir() if item.name not in (LINES, SOURCE)]
    if "path" not in said and len(others) != 1:
        raise AssertionError(f"{folder.name}: say in {SOURCE} which path the bill has: {others}")
    return {"path": others[0], "kind": "bill", **said}


def check(case: Case, importer: Importer) -> None:
    """Read a case and compare what it becomes with what it must become.

    Args:
        case: one of ``cases``.
        importer: ``percapita.bills.preview``.

    Raises:
        AssertionError: they differ; its message is the difference.
    """
    made = importer(case.source, root=case.folder)
    if case.expected:
        prove(case, made.lines, made.quarantined, made.sums, made.notes)
        return
    expected = (case.folder / LINES).read_text(encoding="utf-8")
    header, *rows = csv.reader(io.StringIO(expected))
    made_rows = [[_said_of(line, column) for column in header] for line in made.lines]
    refused = [
        f"row {item.row}, {item.column}: {item.value!r}: {item.reason}" for item in made.quarantined
    ]
    _compare(case, _table(header, rows), "".join([_table(header, made_rows), *refused]))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows([header, *sorted(map(list, rows))])
    return target.getvalue()


def _said_of(line: Mapping[str, Any], column: str) -> str:
    if column in line:
        value = line[column]
    elif column.startswith("tags."):
        value = (line.get("Tags") or {}).get(column.removeprefix("tags."))
    else:
        value = (line.get("Extra") or {}).get(column)
    return "" if value is None else str(_cell(value))


def prove(
    case: Case,
    lines: Iterable[Mapping[str, Any]],
    quarantined: Iterable[Any] = (),
    sums: Mapping[str, Mapping[str, str]] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Compare what an importer made of a case with what it must make.

    Raises:
        AssertionError: they differ; its message is the difference.
    """
    _compare(case, _dumped(case.expected), written(case, lines, quarantined, sums, notes))


def _compare(case: Case, expected: str, made: str) -> None:
    if made.rstrip() != expected.rstrip():
        difference = difflib.unified_diff(
            expected.splitlines(), made.splitlines(), "expected", "made", lineterm=""
        )
        raise AssertionError(f"{case.name}:\n" + "\n".join(difference))


def written(
    case: Case,
    lines: Iterable[Mapping[str, Any]],
    quarantined: Iterable[Any] = (),
    sums: Mapping[str, Mapping[str, str]] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return the text of ``expected.json`` that fits what an importer made, to read and keep."""
    shown = {
        "source": case.expected["source"],
        "sums": sums or {},
        "lines": sorted((_line(line) for line in lines), key=_place),
        "quarantined": [_line(dataclasses.asdict(item)) for item in quarantined],
        "notes": list(notes),
    }
    return _dumped(shown)


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    return {column: _cell(value) for column, value in line.items() if value is not None}


def _place(line: Mapping[str, Any]) -> tuple[str, int, str]:
    return str(line.get("file")), int(line.get("row", 0)), str(line.get("LineId"))


def _cell(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _dumped(expected: Mapping[str, Any]) -> str:
    return json.dumps(expected, indent=1, ensure_ascii=False) + "\n"
