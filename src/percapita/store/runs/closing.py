"""Closed billing months: their figures stay, what changes later is booked in an open month.

A closing fixes the run of a month for each basis that was published. Where a later import restates
the month, a run of the same model is kept beside it: the difference of the two runs is an
adjustment, booked in the first open month after it. Once that month is closed too, the next
difference is taken from the run that the last one led to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError
from percapita.core.tables import CLAIMS, COUNTS, LINES, READINGS, SEGMENTS
from percapita.store.catalog.tables import METADATA, PUBLISHED, Instant
from percapita.store.crash import point
from percapita.store.files import views
from percapita.store.journal import audit
from percapita.store.site import Site

_CLOSINGS: Final = sa.Table(
    "closings",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("basis", sa.String(16), primary_key=True),
    sa.Column("period", sa.String(16), nullable=False),
    sa.Column("run_id", sa.String(32), nullable=False),
    sa.Column("closed_at", Instant, nullable=False),
    sa.Column("closed_by", sa.Text, nullable=False),
    sa.Column("signed_off_by", sa.Text),
    sa.Column("reopened_at", Instant),
    sa.Column("reason", sa.Text),
)
_ADJUSTMENTS: Final = sa.Table(
    "adjustments",
    METADATA,
    sa.Column("basis", sa.String(16), primary_key=True),
    sa.Column("period", sa.String(16), primary_key=True),
    # The open month that the difference of the two runs is booked in.
    sa.Column("booked_in", sa.String(16), primary_key=True),
    sa.Column("from_run", sa.String(32), nullable=False),
    sa.Column("to_run", sa.String(32), nullable=False),
    sa.Column("at", Instant, nullable=False),
)
_RESTATES: Final = (LINES, READINGS, COUNTS)
"""Inputs that belong to a month: what changes in them restates it."""


class Closing(NamedTuple):
    """One closing of one basis of a month; past if it was reopened."""

    number: int
    basis: str
    period: str
    run: str
    closed_at: datetime
    closed_by: str
    signed_off_by: str | None
    reopened_at: datetime | None
    reason: str | None


class Adjustment(NamedTuple):
    """The difference between two runs of a closed month, and the open month it is booked in."""

    basis: str
    period: str
    booked_in: str
    from_run: str
    to_run: str
    at: datetime


class Restated(NamedTuple):
    """A run that restates a closed month."""

    basis: str
    period: str
    run: str


class NothingToCloseError(InputError):
    """A month without figures cannot be closed."""

    def __init__(self, period: str) -> None:
        super().__init__(
            f"{period} has no published figures.", hint="Make them first: percapita run."
        )


class StaleError(InputError):
    """The inputs changed since the figures were made."""

    def __init__(self, period: str) -> None:
        super().__init__(
            f"What was imported for {period} changed since its figures were made.",
            hint="Bring them up to it first: percapita run. Then close.",
        )


class ClosedError(InputError):
    """The month is closed already."""

    def __init__(self, period: str) -> None:
        super().__init__(
            f"{period} is closed.",
            hint=f'To change its figures: percapita close {period} --reopen "REASON".',
        )


class NotClosedError(InputError):
    """The month is open."""

    def __init__(self, period: str) -> None:
        super().__init__(f"{period} is not closed.", hint=f"Close it: percapita close {period}.")


class BookedError(InputError):
    """An adjustment of the month stands in another month that is closed."""

    def __init__(self, period: str, booked_in: str) -> None:
        super().__init__(
            f"An adjustment of {period} is booked in {booked_in}, which is closed.",
            hint=f'Reopen that month first: percapita close {booked_in} --reopen "REASON".',
        )


@dataclass(frozen=True, slots=True)
class Closings:
    """The closed months of a store."""

    site: Site

    def all(self) -> list[Closing]:
        """Return every closing, past ones too, in the order they were made."""
        with self.site.catalog.read() as connection:
            return _closings(connection)

    def closed(self) -> dict[str, list[Closing]]:
        """Return each month that is closed now, with its closing in each basis."""
        found: dict[str, list[Closing]] = {}
        for one in self.all():
            if one.reopened_at is None:
                found.setdefault(one.period, []).append(one)
        return found

    def adjustments(self, basis: str | None = None) -> list[Adjustment]:
        """Return the booked differences, by closed month and then by when they were booked."""
        with self.site.catalog.read() as connection:
            return [a for a in _adjustments(connection) if basis in (None, a.basis)]

    def last_run(self, closing: Closing) -> str:
        """Return the run that says what a closed month came to, adjustments included."""
        mine = [a for a in self.adjustments(closing.basis) if a.period == closing.period]
        return mine[-1].to_run if mine else closing.run

    def changed(self, period: str, run: str) -> bool:
        """Tell whether a month's inputs are others now than a run read."""
        with self.site.catalog.read() as connection:
            version = views.version_of(connection, run)
            return any(
                views.inputs(connection, table, periods=[period])
                != views.inputs(connection, table, version=version, periods=[period])
                for table in _RESTATES
            )

    def metered(self, before: str, after: str) -> bool:
        """Tell whether two runs read different usage, head counts or attributes."""
        with self.site.catalog.read() as connection:
            first, second = (views.version_of(connection, run) for run in (before, after))
            return any(
                views.inputs(connection, table, version=first)
                != views.inputs(connection, table, version=second)
                for table in (READINGS, CLAIMS, COUNTS, SEGMENTS)
            )

    def close(self, period: str, now: datetime, *, sign_off: str | None = None) -> None:
        """Close a month: its published runs stand from now on.

        Raises:
            InputError: it has no figures, is closed, or was restated since its run.
        """
        if period in self.closed():
            raise ClosedError(period)
        with self.site.catalog.read() as connection:
            held = _published(connection, period)
        if not held:
            raise NothingToCloseError(period)
        if any(self.changed(period, run) for run in held.values()):
            raise StaleError(period)
        with self.site.catalog.write() as connection:
            if _published(connection, period) != held:
                raise StaleError(period)
            _made(connection)
            number = len({one.number for one in _closings(connection)}) + 1
            rows = [
                {"number": number, "basis": basis, "period": period, "run_id": run,
                 "closed_at": now, "closed_by": self.site.who, "signed_off_by": sign_off}
                for basis, run in sorted(held.items())
            ]  # fmt: skip
            connection.execute(sa.insert(_CLOSINGS), rows)
            audit(connection, self.site, now, "close", period, runs=held, signed_off_by=sign_off)
            point("close.staged")
        point("close.committed")

    def sign_off(self, period: str, name: str, now: datetime) -> None:
        """Write down who stands for a closed month.

        Raises:
            NotClosedError: it is open.
        """
        if period not in self.closed():
            raise NotClosedError(period)
        with self.site.catalog.write() as connection:
            connection.execute(_of(period).values(signed_off_by=name))
            audit(connection, self.site, now, "sign-off", period, name=name)

    def reopen(self, period: str, reason: str, now: datetime) -> None:
        """Let the next run rewrite a month; what was booked elsewhere for it goes.

        Raises:
            InputError: it is open, or an adjustment of it stands in a month that is closed.
        """
        closed = self.closed()
        if period not in closed:
            raise NotClosedError(period)
        for one in self.adjustments():
            if one.period == period and one.booked_in in closed:
                raise BookedError(period, one.booked_in)
        with self.site.catalog.write() as connection:
            connection.execute(_of(period).values(reopened_at=now, reason=reason))
            connection.execute(sa.delete(_ADJUSTMENTS).where(_ADJUSTMENTS.c.period == period))
            audit(connection, self.site, now, "reopen", period, reason=reason)

    def publish_restated(self, restated: Sequence[Restated]) -> None:
        """Book adjustments alone, where no open month was run beside them."""
        now = self.site.clock(None)
        with self.site.catalog.write() as connection:
            book(connection, self.site, now, restated)
            point("close.adjustments-staged")
        point("close.adjustments-committed")


def _of(period: str) -> sa.Update:
    standing = _CLOSINGS.c.reopened_at.is_(None)
    return sa.update(_CLOSINGS).where(_CLOSINGS.c.period == period, standing)


def _made(connection: Connection) -> None:
    """Make the tables in a store that is older than they are."""
    METADATA.create_all(connection, tables=[_CLOSINGS, _ADJUSTMENTS], checkfirst=True)


def _there(connection: Connection) -> bool:
    return sa.inspect(connection).has_table(_ADJUSTMENTS.name)


def _closings(connection: Connection) -> list[Closing]:
    if not _there(connection):
        return []
    order = (_CLOSINGS.c.number, _CLOSINGS.c.basis)
    return [Closing(*row) for row in connection.execute(sa.select(_CLOSINGS).order_by(*order))]


def _adjustments(connection: Connection) -> list[Adjustment]:
    if not _there(connection):
        return []
    order = (_ADJUSTMENTS.c.basis, _ADJUSTMENTS.c.period, _ADJUSTMENTS.c.booked_in)
    rows = connection.execute(sa.select(_ADJUSTMENTS).order_by(*order))
    return [Adjustment._make(row) for row in rows]


def _published(connection: Connection, period: str) -> dict[str, str]:
    wanted = sa.select(PUBLISHED.c.basis, PUBLISHED.c.run_id).where(PUBLISHED.c.period == period)
    return {row.basis: row.run_id for row in connection.execute(wanted)}


def closed_pairs(connection: Connection) -> set[str]:
    """Return the months that are closed, in the transaction of whoever publishes."""
    return {one.period for one in _closings(connection) if one.reopened_at is None}


def kept(connection: Connection) -> set[str]:
    """Return the runs that closed months need."""
    runs = {one.run for one in _closings(connection) if one.reopened_at is None}
    for one in _adjustments(connection):
        runs |= {one.from_run, one.to_run}
    return runs


def book(
    connection: Connection, site: Site, now: datetime, restated: Iterable[Restated]
) -> list[Adjustment]:
    """Book what runs of closed months differ by in the first open month after each."""
    found = []
    closings = [one for one in _closings(connection) if one.reopened_at is None]
    closed = {one.period for one in closings}
    standing = {(one.basis, one.period): one for one in closings}
    for basis, period, run in sorted(restated):
        closing = standing.get((basis, period))
        if closing is None:
            # Reopened while the run was going on: the next run rewrites it.
            continue
        booked_in = first_open(period, closed)
        steps = [a for a in _adjustments(connection) if (a.basis, a.period) == (basis, period)]
        fixed = [step for step in steps if step.booked_in in closed]
        begin = fixed[-1].to_run if fixed else closing.run
        mine = (_ADJUSTMENTS.c.basis == basis) & (_ADJUSTMENTS.c.period == period)
        loose = _ADJUSTMENTS.c.booked_in.not_in(sorted(closed))
        connection.execute(sa.delete(_ADJUSTMENTS).where(mine, loose))
        step = Adjustment(basis, period, booked_in, begin, run, now)
        connection.execute(sa.insert(_ADJUSTMENTS), step._asdict())
        found.append(step)
        audit(connection, site, now, "adjust", period, basis=basis, booked_in=booked_in, run=run)
    return found


def first_open(period: str, closed: Collection[str]) -> str:
    """Return the first month after ``period`` that is not closed."""
    year, month = int(period[:4]), int(period[5:7])
    while True:
        year, month = year + month // 12, month % 12 + 1
        label = f"{year:04d}-{month:02d}"
        if label not in closed:
            return label
