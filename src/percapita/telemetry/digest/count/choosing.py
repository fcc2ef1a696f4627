"""Which traces belong to the sample: few, whole as far as they come, never dear.

Most of them are an even sample: those whose hash lies under a bar, whichever service and turn their
spans come with. The bar falls while too many do and rises while there is room, so of few traces all
are taken. Beside them stand some that failed, and the slowest; of these a span that came in an
earlier turn is missing. A span that is not taken costs one look into a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from percapita.telemetry.digest.count.signals import Counted, Names
from percapita.telemetry.digest.count.taking import Taken, taken
from percapita.telemetry.digest.decode.signals import Batch
from percapita.telemetry.digest.decode.wire import Flags, Ints, Words
from percapita.telemetry.digest.meters.plan import FAILED, SERVES, Plan, status
from percapita.telemetry.digest.rows import Rows

SPANS: Final = 200
"""Of one trace, at most."""
_FOLLOWED: Final = 120_000_000
"""Microseconds for which further spans of a taken trace are taken."""
_A_DAY: Final[Mapping[str, int]] = {"even": 1_000, "failed": 500, "slow": 500}
"""Traces that are taken in a day of heavy load, by why."""
_AT_ONCE: Final[Mapping[str, int]] = {"even": 300, "failed": 100, "slow": 50}
"""Traces that may be taken at once, after a pause."""
_SMALL: Final = 2_000
"""Of a batch with fewer spans every failure and the slowest request is seen."""
_LOOK: Final = 1_000_000
"""Microseconds after which they are looked for in larger ones."""
_DAY: Final = 86_400_000_000
_BITS: Final = 16
_SHIFT: Final = 64 - _BITS
_HIGHEST: Final = (1 << 64) - 1
_LOWEST: Final = 1 << 24
_ROOM: Final = 2
"""Traces that may be taken, from which on the bar rises."""
_HALF_LIFE: Final = 300_000_000
"""Microseconds after which half as slow a request is slow again."""


@dataclass(slots=True)
class _Bucket:
    """How many more traces may be taken."""

    left: float
    most: int
    a_day: int

    def fill(self, elapsed: int) -> None:
        self.left = min(self.left + elapsed * self.a_day / _DAY, self.most)


@dataclass(slots=True)
class _Followed:
    """A trace that was taken."""

    why: str
    until: int
    left: int
    """Spans that may come still."""


class Sample:
    """Chooses traces, turn after turn."""

    def __init__(self) -> None:
        self._buckets = {w: _Bucket(_AT_ONCE[w], _AT_ONCE[w], _A_DAY[w]) for w in _A_DAY}
        self._bar = _HIGHEST
        """Traces with a lower hash are taken."""
        self._slow = 0.0
        """Nanoseconds that a request takes to be slow."""
        self._followed: dict[int, _Followed] = {}
        self._asked: Words = np.zeros(0, np.uint64)
        """The hashes of those that are followed, in order."""
        self._maybe: Flags = np.ones(1 << _BITS, np.bool_)
        """By the first bits of a hash, whether the trace may be one to take."""
        self._now = 0

    def take(self, batch: Batch, counted: Counted, plan: Plan, names: Names) -> Taken | None:
        """Return the spans of a batch that belong to the sample; usually there are none.

        Args:
            batch: decoded spans.
            counted: what counting made of them.
            plan: what meters ask of spans.
            names: texts behind the codes of rows.
        """
        rows = counted.every
        if not len(rows):
            return None
        now = int(rows.received[-1])
        if len(rows) < _SMALL or now - self._now >= _LOOK:
            self._pass(now)
            self._unusual(batch, rows, counted.duration)
            self._mark()
        maybe = np.flatnonzero(self._maybe[(rows.trace >> np.uint64(_SHIFT)).view(np.int64)])
        if not len(maybe):
            return None
        bar = self._bar
        if self._even(rows.trace[maybe]) or bar != self._bar:
            self._mark()
        which = maybe[self._of(rows.trace[maybe])]
        which = which[counted.fine[which]]
        if not len(which):
            return None
        why = {one: trace.why for one, trace in self._followed.items()}
        return taken(batch, rows, counted.duration, which, why, plan, names)

    def _pass(self, now: int) -> None:
        """Let time pass: others may be taken, and what was taken long ago is followed no more."""
        elapsed = min(max(now - self._now, 0), _DAY) if self._now else 0
        self._now = max(now, self._now)
        for bucket in self._buckets.values():
            bucket.fill(elapsed)
        self._slow *= 0.5 ** (elapsed / _HALF_LIFE)
        if self._buckets["even"].left >= _ROOM:
            self._bar = min(self._bar << 1 | 1, _HIGHEST)
        old = [one for one, trace in self._followed.items() if trace.until < now]
        for one in old:
            del self._followed[one]

    def _mark(self) -> None:
        """Note which traces may be ones to take."""
        self._asked = np.sort(np.fromiter(self._followed, np.uint64, len(self._followed)))
        self._maybe[:] = False
        self._maybe[: (self._bar >> _SHIFT) + 1] = True
        self._maybe[(self._asked >> np.uint64(_SHIFT)).view(np.int64)] = True

    def _even(self, traces: Words) -> bool:
        """Choose traces under the bar, as many as may be; lower it if they are too many."""
        left = self._buckets["even"].left
        under = np.unique(traces[(traces <= np.uint64(self._bar)) & (traces != 0)])
        new = [one for one in under.tolist() if one not in self._followed]
        while len(new) > left and self._bar > _LOWEST:
            self._bar >>= 1
            new = [one for one in new if one <= self._bar]
        return self._begin(new, "even")

    def _unusual(self, batch: Batch, rows: Rows, duration: Ints) -> None:
        """Choose traces that failed and the slowest one, if some may be taken."""
        if self._buckets["failed"].left >= 1:
            failed = status(batch) == FAILED
            self._begin(self._new(rows.trace[failed]), "failed")
        if self._buckets["slow"].left >= 1:
            serves = np.isin(batch.number(batch.layout.kind), SERVES)
            took = np.where(serves, duration, 0)
            at = int(took.argmax())
            if took[at] > self._slow > 0:
                self._begin(self._new(rows.trace[at : at + 1]), "slow")
            self._slow = max(self._slow, float(took[at]))

    def _new(self, traces: Words) -> list[int]:
        found: list[int] = np.unique(traces).tolist()
        return [one for one in found if one and one not in self._followed]

    def _begin(self, traces: Sequence[int], why: str) -> bool:
        """Take some of these traces, as many as may be; tell whether there are any."""
        bucket = self._buckets[why]
        some = traces[: int(bucket.left)]
        bucket.left -= len(some)
        for one in some:
            self._followed[one] = _Followed(why, self._now + _FOLLOWED, SPANS)
        return bool(some)

    def _of(self, traces: Words) -> Ints:
        """Return which signals are of traces that were taken, as many of each as may come."""
        asked = self._asked
        if not len(asked):
            return np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(asked, traces), len(asked) - 1)
        found = []
        for place in np.flatnonzero(asked[at] == traces).tolist():
            trace = self._followed[int(traces[place])]
            if trace.left:
                trace.left -= 1
                found.append(place)
        return np.array(found, np.int64)
