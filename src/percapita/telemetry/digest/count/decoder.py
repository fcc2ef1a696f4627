"""Requests of one turn, decoded and made rows of by the model's meters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from percapita.model.spec import Model
from percapita.store.delivery import Quarantined
from percapita.store.live.numbers import Numbers, resolve
from percapita.store.spool import Entry
from percapita.telemetry.digest.count import points, refused, signals
from percapita.telemetry.digest.count.choosing import Sample
from percapita.telemetry.digest.count.points import Series
from percapita.telemetry.digest.count.signals import Names, Origin
from percapita.telemetry.digest.count.taking import Taken
from percapita.telemetry.digest.decode.resources import Resources
from percapita.telemetry.digest.decode.signals import Kind, decode
from percapita.telemetry.digest.decode.wire import Ints, MalformedError, Words
from percapita.telemetry.digest.marks import Marks
from percapita.telemetry.digest.meters.metrics import Metrics
from percapita.telemetry.digest.meters.plan import Called, Plan
from percapita.telemetry.digest.owners.named import Owners, resolve_sessions
from percapita.telemetry.digest.rows import Rows

_KINDS: Final[dict[str, Kind]] = {"traces": "spans", "logs": "logs"}


@dataclass(slots=True)
class Decoded:
    """What the requests of a turn hold."""

    rows: list[Rows] = field(default_factory=list)
    learned: list[tuple[Words, Ints, Words]] = field(default_factory=list)
    seen: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)
    """Sessions, users named with them, and when."""
    broken: list[Quarantined] = field(default_factory=list)
    bases: dict[str, str] = field(default_factory=dict)
    callings: dict[str, Called] = field(default_factory=dict)
    """Attributes that the operations of each meter are called by; none: the signal's own."""
    signals: int = 0
    taken: list[Taken] = field(default_factory=list)
    """Spans of the sample of traces."""

    def settle(self, numbers: Ints) -> None:
        """Write the numbers that the door gave over the provisional ones."""
        if not len(numbers):
            return
        for rows in self.rows:
            for column in (rows.user, rows.session, rows.tenant):
                resolve(column, numbers)
            for hashes in rows.joins:
                resolve_sessions(hashes, numbers)
        for hashes, users, _ in self.learned:
            resolve_sessions(hashes, numbers)
            resolve(users, numbers)
        for sessions, users, _ in self.seen:
            resolve(sessions, numbers)
            resolve(users, numbers)
        for taken in self.taken:
            taken.settle(numbers)


class Decoder:
    """Decodes by one model."""

    def __init__(
        self, model: Model, numbers: Numbers, marks: Marks, names: Names, sample: Sample
    ) -> None:
        self._plans = {kind: Plan.of(model, kind) for kind in _KINDS.values()}
        self._metrics = Metrics(model)
        self._owners = Owners(model.identity, numbers, marks)
        self._marks = marks
        self._names = names
        self._sample = sample
        self._joins = model.identity.join
        self._resources = Resources()

    def decode(self, entries: Sequence[Entry], series: Series, found: Decoded) -> None:
        """Add the rows of requests, and what cannot be counted of them.

        Subjects that are new have provisional numbers until ``settle``.
        """
        for signal, kind in _KINDS.items():
            if of_kind := [entry for entry in entries if entry.signal == signal]:
                self._signals(kind, of_kind, found)
        if metrics := [entry for entry in entries if entry.signal == "metrics"]:
            self._points(metrics, series, found)

    def _signals(self, kind: Kind, entries: Sequence[Entry], found: Decoded) -> None:
        plan = self._plans[kind]
        try:
            batch = decode(
                kind, [e.body for e in entries], plan.keys, self._names.lexicon, self._resources
            )
            counted = signals.count(
                batch,
                plan,
                self._owners,
                self._marks,
                self._origin(entries),
                self._names,
                self._joins,
            )
        except (ArithmeticError, IndexError, ValueError) as error:
            if len(entries) > 1:
                for entry in entries:
                    self._signals(kind, [entry], found)
                return
            found.broken += refused.told([_malformed(kind, entries[0], error)])
            return
        found.rows.append(counted.rows)
        found.learned += counted.learned
        found.seen.append(counted.seen)
        found.broken += refused.broken(kind, counted.flaws)
        found.bases |= plan.names()
        found.callings |= plan.callings()
        found.signals += len(batch)
        if kind == "spans" and (taken := self._sample.take(batch, counted, plan, self._names)):
            found.taken.append(taken)

    def _points(self, entries: Sequence[Entry], series: Series, found: Decoded) -> None:
        reader = points.Reader(
            self._metrics, self._owners, self._marks, self._names, self._resources
        )
        for entry in entries:
            reader.read(entry, series)
        if (rows := reader.rows()) is not None:
            found.rows.append(rows)
        found.broken += refused.told(reader.refused)
        found.bases |= reader.bases
        found.signals += reader.signals

    def _origin(self, entries: Sequence[Entry]) -> Origin:
        return Origin(
            np.array([entry.position for entry in entries], np.int64),
            np.array([points.microseconds(entry.received) for entry in entries], np.int64),
            [entry.body for entry in entries],
        )


def _malformed(kind: str, entry: Entry, error: Exception) -> refused.Told:
    why = str(error) if isinstance(error, MalformedError) else "its bytes end too early"
    return refused.Told(
        "malformed", f"a request of {kind}", "", entry.position,
        f"the request is no OTLP: {why}", "Send it again with a current OpenTelemetry exporter.",
    )  # fmt: skip
