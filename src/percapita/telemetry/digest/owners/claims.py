"""Sessions that turn out to be somebody's: found where a signal names, or joins, both."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

import numpy as np
import pyarrow as pa

from percapita.core.subjects import USER
from percapita.core.tables import CLAIMS
from percapita.telemetry.digest.decode.wire import Ints

_MOST: Final = 100_000
"""Pairs remembered, so that each is written once as a rule; writing one twice does no harm."""
_NANO: Final = 1000


class Claims:
    """The pairs of session and user that were not told yet."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, int], int] = {}
        self._new: dict[tuple[int, int], int] = {}

    def see(self, session: Ints, user: Ints, at: Ints) -> None:
        """Remember who was seen in which session, and when, in nanoseconds since 1970."""
        both = np.flatnonzero((session > 0) & (user > 0))
        if not len(both):
            return
        order = both[np.lexsort((at[both], user[both], session[both]))]
        pairs = zip(session[order].tolist(), user[order].tolist(), at[order].tolist(), strict=True)
        before = None
        for of, who, when in pairs:
            if (of, who) != before:
                before = of, who
                self._add(before, when)

    def _add(self, pair: tuple[int, int], when: int) -> None:
        """Keep a pair that is new, or was together earlier than was told: the first time counts."""
        before = self._new.get(pair, self._told.get(pair))
        if before is None or when < before:
            self._new[pair] = when

    def forget(self, subjects: Container[int]) -> None:
        """Forget pairs of subjects that have become others, or nobody."""
        for pairs in (self._told, self._new):
            for pair in [p for p in pairs if p[0] in subjects or p[1] in subjects]:
                del pairs[pair]

    def taken(self) -> pa.Table | None:
        """Return what is new, in the columns of its table; nothing where there is none."""
        if not self._new:
            return None
        found, self._new = self._new, {}
        if len(self._told) + len(found) > _MOST:
            self._told.clear()
        self._told.update(found)
        return _table(sorted(found.items()))


def _table(found: Iterable[tuple[tuple[int, int], int]]) -> pa.Table:
    rows = list(found)
    instant = pa.timestamp("us", tz="UTC")
    columns = {
        "subject": pa.array([session for (session, _), _ in rows], pa.int64()),
        "of": pa.array([user for (_, user), _ in rows], pa.int64()),
        "level": pa.array([USER] * len(rows)),
        "start": pa.nulls(len(rows), instant),
        "end": pa.nulls(len(rows), instant),
        "seen": pa.array([at // _NANO for _, at in rows], pa.int64()).cast(instant),
    }
    return pa.table(columns).select(CLAIMS.names)
