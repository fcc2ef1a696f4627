"""Signals that name no user wait a while for another of their trace or request that does."""

from __future__ import annotations

from typing import Final

import numpy as np

from percapita.telemetry.digest.decode.wire import Flags, Ints, Words
from percapita.telemetry.digest.owners.whose import Whose
from percapita.telemetry.digest.rows import Rows

MOST: Final = 500_000
"""Signals that wait at most; where more come, the oldest are counted as they are."""


class Waiting:
    """What waits. It is in the spool too: a killed process reads it again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rows: Rows | None = None

    def __len__(self) -> int:
        """Return how many signals wait."""
        return 0 if self._rows is None else len(self._rows)

    def decided(self, fresh: list[Rows], whose: Whose, since: int) -> Rows | None:
        """Return what can be counted now; the rest waits.

        Args:
            fresh: what came in.
            whose: what is known of traces and requests.
            since: microseconds since 1970: what came before has waited long enough.
        """
        parts = [*([] if self._rows is None else [self._rows]), *(r for r in fresh if len(r))]
        self._rows = None
        if not parts:
            return None
        rows = Rows.concatenated(parts)
        once = first_of_each(rows.key, rows.check)
        if not once.all():
            rows = rows.take(once)
        _join(rows, whose)
        waits = (rows.user == 0) & (rows.received >= since) & _may_join(rows)
        if waits.any():
            waits = self._bounded(waits)
            self._rows = rows.take(waits)
            rows = rows.take(~waits)
        return rows if len(rows) else None

    def _bounded(self, waits: Flags) -> Flags:
        """Let the newest wait, as many as may; what waited longest stands first."""
        at = np.flatnonzero(waits)
        waits[at[: max(len(at) - self._most, 0)]] = False
        return waits


def first_of_each(key: Words, check: Words) -> Flags:
    """Tell which marks are the first of their kind."""
    result = np.ones(len(key), np.bool_)
    held = np.sort(key)
    if (held[1:] == held[:-1]).any():
        order = np.lexsort((np.arange(len(key)), check, key))
        same = (key[order][1:] == key[order][:-1]) & (check[order][1:] == check[order][:-1])
        result[order[1:][same]] = False
    return result


def _may_join(rows: Rows) -> Flags:
    result = np.zeros(len(rows), np.bool_)
    for hashes in rows.joins:
        result |= hashes != 0
    return result


def _join(rows: Rows, whose: Whose) -> None:
    """Give rows without a user the one of their trace or request, if it is known.

    A span that has its user from a link hands it on to its own trace.
    """
    if not rows.joins:
        return
    without = np.flatnonzero(rows.user == 0)
    if not len(without):
        return
    *own, last = rows.joins
    for hashes in (*own, last):
        without = _given(rows, whose, without, hashes)
    linked = np.flatnonzero((rows.user > 0) & (last != 0))
    if len(linked) and own:
        begun = rows.at[linked].view(np.uint64)
        whose.learn(rows.trace[linked], rows.user[linked], begun)
        _given(rows, whose, without, rows.trace)


def _given(rows: Rows, whose: Whose, without: Ints, hashes: Words) -> Ints:
    """Fill in users by one hash; return the rows that still have none."""
    asked = without[hashes[without] != 0]
    if len(asked):
        rows.user[asked] = whose.users(hashes[asked])
    still: Ints = without[rows.user[without] == 0]
    return still
