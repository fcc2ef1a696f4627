"""Golden cases for bill formats: prove an importer by a folder with a bill and its lines.

A case is a folder with the bill's files and ``expected.json``. It holds ``source`` (what the user
says: path, format, columns, values), ``sums`` (currency to basis to amount, computed by hand),
``lines``, ``quarantined`` and ``notes``. A test of an outside package reads:

    for case in cases(Path("cases/acme")):
        read = percapita.bills.preview(case.source, root=case.folder)
        prove(case, read.lines, read.quarantined, read.sums, read.notes)
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from percapita.core import money
from percapita.core.sources import Source

EXPECTED = "expected.json"


@dataclass(frozen=True, slots=True)
class Case:
    """One folder."""

    folder: Path
    source: Source
    expected: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.folder.name


def cases(folder: Path) -> list[Case]:
    """Return the cases below a folder, in order of name."""
    found = []
    for path in sorted(folder.rglob(EXPECTED)):
        expected = json.loads(path.read_text(encoding="utf-8"))
        source = Source(**{"name": path.parent.name, **expected["source"]})
        found.append(Case(path.parent, source, expected))
    return found


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
    made = written(case, lines, quarantined, sums, notes)
    expected = _dumped(case.expected)
    if made != expected:
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
