"""Spans and log records of many requests, by columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np

from percapita.telemetry.digest.decode.keys import Keys, Values
from percapita.telemetry.digest.decode.resources import Resource, Resources
from percapita.telemetry.digest.decode.wire import (
    FIXED64,
    LENGTH,
    VARINT,
    Buffer,
    Fields,
    Flags,
    Ints,
    Words,
    fields,
    scopes,
    varints,
)
from percapita.telemetry.digest.decode.words import ABSENT, Lexicon, distinct

Kind = Literal["spans", "logs"]


class Layout(NamedTuple):
    """Field numbers of a signal's message; 0 where it has no such field."""

    trace: int
    span: int
    parent: int
    state: int
    name: int
    kind: int
    start: int
    end: int
    attributes: int
    events: int
    links: int
    status: int


LAYOUTS: Final[dict[Kind, Layout]] = {
    "spans": Layout(1, 2, 4, 3, 5, 6, 7, 8, 9, 11, 13, 15),
    # ``kind`` is the severity; a log has no duration: observed, and its own time.
    "logs": Layout(9, 10, 0, 0, 12, 2, 11, 1, 6, 0, 0, 0),
}
_OF_EVENT: Final = 3
"""Field of an event's attributes."""
_NONE: Final = np.zeros(0, np.int64)


@dataclass(slots=True)
class Batch:
    """Decoded signals; every column has one row a signal."""

    kind: Kind
    layout: Layout
    buffer: Buffer
    lexicon: Lexicon
    parts: Fields
    body: Ints
    """Which body a signal came in."""
    ordinal: Ints
    """Which signal of its body it is."""
    resource: Ints
    """Place in ``resources``."""
    resources: Sequence[Resource]
    scope: Ints
    """Code of the scope's name."""
    keys: Keys
    """The attributes that are asked for."""
    own: dict[str, Values]
    """Those of the signals themselves."""
    flags: dict[tuple[str, object], Flags] = field(default_factory=dict)
    """Which signals fit a condition, for the next meter that asks the same."""
    _texts: dict[str, Ints] = field(default_factory=dict)
    _numbers: dict[int, Ints] = field(default_factory=dict)
    _events: tuple[Ints, dict[str, Values]] | None = None

    def __len__(self) -> int:
        """Return how many signals there are."""
        return len(self.body)

    def events(self) -> tuple[Ints, dict[str, Values]]:
        """Return whose each event is, and the attributes of events that are asked for."""
        if self._events is None:
            number = self.layout.events
            found = self.parts.of(number, LENGTH) if number else None
            if found is None or not len(found.owner):
                self._events = _NONE, {}
            else:
                inner = fields(self.buffer, found.start, found.start + found.length)
                own = self.keys.find(self.buffer, inner.of(_OF_EVENT, LENGTH))
                self._events = found.owner, own
        return self._events

    def fixed(self, number: int) -> Words:
        """Return a field of eight bytes; 0 where there is none."""
        result = np.zeros(len(self), np.uint64)
        found = self.parts.of(number, FIXED64)
        result[found.owner] = self.buffer.words[found.start]
        return result

    def number(self, number: int) -> Ints:
        """Return a field that is a small number; 0 where there is none."""
        if number not in self._numbers:
            result = np.zeros(len(self), np.int64)
            found = self.parts.of(number, VARINT)
            result[found.owner] = varints(self.buffer.at, found.start)[0]
            self._numbers[number] = result
        return self._numbers[number]

    def ids(self, number: int, size: int) -> tuple[Words, ...]:
        """Return the words of an id of that many bytes; zeros where it is not that long."""
        found = self.parts.of(number, LENGTH)
        fits = found.length == size
        owner, start = found.owner[fits], found.start[fits]
        columns = []
        for at in range(0, size, 8):
            column = np.zeros(len(self), np.uint64)
            column[owner] = self.buffer.words[start + at]
            columns.append(column)
        return tuple(columns)

    def field_texts(self, number: int) -> Ints:
        """Return the codes of a text field."""
        result = np.full(len(self), ABSENT)
        found = self.parts.of(number, LENGTH)
        if len(found.owner):
            texts, which = distinct(self.buffer, found.start, found.length)
            result[found.owner] = self.lexicon.codes(t.decode(errors="replace") for t in texts)[
                which
            ]
        return result

    def texts(self, names: str) -> Ints:
        """Return the codes of an attribute, of the signal or else of its resource.

        Of names joined by ``|`` the first that is there.
        """
        if names not in self._texts:
            alternatives = names.split("|")
            result = self.of_resource(alternatives)
            for name in reversed(alternatives):
                if name in self.own:
                    self.own[name].texts(self.buffer, self.lexicon, result)
            self._texts[names] = result
        return self._texts[names]

    def texts_among(self, keys: Keys, which: Flags) -> Ints:
        """Return the codes of the first of these attributes, for some of the signals only.

        They are looked for here, so no other signal pays for them.
        """
        result = np.where(which, self.of_resource(keys.names), ABSENT)
        found = self.parts.of(self.layout.attributes, LENGTH)
        own = keys.find(self.buffer, found.only(which[found.owner]))
        for name in reversed(keys.names):
            if name in own:
                own[name].texts(self.buffer, self.lexicon, result)
        return result

    def of_resource(self, names: Sequence[str]) -> Ints:
        """Return the codes of the first of these attributes that a signal's resource has."""
        codes = np.full(len(self.resources), ABSENT)
        for at, resource in enumerate(self.resources):
            for name in reversed(names):
                if name in resource.texts:
                    codes[at] = self.lexicon.code(resource.texts[name])
        return codes[self.resource]

    def numbers(self, names: str, factor: int) -> tuple[Ints, Flags]:
        """Return an attribute's numbers, each times ``factor``, and where there is one."""
        value = np.zeros(len(self), np.int64)
        known = np.zeros(len(self), np.bool_)
        for name in reversed(names.split("|")):
            if name in self.own:
                self.own[name].numbers(self.buffer, value, known, factor)
        for name in names.split("|"):
            for at, resource in enumerate(self.resources):
                if name in resource.texts:
                    of = (self.resource == at) & ~known
                    number = float(resource.texts[name]) * factor
                    value[of], known[of] = round(number), True
        return value, known


def decode(
    kind: Kind,
    bodies: Sequence[bytes],
    keys: Keys,
    lexicon: Lexicon,
    remembered: Resources,
) -> Batch:
    """Decode requests into columns.

    Raises:
        MalformedError: a body is no request of that kind.
        IndexError: likewise, cut off.
    """
    layout = LAYOUTS[kind]
    buffer = Buffer(bodies)
    found = scopes(buffer, bodies)
    counts = [len(scope.items) // 2 for scope in found]
    places = [np.array(scope.items, np.int64) for scope in found]
    items = (np.concatenate(places) if places else _NONE).reshape(-1, 2)
    parts = fields(buffer, items[:, 0], items[:, 1])
    known: dict[int, int] = {}
    resources: list[Resource] = []
    which = []
    for scope in found:
        resource = remembered.of(buffer, scope)
        if id(resource) not in known:
            known[id(resource)] = len(resources)
            resources.append(resource)
        which.append(known[id(resource)])
    names = lexicon.codes(remembered.scope(buffer, scope) for scope in found)
    body = np.repeat([scope.body for scope in found] or _NONE, counts)
    return Batch(
        kind, layout, buffer, lexicon, parts, body, _ordinals(body),
        np.repeat(which or _NONE, counts), resources, np.repeat(names, counts), keys,
        keys.find(buffer, parts.of(layout.attributes, LENGTH)),
    )  # fmt: skip


def _ordinals(body: Ints) -> Ints:
    """Number the signals of each body; they lie together."""
    if not len(body):
        return body
    first = np.flatnonzero(np.diff(body, prepend=-1))
    return np.arange(len(body)) - np.repeat(first, np.diff(first, append=len(body)))
