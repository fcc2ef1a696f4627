"""Counting what is received: turn by turn from the spool to the store."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from percapita.store.delivery import Quarantined
from percapita.store.live.merging import MergeError
from percapita.store.live.turns import LiveStore, Turn
from percapita.store.spool import Entry, Spool
from percapita.telemetry.digest import sums
from percapita.telemetry.digest.count import refused
from percapita.telemetry.digest.count.choosing import Sample
from percapita.telemetry.digest.count.decoder import Decoded, Decoder
from percapita.telemetry.digest.count.points import microseconds
from percapita.telemetry.digest.count.signals import Names
from percapita.telemetry.digest.marks import Marks
from percapita.telemetry.digest.meters.plan import Called
from percapita.telemetry.digest.models import Models
from percapita.telemetry.digest.owners.claims import Claims
from percapita.telemetry.digest.owners.waiting import Waiting
from percapita.telemetry.digest.owners.whose import Whose
from percapita.telemetry.digest.rows import Rows
from percapita.telemetry.logged import Happened

_LOG: Final = logging.getLogger(__name__)

TURN_BYTES: Final = 24 << 20
"""Requests of one turn, unpacked; bounds its memory, and how long what was read is not shown."""
_PIECE_BYTES: Final = 2_000_000
"""Decoded at once: columns that fit the processor's cache take half the time."""
_MANY_WORDS: Final = 200_000
"""Texts remembered; names of spans without end are forgotten in between."""
_SERIES: Final = 200_000
_MERGE: Final = 8
"""Commits after which it is seen whether files are to be merged."""
_FORGET: Final = timedelta(hours=1)
_SERIES_DAYS: Final = timedelta(days=2)
"""A series that is silent for longer begins anew."""


class Digest:
    """Reads the spool, counts, commits. There is one for a store."""

    def __init__(
        self,
        live: LiveStore,
        spool: Spool,
        models: Models,
        marks: Marks,
        happened: Happened | None = None,
    ) -> None:
        self._live = live
        self._happened = happened
        self._spool = spool
        self._models = models
        self._marks = marks
        self._read = live.position
        self._open: deque[tuple[int, int]] = deque()
        """Entries that may still be needed to join others: position, and when they came."""
        self._waiting = Waiting()
        self._whose = Whose()
        self._series = _Series(live)
        self._carries = _Carries(live)
        self._claims = Claims()
        self._forgotten: datetime | None = None
        self._bases: dict[str, str] = {}
        """Base unit of each meter, as it is counted now."""
        self._callings: dict[str, Called] = {}
        """Attributes that the operations of each meter are called by; none: the signal's own."""
        self._names = Names()
        self._sample = Sample()
        self._decoder = self._made()
        self._tended = (0, False)
        """Commits at the last merging, and whether it was of all that is small."""
        self._merging: Generator[None] | None = None
        self._looked = (0, False)
        """When it was seen last whether large files are to be merged, by commits, and how."""
        self.commits = 0

    def turn(self, now: datetime) -> bool:
        """Count what came in, and what has waited; tell whether there is more to read at once."""
        if self._models.changed():
            self._decoder = self._made()
        self._renew()
        if changed := self._live.numbers.refresh():
            self._whose.renumber(changed)
            self._claims.forget(changed)
        found = Decoded()
        received: datetime | None = None
        for entries in self._pieces():
            if self._happened is not None:
                # What is read again after a restart is on the timeline already.
                self._happened.see(e for e in entries if e.position > self._live.read)
            self._decoder.decode(entries, self._series, found)
            self._open.extend((e.position, microseconds(e.received)) for e in entries)
            self._read, received = entries[-1].position, entries[-1].received
        found.settle(self._live.numbers.settled())
        more = received is not None and self._read < self._spool.head
        # While there is more, time is what the spool says: nothing waits in vain for what is in it.
        clock = received if more and received else now
        self._count(found, clock - self._wait, now)
        return more

    def finish(self, now: datetime) -> None:
        """Count all that is in the spool; what waits is counted as it is."""
        while self.turn(now):
            pass
        self._count(Decoded(), now + self._wait, now)
        self.tend(now, idle=True)
        while self.merge(now, idle=True):
            pass

    def report(self) -> dict[str, Any]:
        """Return how far counting is, in JSON's types."""
        held = self._live.marked.held
        return {
            "position": self._live.read,
            "kept_from": self._live.position + 1,
            "waiting": len(self._waiting),
            "marks": held.marks,
            "marks_bytes": held.bytes,
            "known_since": held.since.isoformat() if held.since else None,
            "model_problem": self._models.problem or None,
        }

    @property
    def _wait(self) -> timedelta:
        return timedelta(seconds=self._models.model.identity.wait)

    def _count(self, found: Decoded, since: datetime, now: datetime) -> None:
        before = microseconds(since)
        # Nobody else holds the rows: what is not needed any more goes while the rest is written.
        self._commit(found, self._decided(found, before), before, now)

    def _pieces(self) -> Iterator[list[Entry]]:
        """Yield what is to be read; not what is read again together with what is new."""
        size, after = 0, self._read
        last = self._live.read if after < self._live.read else None
        while size < TURN_BYTES:
            entries = self._spool.read(after, _PIECE_BYTES)
            if last is not None:
                entries = [entry for entry in entries if entry.position <= last]
            if not entries:
                return
            yield entries
            after = entries[-1].position
            size += sum(len(entry.body) for entry in entries)

    def tend(self, now: datetime, *, idle: bool) -> None:
        """Merge files and let go what is old, between turns."""
        count, whole = self._tended
        if self.commits - count >= _MERGE or (idle and (self.commits != count or not whole)):
            self._tended = self.commits, idle
            self._live.tend(now, idle=idle)
        if self._forgotten is None or now - self._forgotten > _FORGET:
            self._forgotten = now
            before = microseconds(now - _SERIES_DAYS)
            self._live.forget(
                now, series_before=before * 1000, hours_before=before // 3_600_000_000
            )

    def merge(self, now: datetime, *, idle: bool) -> bool:
        """Take a step in merging large files, a part of a second; tell whether there was one."""
        seen = (self.commits if idle else self.commits // _MERGE, idle)
        if self._merging is None and self._looked != seen:
            self._looked = seen
            self._merging = self._live.merging(now, idle=idle)
        if self._merging is None:
            return False
        try:
            next(self._merging)
        except StopIteration:
            # There may be more of it.
            self._merging, self._looked = None, (-1, idle)
        except (OSError, MergeError) as error:
            _LOG.error("large files of readings are not merged: %s", error)
            self._merging = None
        return True

    def close(self) -> None:
        """Give up what has not come to its end."""
        if self._merging is not None:
            self._merging.close()

    def _made(self) -> Decoder:
        model, numbers = self._models.model, self._live.numbers
        return Decoder(model, numbers, self._marks, self._names, self._sample)

    def _renew(self) -> None:
        """Forget texts that were met once, when nothing that waits has their codes."""
        if len(self._names.lexicon) > _MANY_WORDS and not self._waiting:
            self._names = Names()
            self._decoder = self._made()

    def _decided(self, found: Decoded, since: int) -> Rows | None:
        """Return the rows that can be counted now, each once."""
        if found.learned:
            hashes, users, begun = zip(*found.learned, strict=True)
            self._whose.learn(*map(np.concatenate, (hashes, users, begun)))
        fresh = [rows for rows in found.rows if len(rows)]
        found.rows, found.learned = [], []
        if fresh:
            rows = Rows.concatenated(fresh)
            known = ~self._live.marked.fresh(rows.key, rows.check)
            fresh = [rows.take(~known) if known.any() else rows]
        return self._waiting.decided(fresh, self._whose, since)

    def _commit(self, found: Decoded, rows: Rows | None, since: int, now: datetime) -> None:
        position = self._live.position
        while self._open and self._open[0][1] < since:
            position = self._open.popleft()[0]
        readings, bases, broken = self._summed(found, rows)
        # What is read again after a restart has its broken rows in the store already.
        broken += [one for one in found.broken if one.row > self._live.read]
        for seen in found.seen:
            self._claims.see(*seen)
        if rows is not None:
            self._claims.see(rows.session, rows.user, rows.at)
        turn = Turn(
            position=position, read=max(self._read, self._live.read),
            readings=readings, claims=self._claims.taken(), bases=bases,
            events=None if self._happened is None else self._happened.taken(),
            marks=None if rows is None else (rows.key, rows.check),
            series=self._series.taken(), totals=self._carries.taken(),
            quarantine=broken, traces=[one for some in found.taken for one in some.begun],
            spans=[span for some in found.taken for span in some.spans()],
        )  # fmt: skip
        del rows, readings
        if not turn.empty or (position, turn.read) != (self._live.position, self._live.read):
            self._live.commit(turn, now)
            self.commits += 1
            self._spool.forget(position)

    def _summed(
        self, found: Decoded, rows: Rows | None
    ) -> tuple[pa.Table | None, dict[str, str], list[Quarantined]]:
        """Return readings, the base unit of their meters, and what cannot be kept."""
        self._bases |= found.bases
        self._callings |= found.callings
        if rows is None:
            return None, {}, []
        broken = self._without_strangers(rows)
        squares = self._models.model.sampling.unknown != 1
        while True:
            try:
                readings = sums.summed(
                    rows, self._names, self._carries, self._callings, squares=squares
                )
            except sums.TooMuchUsageError as error:
                broken.append(_refused("too-much", str(error), rows))
                rows.quantities = {m: q for m, q in rows.quantities.items() if m != str(error)}
                continue
            return readings, {meter: self._bases[meter] for meter in rows.quantities}, broken

    def _without_strangers(self, rows: Rows) -> list[Quarantined]:
        """Take out meters that the store keeps in another unit: their sums would mean nothing."""
        kept = self._live.bases()
        strange = [m for m in rows.quantities if kept.get(m, self._bases[m]) != self._bases[m]]
        rows.quantities = {m: q for m, q in rows.quantities.items() if m not in strange}
        return [_refused("other-unit", meter, rows) for meter in strange]


_WHY: Final = {
    "too-much": (
        "quantities sum to more than 4.6e18 base units within seconds",
        "Correct what sends them, or give the meter a coarser unit.",
    ),
    "other-unit": (
        "its readings so far are in another unit",
        "Give it the unit it had, or count it under another name.",
    ),
}


def _refused(code: str, meter: str, rows: Rows) -> Quarantined:
    what, position = f"meter {meter}", int(rows.position[0])
    return refused.told([refused.Told(code, what, "", position, *_WHY[code])])[0]


class _Series:
    """Last points, those of this turn apart until they are committed."""

    def __init__(self, live: LiveStore) -> None:
        self._live = live
        self._held: dict[str, Any] = {}
        self._new: dict[str, tuple[int, Any]] = {}

    def last(self, keys: Sequence[str]) -> Mapping[str, Any]:
        missing = [key for key in keys if key not in self._held]
        if len(self._held) > _SERIES:
            self._held = {key: point for key, (_, point) in self._new.items()}
            missing = [key for key in keys if key not in self._held]
        if missing:
            self._held |= self._live.series(missing)
        return {key: self._held[key] for key in keys if key in self._held}

    def put(self, key: str, at: int, point: Any) -> None:  # noqa: ANN401
        self._held[key] = point
        self._new[key] = at, point

    def taken(self) -> dict[str, tuple[int, Any]]:
        new, self._new = self._new, {}
        return new


class _Carries:
    """Exact sums of sampled readings, likewise."""

    def __init__(self, live: LiveStore) -> None:
        self._live = live
        self._new: dict[str, tuple[int, int]] = {}

    def get(self, keys: Sequence[str]) -> Mapping[str, int]:
        new = {key: self._new[key][1] for key in keys if key in self._new}
        return self._live.totals([key for key in keys if key not in new]) | new

    def put(self, totals: Mapping[str, int], hours: Mapping[str, int]) -> None:
        self._new |= {key: (hours[key], total) for key, total in totals.items()}

    def taken(self) -> dict[str, tuple[int, int]]:
        new, self._new = self._new, {}
        return new
