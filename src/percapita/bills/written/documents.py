"""Costs that a person writes down in YAML: read by a shape, and every flaw with line and column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from percapita.bills.columns import bound
from percapita.core import money
from percapita.core.errors import InputError, Problem
from percapita.core.periods import parse as period
from percapita.core.sources import Source
from percapita.model.check import in_order
from percapita.model.shapes import BAD, At, Name, Shape, WrongError, braced
from percapita.model.spec import Trail
from percapita.model.structures import Made, Named
from percapita.model.yaml import Items, Keyed, Node, Text, parse
from percapita.plugins import Binding, Document, Measured, unmeasured

SUFFIXES: Final = (".yaml", ".yml")
_UTC: Final = ZoneInfo("UTC")


class DocumentError(InputError):
    """A file of written costs that can't be worked with."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        found = in_order(problems)
        super().__init__(f"{path} has {count}; nothing was changed.", problems=found)


@dataclass(frozen=True, slots=True, order=True)
class Days:
    """Whole days, ``end`` excluded."""

    start: date
    end: date


@dataclass(slots=True)
class Written:
    """A file that was read by its shape."""

    path: Path
    value: Any
    at: At
    measured: Measured = unmeasured

    def wrong(self, code: str, trail: Trail, message: str, hint: str = "") -> None:
        """Note what is wrong with a value that was read; ``stop`` tells the user."""
        while trail and trail not in self.at.marks:
            trail = trail[:-1]
        line, column = self.at.marks.get(trail, (1, 1))
        where = f"{self.at.path}:{line}:{column}"
        problem = Problem(code, where, message, hint)
        if problem not in self.at.problems:
            self.at.problems.append(problem)

    def line(self, *trail: str | int) -> int:
        """Return the line that a value stands in."""
        return self.at.marks[trail][0]

    def stop(self) -> None:
        """Go no further if anything is wrong.

        Raises:
            DocumentError: something is.
        """
        if self.at.problems:
            raise DocumentError(self.at.path, self.at.problems)


@dataclass(slots=True)
class WrittenFormat:
    """A bill format of such files: the entry point of each."""

    name: str
    keys: tuple[frozenset[str], ...]
    """Keys by which its files are told: all of one of these."""
    shape: Shape
    start: str
    """What the author of an empty file is told to write."""
    lines: Callable[[Written], Iterable[Mapping[str, object]]]
    """Makes lines, columns by their FOCUS names, of a file that was read."""

    def recognises(self, header: Sequence[str]) -> bool:  # noqa: ARG002
        """Tell nothing by columns: the file is no table."""
        return False

    def aside(self, header: Sequence[str]) -> str | None:  # noqa: ARG002
        """Know of no other datasets."""
        return None

    def beside(self, path: Path) -> Iterable[Path]:
        """Return the tables of quantities that a file names."""
        return named_files(path)

    def meters(self, path: Path) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Return the meters that a file takes quantities from."""
        return named_meters(path)

    def records(self, document: Document, source: Source) -> Iterator[Mapping[str, object]] | None:
        """Yield the lines of a file.

        Raises:
            DocumentError: something is wrong with it.
        """
        return self._lines(document) if self._is_ours(document, source) else None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind by name: the lines carry FOCUS names."""
        return replace(bound(header, source), whole=True)

    def _is_ours(self, document: Document, source: Source) -> bool:
        """Tell whether the user says so, or it is YAML that has the format's keys."""
        if source.format == self.name:
            return True
        if not document.path.name.lower().endswith(SUFFIXES):
            return False
        said = [line for line in document.head.splitlines() if line[:1].strip()]
        there = {line.partition(":")[0].strip() for line in said}
        return any(keys <= there for keys in self.keys)

    def _lines(self, document: Document) -> Iterator[Mapping[str, object]]:
        # Read when the first line is asked for: telling a file's format must not fail on its flaws.
        yield from self.lines(read(document, self.shape, self.start))


def read(document: Document, shape: Shape, start: str) -> Written:
    """Read a file by its shape.

    Args:
        document: the file.
        shape: what it must be.
        start: what the author of an empty file is told to write.

    Raises:
        DocumentError: something is wrong; every problem is named with its place.
    """
    shown = str(document.path)
    text = document.text.read_text(encoding="utf-8-sig")
    root, problems = parse(text, shown, start=start)
    at = At(shown, problems=problems)
    value = BAD if root is None else shape.read(root, at)
    written = Written(document.path, value, at, document.measured)
    written.stop()
    return written


def named_files(path: Path) -> Iterator[Path]:
    """Yield the files beside a document that it names under ``file``, where they are there."""
    if not path.name.lower().endswith(SUFFIXES):
        return
    try:
        root, _ = parse(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError):
        return
    names = dict.fromkeys(_files(root)) if root is not None else {}
    yield from (found for name in names if (found := path.parent / name).is_file())


def named_meters(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the meters that a document names, each with the cells that it asks for."""
    if not path.name.lower().endswith(SUFFIXES):
        return
    try:
        root, _ = parse(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError):
        return
    if root is not None:
        yield from _meters(root)


def _meters(node: Node) -> Iterator[tuple[str, Mapping[str, str]]]:
    if isinstance(node, Items):
        for item in node.items:
            yield from _meters(item)
    elif isinstance(node, Keyed):
        meter, where = node.get("meter"), node.get("where")
        if isinstance(meter, Text):
            pairs = where.pairs if isinstance(where, Keyed) else ()
            yield meter.value, {k.value: v.value for k, v in pairs if isinstance(v, Text)}
        for _, value in node.pairs:
            yield from _meters(value)


def _files(node: Node) -> Iterator[str]:
    if isinstance(node, Items):
        for item in node.items:
            yield from _files(item)
    elif isinstance(node, Keyed):
        for key, value in node.pairs:
            if key.value == "file" and isinstance(value, Text):
                yield value.value
            else:
                yield from _files(value)


def _amount(text: object) -> Decimal:
    try:
        amount = money.exact(str(text))
    except ValueError as error:
        message = f"{{name}} must be an amount, not {braced(str(text))}."
        raise WrongError("not-a-number", message, "Write 1250.75.") from error
    if amount != money.stored(amount):
        message = f"{{name}} has more than {money.PLACES} digits after the point."
        raise WrongError("not-a-number", message)
    return amount


def _days(text: object) -> Days:
    try:
        span = period(str(text), _UTC).span
    except InputError as error:
        raise WrongError("not-a-date", error.message.replace("{", "("), error.hint) from error
    if span.end <= span.start:
        raise WrongError("wrong-order", "{name} ends before it starts.", "Write FIRST..LAST.")
    return Days(day_of(span.start), day_of(span.end))


def day_of(moment: datetime) -> date:
    """Return the UTC day that an instant lies in."""
    return moment.astimezone(UTC).date()


TEXT: Final = Name()
AMOUNT: Final = Made(Name("an amount"), _amount)
PERIOD: Final = Made(Name("a period such as 2025-10 or 2025-10-15..2026-10-14"), _days)
FIRST: Final = Made(Name("a day or a month"), lambda text: _days(text).start)
LAST: Final = Made(Name("a day or a month"), lambda text: _days(text).end - timedelta(days=1))
"""A day or a month, as its last day."""
TAGS: Final = Named(Name("a tag key"), TEXT)
