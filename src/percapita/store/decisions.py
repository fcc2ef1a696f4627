"""The decisions log: who decided what, when, on which figure, and what came of it.

Nothing in it is ever changed or deleted: what does not hold any more is withdrawn, and stays. The
figure is kept as the question that it answers and as the value that it had then; what it is now is
worked out by whoever reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError, nearest
from percapita.core.money import text
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import AUDIT, METADATA, Instant

DECIDE: Final = "decide"
OBSERVE: Final = "observe"
WITHDRAW: Final = "withdraw"

_DECISIONS: Final = sa.Table(
    "decisions",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("decided_on", sa.String(10), nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    # The figure: the question that it answers, and what it was then, every digit.
    sa.Column("metric", sa.String(64), nullable=False),
    sa.Column("asked", sa.JSON, nullable=False),
    sa.Column("value", sa.Text),
    sa.Column("currency", sa.String(16), nullable=False),
    sa.Column("runs", sa.JSON, nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    # Change of the figure: of so much, or of so many percent.
    sa.Column("change", sa.Text),
    sa.Column("change_percent", sa.Text),
    sa.Column("review_on", sa.String(10)),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
)
_OBSERVED: Final = sa.Table(
    "decisions_observed",
    METADATA,
    sa.Column("decision", sa.ForeignKey("decisions.number"), primary_key=True),
    sa.Column("ordinal", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("runs", sa.JSON, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
)
_WITHDRAWN: Final = sa.Table(
    "decisions_withdrawn",
    METADATA,
    sa.Column("decision", sa.ForeignKey("decisions.number"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
)
TABLES: Final = (_DECISIONS, _OBSERVED, _WITHDRAWN)


@dataclass(frozen=True, slots=True)
class FigureAsked:
    """The question that a figure answers."""

    metric: str
    period: str
    basis: str
    scope: str
    unit: str
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a decision is to bring."""

    effect: str = ""
    """In words."""
    change: Decimal | None = None
    """Of the figure; or, instead, in percent of it."""
    change_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What the figure was once the decision had its effect."""

    period: str
    before: Decimal | None
    """The decision's own figure, as it was by then."""
    after: Decimal | None
    runs: Mapping[str, str]
    """Month -> run that both were read from."""
    note: str
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """That a decision does not hold any more."""

    reason: str
    at: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, as it was written down."""

    number: int
    """0 until it is kept."""
    decision: str
    decided_on: date
    decided_by: str
    figure: FigureAsked
    value: Decimal | None
    """Of the figure, as it was then."""
    currency: str
    runs: Mapping[str, str]
    """Month -> run that it was read from."""
    expected: Expected
    review_on: date | None
    recorded_at: datetime
    recorded_by: str
    observed: tuple[Observed, ...] = ()
    withdrawn: Withdrawn | None = None

    @property
    def name(self) -> str:
        """What it is called everywhere: ``d3``."""
        return f"d{self.number}"


class UnknownDecisionError(InputError):
    """No decision of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no decision {name!r}.", hint=nearest(name, known))


class WithdrawnError(InputError):
    """A decision that does not hold any more, and nothing can come of."""

    def __init__(self, name: str, how: Withdrawn) -> None:
        super().__init__(
            f"{name} was withdrawn by {how.who} on {how.at:%Y-%m-%d}: {how.reason}",
            hint="Write a new decision down: percapita decision record.",
        )


class Decisions:
    """The decisions of a store."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        with catalog.read() as connection:
            there = sa.inspect(connection).has_table(_WITHDRAWN.name)
        if not there:
            # Stores made before there was a log, or anything was withdrawn from it.
            catalog.prepare(TABLES)

    def keep(self, made: Decision) -> Decision:
        """Keep a decision; return it with its number."""
        with self._catalog.write() as connection:
            last = connection.execute(sa.select(sa.func.max(_DECISIONS.c.number))).scalar()
            kept = replace(made, number=int(last or 0) + 1)
            connection.execute(sa.insert(_DECISIONS), _row(kept))
            told = {"metric": kept.figure.metric, "period": kept.figure.period}
            _audit(connection, kept.recorded_by, kept.recorded_at, DECIDE, kept.name, told)
        return kept

    def observe(self, name: str, seen: Observed) -> None:
        """Keep what came of a decision.

        Raises:
            UnknownDecisionError: there is none of that name.
            WithdrawnError: it does not hold any more.
        """
        with self._catalog.write() as connection:
            one = _holding(connection, name)
            row = {
                "decision": one.number, "ordinal": len(one.observed) + 1,
                "period": seen.period, "before": text(seen.before), "after": text(seen.after),
                "runs": dict(seen.runs), "note": seen.note, "recorded_at": seen.recorded_at,
                "recorded_by": seen.recorded_by,
            }  # fmt: skip
            connection.execute(sa.insert(_OBSERVED), row)
            told = {"period": seen.period}
            _audit(connection, seen.recorded_by, seen.recorded_at, OBSERVE, name, told)

    def withdraw(self, name: str, how: Withdrawn) -> None:
        """Keep that a decision does not hold any more.

        Raises:
            UnknownDecisionError: there is none of that name.
            WithdrawnError: it was withdrawn before.
        """
        with self._catalog.write() as connection:
            row = {
                "decision": _holding(connection, name).number, "reason": how.reason, "at": how.at,
                "who": how.who,
            }  # fmt: skip
            connection.execute(sa.insert(_WITHDRAWN), row)
            _audit(connection, how.who, how.at, WITHDRAW, name, {"reason": how.reason})

    def all(self) -> list[Decision]:
        """Return all decisions, in the order they were written down."""
        with self._catalog.read() as connection:
            return _all(connection)

    def one(self, name: str) -> Decision:
        """Return a decision.

        Raises:
            UnknownDecisionError: there is none of that name.
        """
        found = {one.name: one for one in self.all()}
        if name not in found:
            raise UnknownDecisionError(name, list(found))
        return found[name]


def _holding(connection: Connection, name: str) -> Decision:
    found = {one.name: one for one in _all(connection)}
    if name not in found:
        raise UnknownDecisionError(name, list(found))
    if (withdrawn := found[name].withdrawn) is not None:
        raise WithdrawnError(name, withdrawn)
    return found[name]


def _audit(
    connection: Connection, who: str, at: datetime, what: str, ref: str, told: Mapping[str, str]
) -> None:
    """Write it into the audit log under the name of whoever did it, who may be behind a page."""
    entry = {"at": at, "who": who, "what": what, "ref": ref, "detail": dict(told)}
    connection.execute(sa.insert(AUDIT), entry)


def _row(one: Decision) -> dict[str, object]:
    figure, expected = one.figure, one.expected
    return {
        "number": one.number, "decision": one.decision, "decided_on": str(one.decided_on),
        "decided_by": one.decided_by, "metric": figure.metric,
        "asked": {"period": figure.period, "basis": figure.basis, "scope": figure.scope,
                  "unit": figure.unit, "where": list(figure.where)},
        "value": text(one.value), "currency": one.currency, "runs": dict(one.runs),
        "expected": expected.effect, "change": text(expected.change),
        "change_percent": text(expected.change_percent),
        "review_on": str(one.review_on) if one.review_on else None,
        "recorded_at": one.recorded_at, "recorded_by": one.recorded_by,
    }  # fmt: skip


def _all(connection: Connection) -> list[Decision]:
    seen: dict[int, list[Observed]] = {}
    order = (_OBSERVED.c.decision, _OBSERVED.c.ordinal)
    for row in connection.execute(sa.select(_OBSERVED).order_by(*order)):
        seen.setdefault(row.decision, []).append(
            Observed(row.period, _number(row.before), _number(row.after), row.runs, row.note,
                     row.recorded_at, row.recorded_by)
        )  # fmt: skip
    withdrawn = {
        row.decision: Withdrawn(row.reason, row.at, row.who)
        for row in connection.execute(sa.select(_WITHDRAWN))
    }
    rows = connection.execute(sa.select(_DECISIONS).order_by(_DECISIONS.c.number))
    return [
        _decision(row, tuple(seen.get(row.number, ())), withdrawn.get(row.number)) for row in rows
    ]


def _decision(
    row: sa.Row[tuple[object, ...]], observed: tuple[Observed, ...], withdrawn: Withdrawn | None
) -> Decision:
    asked = row.asked
    figure = FigureAsked(
        row.metric, asked["period"], asked["basis"], asked["scope"], asked["unit"],
        tuple(asked["where"]),
    )  # fmt: skip
    expected = Expected(row.expected, _number(row.change), _number(row.change_percent))
    review = date.fromisoformat(row.review_on) if row.review_on else None
    return Decision(
        row.number, row.decision, date.fromisoformat(row.decided_on), row.decided_by, figure,
        _number(row.value), row.currency, row.runs, expected, review, row.recorded_at,
        row.recorded_by, observed, withdrawn,
    )  # fmt: skip


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
