"""Whose a reading is: what a session did is its user's once a claim says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time

from reference.world import Claim, Reading, World, level_of


class Owners:
    """Looks up who a subject belonged to at an instant."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock = world.clock

    def readings(self) -> Iterator[Reading]:
        """Return the world's readings, each under the subject it belongs to."""
        for reading in self._world.readings:
            owner = self.of(reading.subject, self._begins(reading))
            if owner == reading.subject:
                yield reading
            else:
                yield replace(
                    reading, subject=owner, level=level_of(self._world.subjects[owner][0])
                )

    def _begins(self, reading: Reading) -> datetime:
        if reading.grain == "hour":
            return reading.time
        return self._clock.midnight(reading.time.date())

    def of(self, subject: int, instant: datetime) -> int:
        """Follow the claims to the last; claims that run in a circle claim nothing."""
        way = [subject]
        while (owner := self._direct(way[-1], instant)) is not None:
            if owner in way:
                return subject
            way.append(owner)
        return way[-1]

    def _direct(self, subject: int, instant: datetime) -> int | None:
        claims = [c for c in self._world.claims if c.subject == subject and c.of != subject]
        written = [c for c in claims if c.seen is None and self._valid(c, instant)]
        if written:
            began = max(self._start(c) for c in written)
            return min(c.of for c in written if self._start(c) == began)
        seen = [(c.seen, c.of) for c in claims if c.seen is not None]
        before = [moment for moment, _ in seen if moment <= instant]
        moment = max(before) if before else min((m for m, _ in seen), default=None)
        return min((of for m, of in seen if m == moment), default=None)

    def _start(self, claim: Claim) -> datetime:
        return datetime.min.replace(tzinfo=UTC) if claim.start is None else self._at(claim.start)

    def _valid(self, claim: Claim, instant: datetime) -> bool:
        ended = claim.end is not None and self._at(claim.end) <= instant
        return self._start(claim) <= instant and not ended

    def _at(self, stamp: datetime) -> datetime:
        """A stamp at midnight UTC is the label of a local date; any other is an instant."""
        stamp = stamp.astimezone(UTC)
        return self._clock.midnight(stamp.date()) if stamp.time() == time(0) else stamp
