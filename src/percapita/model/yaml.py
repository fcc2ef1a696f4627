"""YAML as text: every value keeps its characters, its line and its column.

Nothing is typed here: ``1.10`` stays ``1.10`` and ``no`` stays ``no`` until the grammar says what
they are. Anchors, tags and repeated keys are refused: what stands in a line is what counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import yaml

from percapita.core.errors import Problem

DEPTH = 24
"""Levels of nesting that are read; a cost model needs eight."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands; the first line and column are 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Text:
    """One value, as written."""

    value: str
    place: Place
    quoted: bool = False
    """In quotes or a block: never a keyword, never empty by accident."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Keyed:
    """Keys and their values, in file order, each key once."""

    pairs: tuple[tuple[Text, Node], ...]
    place: Place

    def get(self, name: str) -> Node | None:
        """Return the value of a key, ``None`` where the key is missing."""
        return next((node for key, node in self.pairs if key.value == name), None)


Node = Text | Items | Keyed


def parse(text: str, path: str, *, start: str = "") -> tuple[Node | None, list[Problem]]:
    """Read one document; ``None`` where the text is not YAML that we take.

    ``start`` is what the author of an empty file is told to write.
    """
    builder = _Builder(path, text)
    try:
        return builder.document(start), builder.problems
    except _StopError:
        return None, builder.problems
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = f"The character U+{error.character:04X} cannot stand in a text file."
        return None, [*builder.problems, builder.problem("syntax", place, message, "Delete it.")]
    except yaml.MarkedYAMLError as error:
        return None, [*builder.problems, builder.problem(*_flaw(error))]


class _StopError(Exception):
    """What follows cannot be read; the problem is already noted."""


class _Builder:
    """Makes nodes of parser events and notes what we do not take."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)

    def problem(self, code: str, place: Place, message: str, hint: str = "") -> Problem:
        return Problem(code, f"{self.path}:{place.line}:{place.column}", message, hint)

    def document(self, start: str) -> Node:
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            hint = f"Start with {start!r}." if start else ""
            self._wrong("syntax", Place(1, 1), "The file is empty.", hint)
            raise _StopError
        node = self._node(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._wrong("syntax", _place(after), "A second document starts here.", "Remove '---'.")
        return node

    def _wrong(self, code: str, place: Place, message: str, hint: str = "") -> None:
        self.problems.append(self.problem(code, place, message, hint))

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = _place(event)
        if depth > DEPTH:
            self._wrong("syntax", place, f"This is nested more than {DEPTH} levels deep.")
            raise _StopError
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        assert isinstance(event, yaml.NodeEvent)  # noqa: S101
        self._plain(event, place)
        if isinstance(event, yaml.ScalarEvent):
            return Text(str(event.value), place, quoted=event.style is not None)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._items(depth)), place)
        return Keyed(tuple(self._pairs(depth)), place)

    def _plain(self, event: yaml.NodeEvent, place: Place) -> None:
        if event.anchor is not None:
            name = f"&{event.anchor}"
            self._wrong(
                "anchor",
                place,
                f"{name!r} is a YAML anchor, which is not used here.",
                "Write the value where it counts, or put a text that starts with & in quotes.",
            )
        if getattr(event, "tag", None) is not None:
            hint = "Leave the tag out, or put a text that starts with ! in quotes."
            self._wrong("anchor", place, "A YAML tag (!) is not used here.", hint)

    def _alias(self, event: yaml.AliasEvent, place: Place) -> Text:
        name = f"*{event.anchor}"
        hint = f'Put a wildcard in quotes: "{name}".'
        self._wrong("anchor", place, f"{name!r} starts with * and is not in quotes.", hint)
        return Text(name, place, quoted=True)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _pairs(self, depth: int) -> Iterator[tuple[Text, Node]]:
        seen: dict[str, Place] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            node = self._node(next(self._events), depth + 1)
            if not isinstance(key, Text):
                self._wrong("wrong-type", key.place, "A key must be text, not a list or mapping.")
            elif key.value in seen:
                first = f"It already stands in line {seen[key.value].line}."
                message = f"The key {key.value!r} is written twice."
                self._wrong("duplicate-key", key.place, message, first)
            else:
                seen[key.value] = key.place
                yield key, node


def _place(event: yaml.Event) -> Place:
    return _mark(event.start_mark)


_FLAWS = (
    ("found character '\\t'", "tab", "A tab stands here.", "Use spaces."),
    (
        "that cannot start any token",
        "syntax",
        "A value cannot start with this character.",
        "Put the value in quotes.",
    ),
    (
        "mapping values are not allowed here",
        "syntax",
        "There is a second colon in this line, or the line is indented too far.",
        "Put a value with ': ' in quotes, and line keys up with the keys above.",
    ),
    (
        "expected <block end>",
        "syntax",
        "This does not line up with anything above.",
        "Indent it like its neighbours, and put a value that goes on after a quote in quotes.",
    ),
    ("could not find expected ':'", "syntax", "This key has no colon.", "Write 'key: value'."),
    ("sequence entries are not allowed", "syntax", "A list item '- ' starts inside a line.",
     "Start it on a line of its own, or write [a, b]."),
    ("expected the node content", "syntax", "A bracket or comma stands where a value should.",
     "Put a value with brackets or commas in quotes."),
    ("escape", "syntax", "A backslash means something special between double quotes.",
     "Use single quotes, or write \\\\."),
    ("chomping or indentation", "syntax", "A value cannot start with | or >.",
     "Put the value in quotes."),
)  # fmt: skip

_OPENED = (
    ("while scanning a quoted scalar", "This quote is never closed.", "Close it in its line."),
    ("while scanning a double-quoted scalar", "This quote is never closed.", "Close it."),
    ("while parsing a flow sequence", "This list is never closed.", "Close it with ']'."),
    ("while parsing a flow mapping", "This mapping is never closed.", "Close it with '}'."),
)

_CROWDED = "A comma or closing bracket is missing before this."

_WILDCARD = 'Put a wildcard in quotes: "*db*".'


def _flaw(error: yaml.MarkedYAMLError) -> tuple[str, Place, str, str]:
    """Say in our words what the parser met, and where it started."""
    problem, context = error.problem or "", error.context or ""
    here, start = _mark(error.problem_mark), _mark(error.context_mark)
    if context == "while scanning an alias":
        return "anchor", start, "This value starts with * and is not in quotes.", _WILDCARD
    for needle, code, message, hint in _FLAWS:
        if needle in problem:
            return code, start if "':'" in needle else here, message, hint
    if context.startswith("while parsing a flow") and here.line == start.line:
        return "syntax", here, _CROWDED, "Put a value with ?, : or brackets in it in quotes."
    for needle, message, hint in _OPENED:
        if context == needle:
            return "syntax", start, message, hint
    hint = "Look at the indentation, quotes, brackets and colons around it."
    return "syntax", here, "This cannot be read as YAML.", hint


class _Mark(Protocol):
    """A position as the parser counts: from 0."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


def _mark(mark: _Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
