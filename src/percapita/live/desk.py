"""Where the live estimate is asked: everything that lasts is kept, the rest is read anew.

A desk is meant to be asked again and again, every few seconds. Bills, prices and intervals are
worked out when a run is published or an hour has passed; attributes when something else than
readings came in; the readings of today each time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from percapita.allocate.drivers import DIMENSIONS
from percapita.allocate.levels import DELIVERIES
from percapita.core.errors import InputError, nearest
from percapita.core.periods import Span, local_day, midnight
from percapita.core.tables import READINGS
from percapita.live import cells, history
from percapita.live.attribution import Attribution, attribution, with_dimension
from percapita.live.split import Heads, heads
from percapita.model.spec import Driver, Model
from percapita.reconcile.estimate.meters import HOUR, Meter
from percapita.reconcile.estimate.spending import Series, Spending
from percapita.reconcile.estimate.ways import Key, drivers, key, ways
from percapita.report.opened import Opened, open_figures
from percapita.store import Store, claimed
from percapita.store.kept.live_readings import live_readings
from percapita.store.live.files import SOURCE
from percapita.store.read import live as read_live
from percapita.store.runs.estimates import Estimates

_ZONES: Final = timedelta(hours=14)
"""No zone's day begins further from its label."""
POOL: Final = "pool"
SERVICE: Final = "service"
_AGAIN: Final = timedelta(hours=1)
"""After this long, readings that came late for past days are looked for."""

_HEADS_SECONDS: Final = 5.0
_REST: Final = 10.0
"""Heads are counted anew after so many seconds, and so many times as many as it took."""
_PAUSED: Final = 15.0
"""Seconds past that, after which nobody can have followed: who asks now waits for a count."""

Read = dict[int, tuple[dict[datetime, int], dict[date, int]]]


class ByError(InputError):
    """The live estimate is asked for by something it cannot be cut by."""

    def __init__(self, by: str, model: Model) -> None:
        known = [segment.name for segment in model.segments] + [POOL, SERVICE, *DIMENSIONS]
        super().__init__(
            f"The live estimate cannot be cut by {by!r}.", hint=nearest(by, known, count=1)
        )


@dataclass(slots=True)
class Known:
    """What lasts until a run is published or an hour has passed."""

    opened: Opened
    first: date
    """The first day that billed days are looked at from."""
    today: date
    at: datetime
    wanted: list[Driver]
    past: Read
    """Sums of the meters before today."""
    spending: Spending
    pieces: list[read_live.Piece]
    """What cells and services had in the last two weeks of the bill."""
    fresh: bool = True
    """Nobody has looked at it yet."""
    per_head: dict[datetime, Decimal | None] = field(default_factory=dict)
    """Cost per active user of past hours, as far as somebody asked."""
    heads: dict[datetime, int] = field(default_factory=dict)
    """Likewise, who was active in the 24 hours that end with them."""


@dataclass(slots=True)
class Desk:
    """Answers what everything costs right now."""

    store: Store
    basis: str = ""
    _known: Known | None = None
    _whose: dict[tuple[str, ...], tuple[int, Attribution]] = field(default_factory=dict)
    _heads: dict[object, tuple[float, Heads]] = field(default_factory=dict)
    """Who was active, and up to when that is good enough."""
    _asked: tuple[Attribution, Span, str] | None = None
    """What they were counted for last."""
    _seq: int = -1
    _readings: str = ""
    """What the view of readings is made of."""
    summed: str = READINGS.name
    """View of the same readings for whoever does not ask whose they are."""

    def known(self, now: datetime) -> Known:
        """Return what lasts, worked out anew where it is due."""
        before = self._known
        if before is not None and now - before.at < _AGAIN:
            same = self.store.published(before.opened.basis) == dict(before.opened.runs)
            if same and local_day(now, before.opened.zone) == before.today:
                return before
        self._known = self._learn(now)
        self._seq = -1
        self._whose.clear()
        self._heads.clear()
        return self._known

    def _learn(self, now: datetime) -> Known:
        opened = open_figures(self.store, now=now, basis=self.basis)
        tz = opened.zone
        today = local_day(now, tz)
        history.bind(opened, today)
        since = history.first_day(opened, today)
        first, start = midnight(since, tz), midnight(today, tz)
        self._bind(opened, "past_readings", history.months(since, today))
        made = made_before(self.store.estimates, opened.basis)
        found = [
            replace(at, made=made.get((at.pool, at.source), {}))
            for at in history.series(opened, today)
        ]
        wanted = drivers(opened.model, sorted({series.pool for series in found}))
        past = history.meters(opened.engine, wanted, "past_readings", first, start)
        meters = _meters(opened, wanted, past, now, found)
        spending = Spending(opened.model, found, meters, tz, today)
        end = max((series.end for series in found), default=today)
        ends = midnight(end, tz)
        pieces = read_live.pieces(opened.engine, opened.basis, ends - timedelta(days=14), ends)
        return Known(opened, since, today, now, wanted, past, spending, pieces)

    def _bind(self, opened: Opened, name: str, months: list[str], told: str = "") -> None:
        unknown = opened.model.sampling.unknown
        claimed.bind(self.store, opened.zone, name, periods=months, unknown=unknown, told=told)

    def refresh(self, now: datetime) -> Known:
        """Bind the readings that are there now, and read today's."""
        known = self.known(now)
        seq = read_live.arrival(self.store.catalog).seq
        tz = known.opened.zone
        if seq != self._seq:
            before = known.today.replace(day=1) - timedelta(days=1)
            months = history.months(before, known.today)
            told, summed = live_readings(self.store).bind("told_readings", months)
            self._bind(known.opened, READINGS.name, months, told)
            self._readings = self.store.engine.made(READINGS.name)
            # A weight is of each reading: sums would round otherwise.
            weighed = known.opened.model.sampling.unknown != 1
            self.summed = READINGS.name if weighed else summed
            live = [(SOURCE, SOURCE, True)]
            deliveries = [*claimed.deliveries(self.store), *live]
            self.store.engine.load("deliveries", DELIVERIES, deliveries)
            self._seq = seq
        # Others who ask this store bind readings as they need them.
        self.store.engine.view(READINGS.name, self._readings)
        start = midnight(known.today, tz)
        read = history.meters(
            known.opened.engine, known.wanted, self.summed, start - _ZONES, now + HOUR
        )
        both: Read = {
            at: ({**known.past[at][0], **hours}, {**known.past[at][1], **days})
            for at, (hours, days) in read.items()
        }
        known.spending.meters = _meters(
            known.opened, known.wanted, both, now, known.spending.series
        )
        return known

    def whose(self, known: Known, by: str) -> Attribution:
        """Return the attributes of subjects, under the model with ``by`` kept apart."""
        model = with_dimension(known.opened.model, by, DIMENSIONS)
        others = read_live.arrival(self.store.catalog).others
        kept = self._whose.get(model.dimensions)
        if kept is not None and kept[0] == others:
            return kept[1]
        made = attribution(self.store, model, known.today, known.opened.zone, self.summed)
        self._heads.clear()
        self._whose[model.dimensions] = (others, made)
        return made

    def heads(self, whose: Attribution, span: Span, column: str) -> Heads:
        """Return who was active in a span, as last counted: telling people apart is dear.

        They are counted here once, and then by ``tend``; here again where nobody asked for a while.
        """
        self._asked = whose, span, column
        until, found = self._heads.get((whose.model.dimensions, column), (0.0, Heads(0, {})))
        return self._count() if not until or time.monotonic() > until + _PAUSED else found

    def tend(self) -> None:
        """Do what may be done between two looks: count who was active, tidy what was read."""
        live_readings(self.store).tend()
        if self._asked is not None:
            whose, _, column = self._asked
            until, _ = self._heads.get((whose.model.dimensions, column), (0.0, None))
            if time.monotonic() >= until:
                self._count()

    def _count(self) -> Heads:
        assert self._asked is not None  # noqa: S101
        whose, span, column = self._asked
        began = time.monotonic()
        whose.active(span)
        found = heads(self.store.engine, whose.model.primary.name, column)
        ended = time.monotonic()
        until = ended + max(_HEADS_SECONDS, _REST * (ended - began))
        self._heads[whose.model.dimensions, column] = until, found
        return found

    def cells(self, known: Known) -> dict[str, cells.Weights]:
        """Return which cells each pool's estimate falls on."""
        engine, tz = known.opened.engine, known.opened.zone
        start = midnight(known.today, tz)
        end = midnight(max((s.end for s in known.spending.series), default=known.today), tz)
        result: dict[str, cells.Weights] = {}
        had = cells.billed(known.pieces)
        for pool in known.opened.model.pools:
            mine = had.get(pool.name, {})
            result[pool.name] = cells.as_billed(mine)
            driver = cells.measured(known.opened.model, pool)
            if driver is None:
                continue
            last = start + timedelta(days=2)
            now = cells.units(engine, pool, driver, self.summed, start, last)
            if now:
                first = end - timedelta(days=14)
                past = cells.units(engine, pool, driver, "past_readings", first, end)
                result[pool.name] = cells.by_now(now, past, mine)
        return result


def check_by(by: str, model: Model) -> None:
    """Make sure that the estimate can be cut so.

    Raises:
        ByError: it cannot.
    """
    if by not in (POOL, SERVICE, *DIMENSIONS, *(segment.name for segment in model.segments)):
        raise ByError(by, model)


def made_before(kept: Estimates, basis: str) -> dict[tuple[str, str], dict[date, Decimal]]:
    """Return the estimates that were made of days, by pool and source."""
    found: dict[tuple[str, str], dict[date, Decimal]] = {}
    for one in kept.all(basis):
        found.setdefault((one.pool, one.source), {})[one.day] = one.amount
    return found


def _meters(
    opened: Opened, wanted: list[Driver], read: Read, now: datetime, series: Sequence[Series]
) -> dict[Key, Meter]:
    return {
        key(one.terms): history.priced_by(one.terms, wanted, read, opened.zone, now)
        for pool in sorted({at.pool for at in series})
        for one in ways(opened.model, pool)
        if one.terms
    }
