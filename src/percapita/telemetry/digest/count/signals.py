"""From decoded signals to rows that can be counted, and what cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, NamedTuple

import numpy as np

from percapita.telemetry.digest.decode.signals import Batch
from percapita.telemetry.digest.decode.wire import LENGTH, Flags, Ints, Words, fields
from percapita.telemetry.digest.decode.words import ABSENT, Lexicon, unique
from percapita.telemetry.digest.marks import Marks
from percapita.telemetry.digest.meters.plan import (
    FLAG_KEY,
    FLAG_VARIANT,
    LOG_THRESHOLD,
    OPERATION,
    Plan,
)
from percapita.telemetry.digest.meters.sampling import of_state, of_text
from percapita.telemetry.digest.owners.named import TRACE, Owners
from percapita.telemetry.digest.rows import Rows

AHEAD: Final = 3_600 * 10**9
"""Nanoseconds that a sender's clock may be ahead of ours."""
BEHIND: Final = 90 * 86_400 * 10**9
"""Nanoseconds that a signal may be late."""
_MICRO: Final = 1000


class Origin(NamedTuple):
    """Where the bodies of a batch came from, a row each."""

    position: Ints
    received: Ints
    """Microseconds since 1970."""
    bodies: Sequence[bytes]


class Flaw(NamedTuple):
    """Signals that were not counted."""

    code: str
    service: str
    position: int
    """An entry of the spool they came in."""
    at: int
    """Nanoseconds since 1970 that one of them says."""
    signals: int


@dataclass(slots=True)
class Names:
    """Texts behind the codes of rows: the same for all that is held in memory."""

    cells: list[tuple[str | None, ...]] = field(default_factory=list)
    lexicon: Lexicon = field(default_factory=Lexicon)
    thresholds: list[str] = field(default_factory=list)
    _cells: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    _tidied: dict[int, int] = field(default_factory=dict)
    _reduced: dict[int, int] = field(default_factory=dict)

    def cell(self, cells: tuple[str | None, ...]) -> int:
        """Return the code of the cells of a resource."""
        if cells not in self._cells:
            self._cells[cells] = len(self.cells)
            self.cells.append(cells)
        return self._cells[cells]

    def threshold(self, text: str | None) -> int:
        """Return the code of a sampling threshold, -1 where it is not known."""
        if text is None:
            return ABSENT
        if text not in self.thresholds:
            self.thresholds.append(text)
        return self.thresholds.index(text)

    def tidied(self, codes: Ints) -> Ints:
        """Return names of spans without what may be an id."""
        different, which = unique(codes)
        for code in different:
            if code >= 0 and code not in self._tidied:
                self._tidied[code] = self.lexicon.code(tidy(self.lexicon.texts[code]))
        return np.array([self._tidied.get(c, ABSENT) for c in different], np.int64)[which]

    def reduced(self, codes: Ints) -> Ints:
        """Return names of others, such as hosts, without what may be an id or an address."""
        different, which = unique(codes)
        for code in different:
            if code >= 0 and code not in self._reduced:
                self._reduced[code] = self.lexicon.code(reduce(self.lexicon.texts[code]))
        return np.array([self._reduced.get(c, ABSENT) for c in different], np.int64)[which]


_PATH: Final = re.compile(r"/[^\s?#]*")
_REST: Final = re.compile(r"[?#]\S*")
_PLAIN: Final = re.compile(r"[A-Za-z_.~:*{}<>-]{0,40}|v\d{1,2}")
_SENSITIVE: Final = re.compile(r"\S*(@|%40)\S*|\d{4,}|\b[0-9a-fA-F-]{16,}\b")
_LONGEST: Final = 200


def tidy(name: str) -> str:
    """Return a span's name without what looks like an id: a route has none, a raw path may."""
    name = _REST.sub("", name)
    name = _PATH.sub(_plain, name)
    return _SENSITIVE.sub("{id}", name)[:_LONGEST]


def reduce(name: str) -> str:
    """Return the name of a host or service without what looks like an id or an IP address."""
    try:
        ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return tidy(name)
    return "{ip}"


def _plain(path: re.Match[str]) -> str:
    parts = path[0].split("/")
    return "/".join(part if _PLAIN.fullmatch(part) else "{id}" for part in parts)


@dataclass(slots=True)
class Counted:
    """What a batch of signals gave."""

    rows: Rows
    learned: list[tuple[Words, Ints, Words]]
    """Hashes, the users that signals name, and when these began: of all signals, counted or not."""
    seen: tuple[Ints, Ints, Ints]
    """Sessions, the users that were named with them, and when they ended: likewise of all."""
    flaws: list[Flaw]
    every: Rows
    """A row for each signal, also of those that nobody counts."""
    fine: Flags
    """Which of them say a time that can be."""
    duration: Ints
    """Nanoseconds that each of them took."""


def count(
    batch: Batch,
    plan: Plan,
    owners: Owners,
    marks: Marks,
    origin: Origin,
    names: Names,
    joins: Sequence[str],
) -> Counted:
    """Return the rows of all signals that a meter counts."""
    begun, ended, duration = _times(batch, origin)
    trace_words = batch.ids(batch.layout.trace, 16)
    trace = marks.of_trace(trace_words)
    user, session, tenant = owners.named(batch)
    shared = owners.joins(batch, trace, session)
    learned = [(found, user, begun) for found in shared]
    if TRACE in joins:
        shared = (*shared, _linked(batch, marks))
    quantities = plan.quantities(batch, duration)
    counted = np.zeros(len(batch), np.bool_)
    for values in quantities.values():
        counted |= values >= 0
    wrong = _wrong(ended, origin.received[batch.body])
    key, check = _marked(batch, marks, origin, begun, trace_words)
    cell = np.array([names.cell(r.cells) for r in batch.resources], np.int64)[batch.resource]
    rows = Rows(
        position=origin.position[batch.body], received=origin.received[batch.body],
        at=ended.view(np.int64), key=key, check=check, cell=cell,
        operation=_operation(batch, names), feature=_feature(batch),
        threshold=_threshold(batch, names), trace=trace, joins=shared,
        user=user, session=session, tenant=tenant, quantities=quantities,
        called={by: names.reduced(codes)
                for by, codes in plan.operations(batch, quantities).items()},
    )  # fmt: skip
    flaws = _flaws(batch, rows, np.where(counted, wrong, 0))
    fine = wrong == 0
    kept = (counted | _hands_on(shared, trace, user, joins)) & fine
    seen = session, np.where(fine, user, 0), rows.at
    every, rows = rows, rows if kept.all() else rows.take(kept)
    return Counted(rows, learned, seen, flaws, every, fine, duration)


def _times(batch: Batch, origin: Origin) -> tuple[Words, Words, Ints]:
    begun, ended = batch.fixed(batch.layout.start), batch.fixed(batch.layout.end)
    if batch.kind == "logs":
        # ``begun`` is when it was observed: the next best where it does not say when it happened.
        received = (origin.received[batch.body] * _MICRO).view(np.uint64)
        ended = np.where(ended == 0, np.where(begun == 0, received, begun), ended)
        return ended, ended, np.zeros(len(batch), np.int64)
    duration = np.where(ended > begun, ended - begun, np.uint64(0))
    duration[begun == 0] = 0
    return begun, ended, np.minimum(duration, np.uint64(BEHIND)).view(np.int64)


_CODES: Final = ("", "clock-ahead", "clock-behind")


def _wrong(ended: Words, received: Ints) -> Ints:
    now = (received * _MICRO).view(np.uint64)
    return np.where(
        ended > now + np.uint64(AHEAD), 1, np.where(ended < now - np.uint64(BEHIND), 2, 0)
    )


def _flaws(batch: Batch, rows: Rows, wrong: Ints) -> list[Flaw]:
    """Return one flaw for each way in which a service's signals are wrong."""
    at = np.flatnonzero(wrong)
    found: dict[tuple[str, str], Flaw] = {}
    for one in at.tolist():
        service = batch.resources[batch.resource[one]].texts.get("service.name", "")
        code = _CODES[wrong[one]]
        flaw = found.get((code, service))
        if flaw is None:
            place, time = int(rows.position[one]), int(rows.at[one])
            flaw = Flaw(code, service, place, time, 0)
        found[code, service] = flaw._replace(signals=flaw.signals + 1)
    return list(found.values())


def _marked(
    batch: Batch, marks: Marks, origin: Origin, begun: Words, trace: tuple[Words, ...]
) -> tuple[Words, Words]:
    """Return what each signal is known again by: its ids, or its place in a request's bytes."""
    if batch.kind == "logs":
        return _placed(batch, marks, origin, begun)
    (span,) = batch.ids(batch.layout.span, 8)
    named: Flags = (span != 0) & ((trace[0] | trace[1]) != 0)
    key, check = marks.of_spans(begun, trace, span)
    if not named.all():
        by_place = _placed(batch, marks, origin, begun)
        key, check = np.where(named, key, by_place[0]), np.where(named, check, by_place[1])
    return key, check


def _placed(batch: Batch, marks: Marks, origin: Origin, at: Words) -> tuple[Words, Words]:
    bodies = np.array([marks.of_body(body) for body in origin.bodies], np.uint64)[batch.body]
    return marks.of_places(at, (bodies[:, 0], bodies[:, 1]), batch.ordinal)


def _operation(batch: Batch, names: Names) -> Ints:
    found = batch.texts(OPERATION)
    if batch.kind == "logs" or (found >= 0).all():
        return found
    return np.where(found >= 0, found, names.tidied(batch.field_texts(batch.layout.name)))


def _threshold(batch: Batch, names: Names) -> Ints:
    is_log = batch.kind == "logs"
    codes = batch.texts(LOG_THRESHOLD) if is_log else batch.field_texts(batch.layout.state)
    read = of_text if is_log else of_state
    different, which = unique(codes)
    texts = (batch.lexicon.shown(code) for code in different)
    return np.array([names.threshold(read(text) if text else None) for text in texts])[which]


def _feature(batch: Batch) -> Ints:
    """Return the flag that a signal was under, ``key:variant``: of its attributes or events."""
    key, variant = batch.texts(FLAG_KEY).copy(), batch.texts(FLAG_VARIANT).copy()
    owner, own = batch.events()
    for column, names in ((key, FLAG_KEY), (variant, FLAG_VARIANT)):
        found = np.full(len(owner), ABSENT)
        for name in reversed(names.split("|")):
            if name in own:
                own[name].texts(batch.buffer, batch.lexicon, found)
        for event in np.flatnonzero(found >= 0)[::-1].tolist():
            column[owner[event]] = found[event]
    of = np.flatnonzero(key >= 0)
    if len(of):
        texts = batch.lexicon.texts
        pairs = zip(key[of].tolist(), variant[of].tolist(), strict=True)
        key[of] = batch.lexicon.codes(
            texts[k] if v < 0 else f"{texts[k]}:{texts[v]}" for k, v in pairs
        )
    return key


def _hands_on(shared: Sequence[Words], trace: Words, user: Ints, joins: Sequence[str]) -> Flags:
    """Tell which signals say by a link whose their trace is, though no meter may count them."""
    if TRACE not in joins:
        return np.zeros(len(user), np.bool_)
    found: Flags = (user == 0) & (trace != 0) & (shared[-1] != 0)
    return found


def _linked(batch: Batch, marks: Marks) -> Words:
    """Return the hash of the trace that a span is linked to: of the first link."""
    result = np.zeros(len(batch), np.uint64)
    links = batch.parts.of(batch.layout.links, LENGTH) if batch.layout.links else None
    if links is None or not len(links.owner):
        return result
    inner = fields(batch.buffer, links.start, links.start + links.length).of(1, LENGTH)
    inner = inner.only(inner.length == 16)  # noqa: PLR2004 bytes of a trace id
    words = tuple(batch.buffer.words[inner.start + at] for at in (0, 8))
    owner = links.owner[inner.owner]
    result[owner[::-1]] = marks.of_trace(words)[::-1]
    return result
