"""Sessions that turn out to be somebody's: found where a signal names, or joins, both."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from percapita.core.subjects import USER
from percapita.core.tables import CLAIMS
from percapita.telemetry.digest.decode.wire import Ints

_MOST: Final = 100_000
"""Sessions remembered, so that each is told once as a rule; telling it twice does no harm."""
_NANO: Final = 1000


class _Last(NamedTuple):
    """Who a session was seen with last, and when."""

    when: int
    user: int


class Claims:
    """Sessions found to be somebody's, or somebody else's than before, that were not told yet.

    One user may follow another in a session, and the first may come back: each change is told.
    """

    def __init__(self) -> None:
        self._last: dict[int, _Last] = {}
        self._first: dict[tuple[int, int], int] = {}
        """When a session and a user were seen together first."""
        self._new: set[tuple[int, int, int]] = set()

    def see(self, session: Ints, user: Ints, at: Ints) -> None:
        """Remember who was seen in which session, and when, in nanoseconds since 1970."""
        both = np.flatnonzero((session > 0) & (user > 0))
        if not len(both):
            return
        order = both[np.lexsort((user[both], at[both], session[both]))]
        of, who, when = session[order], user[order], at[order]
        begins = np.ones(len(order), np.bool_)
        begins[1:] = (of[1:] != of[:-1]) | (who[1:] != who[:-1])
        starts = np.flatnonzero(begins)
        ends = np.append(starts[1:], len(order)) - 1
        columns = of[starts], who[starts], when[starts], when[ends]
        for stretch in zip(*(column.tolist() for column in columns), strict=True):
            self._add(*stretch)

    def _add(self, session: int, user: int, begun: int, ended: int) -> None:
        """Take in a stretch of time in which a session was one user's."""
        last = self._last.get(session)
        if last is None or begun >= last.when:
            if last is None or last.user != user:
                self._tell(session, user, begun)
        elif last.user != user:
            # It came late: who was there after it still is.
            self._tell(session, user, begun)
            self._tell(session, last.user, last.when)
        elif begun < self._first.get((session, user), begun):
            self._tell(session, user, begun)
        if last is None or ended >= last.when:
            self._last[session] = _Last(ended, user)

    def _tell(self, session: int, user: int, when: int) -> None:
        self._new.add((session, user, when))
        self._first[session, user] = min(when, self._first.get((session, user), when))

    def forget(self, subjects: Container[int]) -> None:
        """Forget sessions of subjects that have become others, or nobody."""
        gone = [s for s, last in self._last.items() if s in subjects or last.user in subjects]
        for session in gone:
            del self._last[session]
        for pair in [p for p in self._first if p[0] in subjects or p[1] in subjects]:
            del self._first[pair]
        self._new = {n for n in self._new if n[0] not in subjects and n[1] not in subjects}

    def taken(self) -> pa.Table | None:
        """Return what is new, in the columns of its table; nothing where there is none."""
        if len(self._last) > _MOST:
            self._last.clear()
            self._first.clear()
        if not self._new:
            return None
        found, self._new = sorted(self._new), set()
        return _table(found)


def _table(rows: Sequence[tuple[int, int, int]]) -> pa.Table:
    instant = pa.timestamp("us", tz="UTC")
    columns = {
        "subject": pa.array([session for session, _, _ in rows], pa.int64()),
        "of": pa.array([user for _, user, _ in rows], pa.int64()),
        "level": pa.array([USER] * len(rows)),
        "start": pa.nulls(len(rows), instant),
        "end": pa.nulls(len(rows), instant),
        "seen": pa.array([at // _NANO for _, _, at in rows], pa.int64()).cast(instant),
    }
    return pa.table(columns).select(CLAIMS.names)
